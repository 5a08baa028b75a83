"""The executor and its chunks: asked for, judged, followed, late, or never there."""

import math
from typing import Any

import numpy as np
import pytest
from executor_rig import DT, LIMITS, MS, REST, T0, ExecutorRig, excess, ramp

from wam_core.requests import ChunkRequest
from wam_core.status import State
from wam_core.tick import Tick


@pytest.mark.parametrize('mode', ['sync', 'async', 'rtc'])
def test_the_first_request_wants_an_observation_of_this_run_and_is_made_as_in_sync(
    mode: str,
) -> None:
    rig = ExecutorRig()
    request = rig.start(mode)
    assert (request.request_id, request.generation, request.task) == (1, 1, 'fold')
    assert (request.mode, request.not_before_ns, request.prefix.shape) == ('sync', T0, (0, 14))


def test_sync_runs_every_row_then_rests_and_asks_for_what_it_sees_then() -> None:
    rig = ExecutorRig()
    first = rig.start('sync')
    rig.tick(5)
    assert len(rig.requests) == 1
    rows = 0.25 + 0.1 * np.sin(np.linspace(0.0, 3.0, 30)) ** 2
    # However old the observation is, row 0 runs first.
    assert rig.answer(first, rows, t_obs_ns=rig.now - 3 * DT) == ''
    followed = [rig.tick() for _ in range(30)]
    applied = [tick.applied for tick in followed if tick.applied is not None]
    assert [entry.row for entry in applied] == pytest.approx(list(range(30)))
    # From rest the first rows are caught up with, all others run as they came.
    assert [entry.limited[0] for entry in applied[12:]] == pytest.approx(rows[12:], abs=1e-9)
    assert {entry.source for entry in applied} == {'policy'}
    assert {entry.request_id for entry in applied} == {first.request_id}
    assert all(tick.request is None for tick in followed[:-1])
    rig.until_rest()
    assert len(rig.requests) == 2
    assert rig.requests[-1].not_before_ns >= T0 + 35 * DT
    status = rig.core.status
    assert (status.state, status.steps, status.underruns) == (State.HOLDING, 30, 0)
    assert status.chunks_merged == 1
    assert status.latency_s == pytest.approx(6 * 0.04)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_sync_refuses_an_observation_of_before_the_chunk_ended() -> None:
    rig = ExecutorRig()
    assert rig.answer(rig.start('sync'), ramp(5)) == ''
    rig.tick(7)
    assert len(rig.requests) == 2
    early_ns = rig.requests[-1].not_before_ns - 80 * MS
    text = rig.answer(rig.requests[-1], ramp(5), t_obs_ns=early_ns)
    assert text == 'stale: t_obs is 0.080 s before what request 2 allows'


def drive(rig: ExecutorRig, mode: str, latency: int, ticks: int, horizon: int = 50) -> None:
    """A policy that answers after so many ticks with 0.1 sin(t) around 0.25."""
    rig.start(mode)
    due: list[tuple[int, ChunkRequest, int]] = []
    seen = 0
    for tick in range(ticks):
        for request in rig.requests[seen:]:
            due.append((tick + latency, request, rig.now))
        seen = len(rig.requests)
        while due and due[0][0] == tick:
            _, request, t_obs_ns = due.pop(0)
            phase = (t_obs_ns - T0) / 1e9 + 0.04 * np.arange(horizon)
            assert rig.answer(request, 0.25 + 0.1 * np.sin(phase), t_obs_ns=t_obs_ns) == ''
        rig.tick()


@pytest.mark.parametrize('mode', ['async', 'rtc'])
@pytest.mark.parametrize('latency', [1, 8, 20])
def test_the_next_chunk_is_asked_for_early_enough_and_the_plan_never_runs_dry(
    mode: str, latency: int
) -> None:
    rig = ExecutorRig(request_margin_s=0.08, splice_s=0.2)
    drive(rig, mode, latency, 250)
    status = rig.core.status
    assert (status.underruns, status.state) == (0, State.RUNNING)
    # Of 50 rows, that end with the 49th, the last latency + 1 + 2 are the lead of the request.
    assert status.chunks_merged >= 1 + (250 - latency - 60) // (49 - latency - 2)
    assert status.rows_skipped == latency + 1  # it takes effect at the tick after its arrival
    assert status.latency_s == pytest.approx((latency + 1) * 0.04)
    times = (np.arange(len(rig.waist)) + 1.0) * 0.04
    expected = 0.25 + 0.1 * np.sin(times)
    settled = 140  # the first chunk began when it came
    assert rig.waist[settled:] == pytest.approx(expected[settled:], abs=1e-4)
    assert excess(rig.commands, LIMITS) <= 1e-7


@pytest.mark.parametrize('mode', ['async', 'rtc'])
def test_a_policy_too_slow_for_its_chunks_is_served_as_in_sync(mode: str) -> None:
    rig = ExecutorRig()
    drive(rig, mode, 30, 400)
    assert rig.core.status.requests_as_sync > 2
    assert {request.mode for request in rig.requests[2:]} == {'sync'}
    assert rig.core.status.underruns <= 1
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_first_answer_of_a_policy_that_warms_up_does_not_make_it_a_slow_one() -> None:
    rig = ExecutorRig()
    first = rig.start('async')
    rig.tick(120)  # twice as long as its chunk
    assert rig.answer(first, ramp(50)) == ''
    rig.tick(2)
    rig.tick(60)  # nobody knows better yet: the second is asked for at rest
    second = rig.requests[-1]
    assert second.mode == 'sync'
    assert rig.answer(second, ramp(50)) == ''
    while len(rig.requests) < 3:
        rig.tick()
    assert rig.requests[-1].mode == 'async'
    assert rig.core.status.state is State.RUNNING


def test_a_late_chunk_is_an_underrun_the_arms_rest_and_go_on_without_a_jump() -> None:
    rig = ExecutorRig(splice_s=0.2)
    assert rig.answer(rig.start('async'), ramp(30)) == ''
    rig.tick(20)
    while rig.core.status.state is State.RUNNING:
        rig.tick()
    assert not rig.core.status.at_rest
    assert 0 < rig.until_rest() < 20
    status = rig.core.status
    assert (status.state, status.underruns) == (State.HOLDING, 1)
    held = rig.arms[0]
    assert held == pytest.approx(0.54, abs=0.05)
    rig.tick(5)
    assert rig.arms[0] == held
    assert rig.answer(rig.requests[-1], ramp(50, start=0.6)) == ''
    rig.tick(3)
    assert rig.core.status.state is State.RUNNING
    rig.tick(30)
    assert excess(rig.commands, LIMITS) <= 1e-7


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'actions': np.full(140, math.nan)}, 'not_finite: row 0, left_waist = nan'),
        ({'action_dim': 7}, 'wrong_dimension: action_dim = 7, allowed 14'),
        ({'horizon': 0}, 'empty: horizon = 0'),
        ({'horizon': 9}, 'malformed: actions has shape (140,), expected 9 x 14'),
        ({'task': 'juggle'}, "wrong_task: task = 'juggle', expected 'fold'"),
        ({'generation': 7}, 'wrong_generation: generation = 7, expected 1'),
        ({'request_id': 9}, 'unsolicited: request_id = 9, expected 1'),
        ({'error': 'no GPU'}, 'policy_error: the policy failed: no GPU'),
        ({'t_obs_ns': T0 + 10**9}, 'future: t_obs is 0.960 s ahead of now, allowed 0.1 s'),
        ({'t_obs_ns': T0 - 10**10}, 'stale: t_obs was 10.040 s ago, allowed 10 s'),
        ({'t_obs_ns': T0 - MS}, 'stale: t_obs is 0.001 s before what request 1 allows'),
        ({'prefix_rows': 2}, 'malformed: prefix_rows = 2, allowed 0: the request had no prefix'),
    ],
)
def test_a_chunk_that_can_not_be_followed_is_counted_and_the_arms_hold(
    change: dict[str, Any], text: str
) -> None:
    rig = ExecutorRig()
    request = rig.start('async')
    assert rig.answer(request, ramp(10), **{'t_obs_ns': T0, **change}).startswith(text)
    rig.tick(3)
    status = rig.core.status
    assert status.refusals == {text.split(':')[0]: 1}
    assert status.chunks_refused == 1
    assert status.last_refusal.startswith(text)
    assert status.state is State.HOLDING
    assert np.array_equal(rig.arms, REST)


@pytest.mark.parametrize('mode', ['sync', 'async', 'rtc'])
@pytest.mark.parametrize('ahead_ns', [MS, 40 * MS, 100 * MS])
def test_a_chunk_from_a_clock_a_little_ahead_is_followed(mode: str, ahead_ns: int) -> None:
    rig = ExecutorRig()
    assert rig.answer(rig.start(mode), ramp(50), t_obs_ns=rig.now + ahead_ns) == ''
    rows = [tick.applied.row for tick in (rig.tick() for _ in range(20)) if tick.applied]
    assert rows == sorted(rows)
    assert rows[0] >= 0.0
    assert rig.core.status.state is State.RUNNING
    assert excess(rig.commands, LIMITS) <= 1e-7


@pytest.mark.parametrize('mode', ['async', 'rtc'])
def test_a_chunk_whose_rows_are_all_past_is_refused_and_the_plan_goes_on(mode: str) -> None:
    rig = ExecutorRig()
    assert rig.answer(rig.start(mode), ramp(50)) == ''
    while len(rig.requests) < 2:
        rig.tick()
    text = rig.answer(rig.requests[-1], ramp(10), t_obs_ns=rig.now - DT, dt_ns=3 * MS)
    assert text.startswith('past: every row is past: row 0 was due 0.040 s ago')
    rig.tick()
    assert rig.core.status.state is State.RUNNING
    assert rig.core.status.refusals == {'past': 1}


def test_an_answer_counts_once() -> None:
    rig = ExecutorRig()
    request = rig.start('async')
    assert rig.answer(request, ramp(10)) == ''
    assert rig.answer(request, ramp(10)) == 'duplicate: request_id = 1, answered before'
    rig.tick()
    assert rig.core.status.chunks_merged == 1


def test_after_a_bad_answer_the_policy_is_asked_again_but_not_at_once() -> None:
    rig = ExecutorRig(retry_s=0.2)
    rig.answer(rig.start('async'), ramp(10), error='no')
    rig.tick(4)
    assert len(rig.requests) == 1
    rig.tick()
    assert [request.request_id for request in rig.requests] == [1, 2]


def test_a_policy_that_is_not_there_is_asked_again_every_retry() -> None:
    rig = ExecutorRig(retry_s=0.2)
    rig.start('async')
    for _ in range(50):
        if rig.ticks[-1].request is not None:
            request_id = rig.ticks[-1].request.request_id
            rig.core.request_refused(request_id, rig.now, 'service is absent')
            rig.core.request_refused(request_id, rig.now, 'said twice')
        rig.tick()
    status = rig.core.status
    assert status.requests_refused == 10
    assert status.last_request_refusal == 'service is absent'


def test_a_request_that_nobody_answers_is_given_up() -> None:
    rig = ExecutorRig(request_timeout_s=1.0)
    lost = rig.start('async')
    rig.tick(25)
    assert len(rig.requests) == 1
    rig.tick()
    assert [request.request_id for request in rig.requests] == [1, 2]
    assert rig.core.status.requests_timed_out == 1
    assert rig.answer(lost, ramp(10)) == 'unsolicited: request_id = 1, expected 2'
    assert rig.answer(rig.requests[-1], ramp(10)) == ''


def test_a_chunk_outside_a_run_is_refused() -> None:
    rig = ExecutorRig()
    request = rig.start('async')
    rig.core.hold()
    assert rig.answer(request, ramp(10)) == 'not_running: request_id = 1 came, no run is active'
    assert rig.tick() == Tick()


def test_a_new_run_takes_no_chunk_of_the_old_one() -> None:
    rig = ExecutorRig()
    old = rig.start('async')
    rig.tick()
    new = rig.start('async')
    assert (new.generation, new.request_id) == (2, 2)
    assert rig.answer(old, ramp(10)) == 'wrong_generation: generation = 1, expected 2'
    assert rig.answer(old, ramp(10), generation=2) == 'unsolicited: request_id = 1, expected 2'
    assert rig.answer(new, ramp(10)) == ''
    assert all(tick.command is not None for tick in rig.ticks)
