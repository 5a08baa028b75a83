"""The executor node: chunks in, commands out."""

from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from executor_bench import LIMITS, START, TASK, TICK_NS, Bench, ramp, start, swing
from wam_msgs.msg import ExecutorState

from wam_bringup.node_spec import REFUSED
from wam_nodes.conversions import nanoseconds, time_message


def test_an_idle_executor_sends_nothing(ros: Any) -> None:
    b = Bench(ros)
    b.step(10)
    assert b.sent() == []
    assert b.applied == []
    assert b.requests == []
    assert b.state.state == ExecutorState.IDLE
    assert b.process.terminate_and_wait() == 0


def test_chunks_are_followed_on_their_time_within_the_limits(ros: Any) -> None:
    b = Bench(ros)
    answer = b.start()
    assert answer.accepted, answer.message
    rows = ramp()
    b.answer(rows)  # from rest: from its row 0 on
    b.answer(np.tile(rows[-1], (20, 1)))  # in motion: on the time of its observation
    observed_ns = b.time_ns
    b.until(lambda: b.state.chunks_merged == 2, 'the second chunk')
    b.until(lambda: b.now_ns() >= observed_ns + 19 * TICK_NS, 'the last row')
    state = b.state
    assert (state.generation, state.task, state.source) == (answer.generation, TASK, 'policy')
    assert (state.chunks_refused, state.underruns) == (0, 0)
    running = [message for message in b.record() if message.row >= 0.0]
    first, second = (
        [message.row for message in running if message.request_id == request.request_id]
        for request in b.requests[:2]
    )
    assert first[0] == pytest.approx(0.0, abs=1.0)
    assert (np.diff(first) > 0.0).all()
    assert (np.diff(first) < 1.0 + 1e-6).all()
    for message in running[-len(second) :]:
        due = (nanoseconds(message.header.stamp) - observed_ns) / TICK_NS
        assert message.row == pytest.approx(due)
    assert running[-1].limited == pytest.approx(rows[-1], abs=1e-3)
    b.lawful()


def test_a_leap_is_limited_and_counted(ros: Any) -> None:
    b = Bench(ros)
    assert b.start().accepted
    rows = np.tile(START, (50, 1))
    rows[10:, 0], rows[10:, 1] = 2.0, 100.0
    b.answer(rows)
    b.reach(ExecutorState.RUNNING)
    b.step(40)
    state = b.state
    for clamps in (state.velocity_clamps, state.acceleration_clamps, state.jerk_clamps):
        assert clamps[0] > 0
        assert clamps[7] == 0
    assert state.position_clamps[1] > 0
    limited = b.lawful()
    assert limited[-1][:2] == pytest.approx([2.0, LIMITS.upper[1]], abs=1e-3)


def spoiled(row: int, column: int, value: float) -> np.ndarray:
    rows = ramp()
    rows[row, column] = value
    return rows


BAD_CHUNKS = [
    (spoiled(7, 3, np.nan), {}, 'not_finite'),
    (spoiled(0, 0, np.inf), {}, 'not_finite'),
    (ramp()[:, :7], {}, 'wrong_dimension'),
    (ramp(), {'horizon': 49}, 'malformed'),
    (ramp()[:0], {}, 'empty'),
    (ramp(), {'age_ns': 60 * 10**9}, 'stale'),
    (ramp(), {'generation': 99}, 'wrong_generation'),
    (ramp(), {'request_id': 99}, 'unsolicited'),
    (ramp(), {'task': 'sing'}, 'wrong_task'),
    (ramp()[:0], {'error': 'out of memory'}, 'policy_error'),
    (ramp(), {'prefix_rows': 3}, 'malformed'),
    (ramp(), {'horizon': 2**32 - 1}, 'malformed'),
    (ramp(), {'dt': Duration(sec=-(2**31))}, 'malformed'),
    (ramp(), {'age_ns': -(10**9)}, 'future'),
]


def test_bad_chunks_are_refused_and_counted_and_the_arms_hold(ros: Any) -> None:
    b = Bench(ros)
    for rows, fields, reason in BAD_CHUNKS:
        assert b.start().accepted
        overrides = {key: value for key, value in fields.items() if key != 'age_ns'}
        chunk = b.chunk(b.asked(), rows, **overrides)
        chunk.header.stamp = time_message(b.time_ns - fields.get('age_ns', 0))
        b.publish('/action_chunk', chunk)
        b.until(lambda: b.state.chunks_refused, 'a refusal')
        b.step(3)
        state = b.state
        assert list(state.refusal_reasons) == [reason]
        assert list(state.refusal_counts) == [1]
        assert state.last_refusal.startswith(f'{reason}: ')
        assert state.chunks_merged == 0
        assert state.state == ExecutorState.HOLDING
    limited = b.lawful()
    assert limited == pytest.approx(np.tile(START, (len(limited), 1)), abs=1e-6)
    b.ros.wait(lambda: [event for event in b.events if event.kind == 'fault'], what='the event')
    b.answer(ramp())
    b.reach(ExecutorState.RUNNING)


def test_without_a_new_chunk_the_arms_come_to_rest_and_one_resumes(ros: Any) -> None:
    b = Bench(ros)
    assert b.start().accepted
    rows = swing()[:30]  # it breaks off at full speed
    b.answer(rows)
    b.reach(ExecutorState.RUNNING)
    # From here on the policy is silent.
    b.reach(ExecutorState.HOLDING)
    assert not b.state.at_rest
    b.until(lambda: b.state.at_rest, 'rest')
    b.step(10)
    state = b.state
    assert (state.state, state.underruns, state.rows_remaining) == (ExecutorState.HOLDING, 1, 0)
    assert b.record()[-1].source == 'hold'
    asked = len(b.requests)
    b.until(lambda: len(b.requests) > asked, 'the request after the time-out')
    assert b.state.at_rest
    b.publish('/action_chunk', b.chunk(b.requests[-1], np.tile(rows[-1], (10, 1))))
    b.reach(ExecutorState.RUNNING)
    b.step(9)
    assert b.lawful()[-1] == pytest.approx(rows[-1], abs=1e-3)


def test_an_absent_policy_is_asked_as_soon_as_it_is_there(ros: Any) -> None:
    b = Bench(ros, policy=False)
    assert b.start().accepted
    b.step(20)
    assert b.state.state == ExecutorState.HOLDING
    assert b.requests == []
    b.serve()
    b.answer(ramp())
    b.reach(ExecutorState.RUNNING)


def test_a_start_that_makes_no_sense_is_refused(ros: Any) -> None:
    b = Bench(ros)
    assert "'telepathy'" in b.start(source='telepathy').message
    assert "'fast'" in b.start(mode='fast').message
    b.step()
    assert b.state.state == ExecutorState.IDLE


def test_a_second_executor_refuses_to_start(ros: Any) -> None:
    b = Bench(ros)
    second = start(ros)

    def ended() -> bool:
        b.step()
        return second.returncode is not None

    ros.wait(ended, what='the end of the second executor')
    assert second.wait() == 1
    assert (
        f'another node of this name publishes on /executor_state in ROS domain {ros.domain}'
        in (second.output)
    )
    assert b.start().accepted
    b.answer(ramp())
    b.reach(ExecutorState.RUNNING)


@pytest.mark.parametrize(
    ('params', 'parts'),
    [
        ({'comand_rate_hz': 25.0}, ["'comand_rate_hz' = 25.0", "'command_rate_hz'"]),
        ({'command_rate_hz': 1000}, ["'command_rate_hz' = 1000.0", '1 to 200 Hz']),
        ({'mode': 'fast'}, ["'mode' = 'fast'", "'async'"]),
    ],
)
def test_a_bad_parameter_stops_the_node_at_start_up(
    ros: Any, params: dict[str, Any], parts: list[str]
) -> None:
    process = start(ros, **params)
    assert process.wait() == REFUSED
    for part in [*parts, 'executor-0.yaml']:
        assert part in process.output
    assert 'Traceback' not in process.output
