"""rtc: the request says what will have run, and the answer goes on from there."""

import numpy as np
import pytest
from executor_rig import DT, LIMITS, ExecutorRig, excess

from wam_core.joints import GRIPPERS, Vector
from wam_core.prefix import resample
from wam_core.requests import ChunkRequest

HORIZON = 50
ARM_JOINTS = [joint for joint in range(14) if joint not in GRIPPERS]


def smooth_rows(seed: int) -> Vector:
    """(50, 14) of a slow motion from 0.25."""
    numbers = np.random.default_rng(seed)
    times = 0.04 * np.arange(HORIZON)[:, None]
    return 0.25 + numbers.uniform(0.02, 0.1, 14) * np.sin(numbers.uniform(0.5, 1.5, 14) * times)


def conditioned(request: ChunkRequest, t_obs_ns: int, seed: int) -> tuple[Vector, int]:
    """What a policy would answer that conditions on the prefix: rows, and how many repeat it."""
    same = resample(request.prefix, request.prefix_start_ns, DT, t_obs_ns, HORIZON)
    rows = smooth_rows(seed)
    rows += same[-1] - rows[len(same) - 1]
    rows[: len(same)] = same
    return rows, len(same)


class Run:
    """A policy that answers each request after some ticks; what was asked for and requested."""

    def __init__(self, latency: int, *, condition: bool = True, period_ns: int = DT) -> None:
        self.rig = ExecutorRig(splice_s=0.2, period_ns=period_ns)
        self.latency, self.condition = latency * (DT // period_ns), condition
        self.requested: dict[int, Vector] = {}
        self.served_by: dict[int, int] = {}
        self.first_new_ns: list[int] = []
        self.end_ns = 0  # of the newest chunk
        request = self.rig.start('rtc')
        assert request.prefix.shape == (0, 14)
        self.rig.tick(self.latency)
        assert self.rig.answer(request, np.zeros(50), actions=smooth_rows(0).ravel()) == ''

    def tick(self) -> None:
        tick = self.rig.tick()
        assert tick.applied is not None
        if tick.applied.source == 'policy':
            self.requested[self.rig.now] = tick.applied.requested
            self.served_by[self.rig.now] = tick.applied.request_id

    def until_request(self) -> ChunkRequest:
        known = len(self.rig.requests)
        for _ in range(300):
            self.tick()
            if len(self.rig.requests) > known:
                return self.rig.requests[-1]
        raise AssertionError('no request within 300 ticks')

    def answer(self, request: ChunkRequest, age_ns: int = 2 * DT) -> Vector:
        """The rows, from an observation of a little before the request, as policies do."""
        t_obs_ns = max(self.rig.now - age_ns, request.not_before_ns)
        rows, same = conditioned(request, t_obs_ns, request.request_id)
        for _ in range(self.latency):
            self.tick()
        self.first_new_ns.append(t_obs_ns + same * DT)
        self.end_ns = t_obs_ns + (HORIZON - 1) * DT
        text = self.rig.answer(
            request,
            np.zeros(HORIZON),
            actions=rows.ravel(),
            t_obs_ns=t_obs_ns,
            prefix_rows=same if self.condition else 0,
        )
        assert text == ''
        return rows


@pytest.mark.parametrize('period_ns', [DT, DT // 2])
def test_the_prefix_is_what_is_then_requested(period_ns: int) -> None:
    run = Run(latency=6, period_ns=period_ns)
    for _ in range(4):
        request = run.until_request()
        assert len(request.prefix) > 4
        run.answer(request)
        run.tick()
        for index, row in enumerate(request.prefix):
            due_ns = request.prefix_start_ns + index * DT
            if due_ns in run.requested:
                assert run.requested[due_ns] == pytest.approx(row, abs=1e-9), index
        covered = [request.prefix_start_ns + k * DT in run.requested for k in range(3)]
        assert all(covered)


@pytest.mark.parametrize('period_ns', [DT, DT // 2])
def test_a_conditioned_answer_is_followed_after_the_prefix_and_the_prefix_until_then(
    period_ns: int,
) -> None:
    run = Run(latency=6, period_ns=period_ns)
    for _ in range(4):
        request = run.until_request()
        rows = run.answer(request)
        switch_ns = run.first_new_ns[-1]
        while run.rig.now < switch_ns + 20 * DT:
            run.tick()
        for index, row in enumerate(request.prefix):
            due_ns = request.prefix_start_ns + index * DT
            if due_ns in run.requested and due_ns < switch_ns:
                assert run.requested[due_ns] == pytest.approx(row, abs=1e-9), index
        assert {run.served_by[switch_ns + k * DT] for k in range(20)} == {request.request_id}
        # Its own way of going on is faded in.
        after = [run.requested[switch_ns + k * DT] for k in range(15, 20)]
        first = len(rows) - 1 - (run.end_ns - switch_ns) // DT + 15
        assert np.abs(after - rows[first : first + 5]).max() < 1e-9
    assert run.rig.core.status.underruns == 0
    assert run.rig.core.status.splice_rad < 0.01  # next to nothing is left to splice
    assert excess(run.rig.commands, LIMITS, period_ns) <= 1e-7


def test_an_answer_that_does_not_say_so_is_spliced_in_at_once() -> None:
    run = Run(latency=6, condition=False)
    request = run.until_request()
    run.answer(request)
    run.tick()
    assert run.served_by[run.rig.now] == request.request_id
    assert excess(run.rig.commands, LIMITS) <= 1e-7


def test_an_answer_that_comes_after_its_prefix_has_run_is_followed_at_once() -> None:
    run = Run(latency=6)
    run.answer(run.until_request())
    request = run.until_request()
    run.latency = 15  # the lead was for 7
    run.answer(request)
    run.tick()
    assert run.rig.now > run.first_new_ns[-1]
    assert run.served_by[run.rig.now] == request.request_id
    assert excess(run.rig.commands, LIMITS) <= 1e-7


def test_the_prefix_reaches_back_to_older_observations_and_no_further_than_the_plan() -> None:
    run = Run(latency=6)
    request = run.until_request()
    now_ns = run.rig.now
    back_ns = now_ns - request.prefix_start_ns
    assert 150_000_000 <= back_ns <= 240_000_000
    until_ns = request.prefix_start_ns + (len(request.prefix) - 1) * DT
    assert until_ns >= now_ns
    assert until_ns <= now_ns + 10 * DT


def test_nothing_of_before_a_jump_of_the_clock_is_in_a_prefix() -> None:
    run = Run(latency=6)
    run.until_request()
    run.rig.now += 10**10
    run.rig.tick()
    assert run.rig.requests[-1].prefix.shape == (0, 14)


def test_rows_that_are_next_to_nothing_apart_do_not_make_an_endless_prefix() -> None:
    rig = ExecutorRig()
    assert rig.answer(rig.start('rtc'), np.full(50, 0.25)) == ''
    rig.tick(period_ns=0)  # answered at once: the plan is not taken for too short
    while len(rig.requests) < 2:
        rig.tick()
    assert rig.answer(rig.requests[-1], np.full(50, 0.25), dt_ns=1_000_000) == ''
    request = rig.tick(period_ns=0).request
    assert request is not None
    assert 1 < len(request.prefix) <= 1000


def test_a_plan_beyond_the_limits_is_not_handed_over_as_what_runs() -> None:
    rig = ExecutorRig()
    wild = 4.0 * np.random.default_rng(0).standard_normal((HORIZON, 14))
    assert rig.answer(rig.start('rtc'), np.zeros(HORIZON), actions=wild.ravel()) == ''
    rig.tick()
    while len(rig.requests) < 2:
        rig.tick()
    prefix = rig.requests[-1].prefix
    assert len(prefix) > 1
    assert (prefix >= LIMITS.lower).all()
    assert (prefix <= LIMITS.upper).all()
