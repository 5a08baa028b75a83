"""The executor and its chunks: asked for, judged, followed, late, or never there."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from wam_core.executor import ChunkRequest, Tick
from wam_core.joints import Vector
from wam_core.status import State

if TYPE_CHECKING:
    from tests.unit.wam_core.conftest import ExecutorRig

MS = 1_000_000
DT = 40 * MS
T0 = 10 * 10**9
REST = np.full(14, 0.25)


def ramp(count: int, start: float = 0.25, step: float = 0.01) -> Vector:
    return np.arange(count, dtype=np.float64) * step + start


def commands(rig: 'ExecutorRig') -> list[float]:
    return [tick.command[0] for tick in rig.ticks if tick.command is not None]


def test_the_first_request_wants_an_observation_of_this_run(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    request = rig.start('async')
    assert (request.request_id, request.generation, request.task) == (1, 1, 'fold')
    assert (request.mode, request.not_before_ns, request.prefix.shape) == ('async', T0, (0, 14))


def test_sync_runs_every_row_then_holds_and_asks_for_what_it_sees_then(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig()
    first = rig.start('sync')
    rig.tick(5)
    assert len(rig.requests) == 1
    rows = ramp(10)
    # However old the observation is, row 0 runs first.
    assert rig.answer(first, rows, t_obs_ns=rig.now - 3 * DT) == ''
    followed = [rig.tick() for _ in range(10)]
    applied = [tick.applied for tick in followed if tick.applied is not None]
    assert [entry.row for entry in applied] == list(range(10))
    assert [entry.limited[0] for entry in applied] == pytest.approx(rows)
    assert {entry.source for entry in applied} == {'policy'}
    assert {entry.request_id for entry in applied} == {first.request_id}
    assert all(tick.request is None for tick in followed)
    held = rig.tick()
    assert held.command is not None
    assert held.command[0] == pytest.approx(rows[-1])
    assert held.request is not None
    assert held.request.not_before_ns == rig.now
    status = rig.core.status
    assert (status.state, status.steps, status.underruns) == (State.HOLDING, 10, 0)
    assert status.chunks_merged == 1
    assert status.latency_s == pytest.approx(6 * 0.04)


def test_sync_refuses_an_observation_of_before_the_chunk_ended(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig()
    assert rig.answer(rig.start('sync'), ramp(5)) == ''
    rig.tick(7)
    assert len(rig.requests) == 2
    text = rig.answer(rig.requests[-1], ramp(5), t_obs_ns=rig.now - 3 * DT)
    assert text == 'stale: t_obs is 0.080 s before what request 2 allows'


def test_async_asks_early_enough_and_never_runs_dry(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig(request_margin_s=0.08, splice_s=0.2)
    latency = 8
    rig.start('async')
    due: list[tuple[int, ChunkRequest, int]] = []
    seen = 0
    for tick in range(200):
        for request in rig.requests[seen:]:
            due.append((tick + latency, request, rig.now))
        seen = len(rig.requests)
        while due and due[0][0] == tick:
            _, request, t_obs_ns = due.pop(0)
            phase = t_obs_ns / 1e9 + 0.04 * np.arange(25)
            assert rig.answer(request, 0.25 + 0.1 * np.sin(phase), t_obs_ns=t_obs_ns) == ''
        rig.tick()
    status = rig.core.status
    assert status.underruns == 0
    assert status.state is State.RUNNING
    # Of 25 rows the last 9 + 2 are the lead of the next request: a chunk every 14 ticks.
    assert status.chunks_merged == 1 + (200 - latency - 1) // 14
    assert status.rows_skipped == latency + 1  # it takes effect at the tick after its arrival
    assert status.latency_s == pytest.approx((latency + 1) * 0.04)
    followed = commands(rig)[latency + 10 :]
    expected = [0.25 + 0.1 * math.sin(T0 / 1e9 + 0.04 * (k + latency + 11)) for k in range(180)]
    assert followed[:180] == pytest.approx(expected, abs=1e-6)


def test_a_late_chunk_is_an_underrun_and_the_arms_hold_then_go_on_without_a_jump(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig(splice_s=0.2)
    assert rig.answer(rig.start('async'), ramp(10)) == ''
    rig.tick(20)
    status = rig.core.status
    assert (status.state, status.underruns) == (State.HOLDING, 1)
    held = rig.arms.copy()
    assert held[0] == pytest.approx(0.34, abs=0.01)
    assert rig.answer(rig.requests[-1], ramp(10, start=0.6)) == ''
    rig.tick(3)
    assert rig.core.status.state is State.RUNNING
    assert abs(commands(rig)[-3] - held[0]) < 0.12
    steps = np.abs(np.diff(commands(rig)))
    assert steps.max() <= 3.14 * 0.04 + 1e-9


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
        ({'dt_ns': 3 * MS}, 'past: every row is past: row 0 was due 0.040 s ago'),
    ],
)
def test_a_chunk_that_can_not_be_followed_is_counted_and_the_arms_hold(
    make_rig: 'type[ExecutorRig]', change: dict[str, Any], text: str
) -> None:
    rig = make_rig()
    request = rig.start('async')
    assert rig.answer(request, ramp(10), **{'t_obs_ns': T0, **change}).startswith(text)
    rig.tick(3)
    status = rig.core.status
    assert status.refusals == {text.split(':')[0]: 1}
    assert status.chunks_refused == 1
    assert status.last_refusal.startswith(text)
    assert status.state is State.HOLDING
    assert np.array_equal(rig.arms, REST)


def test_an_answer_counts_once(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    request = rig.start('async')
    assert rig.answer(request, ramp(10)) == ''
    assert rig.answer(request, ramp(10)) == 'duplicate: request_id = 1, answered before'
    rig.tick()
    assert rig.core.status.chunks_merged == 1


def test_after_a_bad_answer_the_policy_is_asked_again_but_not_at_once(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig(retry_s=0.2)
    rig.answer(rig.start('async'), ramp(10), error='no')
    rig.tick(4)
    assert len(rig.requests) == 1
    rig.tick()
    assert [request.request_id for request in rig.requests] == [1, 2]


def test_a_policy_that_is_not_there_is_asked_again_every_retry(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig(retry_s=0.2)
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


def test_a_request_that_nobody_answers_is_given_up(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig(request_timeout_s=1.0)
    lost = rig.start('async')
    rig.tick(25)
    assert len(rig.requests) == 1
    rig.tick()
    assert [request.request_id for request in rig.requests] == [1, 2]
    assert rig.core.status.requests_timed_out == 1
    assert rig.answer(lost, ramp(10)) == 'unsolicited: request_id = 1, expected 2'
    assert rig.answer(rig.requests[-1], ramp(10)) == ''


def test_a_chunk_outside_a_run_is_refused(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    request = rig.start('async')
    rig.core.hold(rig.now)
    assert rig.answer(request, ramp(10)).startswith('not_running: request_id = 1 came while IDLE')
    assert rig.tick() == Tick()


def test_a_new_run_takes_no_chunk_of_the_old_one(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    old = rig.start('async')
    rig.tick()
    new = rig.start('async')
    assert (new.generation, new.request_id) == (2, 2)
    assert rig.answer(old, ramp(10)) == 'wrong_generation: generation = 1, expected 2'
    assert rig.answer(old, ramp(10), generation=2) == 'unsolicited: request_id = 1, expected 2'
    assert rig.answer(new, ramp(10)) == ''
    assert all(tick.command is not None for tick in rig.ticks)
