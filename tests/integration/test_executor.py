"""The executor node, with the test as its clock, its arms and its policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from std_srvs.srv import Trigger
from wam_msgs.msg import (
    ActionChunk,
    AppliedAction,
    EpisodeEvent,
    ExecutorState,
    Proprioception,
)
from wam_msgs.srv import PredictChunk, StartExecution

from wam_bringup.config import load_rig
from wam_core.gripper import GripperCalibration
from wam_nodes.conversions import duration_message, nanoseconds, time_message

CONFIG = Path(__file__).resolve().parents[2] / 'config'
TICK_NS = 40_000_000
TASK = 'wave'
RIG = load_rig('sim')
START = np.array(RIG.start_pose)
ARM_TOPICS = {
    f'/follower_{side}/commands/{name}': kind
    for side in ('left', 'right')
    for name, kind in (('joint_group', JointGroupCommand), ('joint_single', JointSingleCommand))
}


class Bench:
    """A running executor; time goes on by ``step`` only."""

    def __init__(self, ros: Any, *, policy: bool = True) -> None:
        self.ros = ros
        self.time_ns = 100 * 10**9
        self.position = START.copy()
        self.requests: list[PredictChunk.Request] = []
        self.process = start(ros, use_sim_time=True)
        self.states: list[ExecutorState] = ros.collect(ExecutorState, '/executor_state')
        self.applied: list[AppliedAction] = ros.collect(AppliedAction, '/applied_action')
        self.events: list[EpisodeEvent] = ros.collect(EpisodeEvent, '/episode_event')
        self.commands = {topic: ros.collect(kind, topic) for topic, kind in ARM_TOPICS.items()}
        self.measured = ros.node.create_publisher(Proprioception, '/proprioception', 10)
        self.chunks = ros.node.create_publisher(ActionChunk, '/action_chunk', 10)
        if policy:
            self.serve()
        topics = ['/executor_state', '/applied_action', '/episode_event', *ARM_TOPICS]
        ros.wait(
            lambda: (
                self.measured.get_subscription_count()
                and self.chunks.get_subscription_count()
                and all(ros.node.count_publishers(topic) for topic in topics)
            ),
            what='discovery',
        )

        # The graph knows a publisher before that one knows all its subscribers: its first
        # messages may be lost.
        def heard() -> bool:
            self.time_ns += TICK_NS
            self.ros.set_time(self.time_ns)
            return bool(self.states)

        ros.wait(heard, what='the first state')
        self.step()

    def serve(self) -> None:
        """Offers the policy's service: accepts, and leaves the answer to the test."""

        def accept(
            request: PredictChunk.Request, response: PredictChunk.Response
        ) -> PredictChunk.Response:
            self.requests.append(request)
            response.accepted = True
            return response

        self.ros.node.create_service(PredictChunk, '/policy/predict_chunk', accept)

    def step(self, ticks: int = 1) -> None:
        """Lets the executor tick that many times."""
        for _ in range(ticks):
            self.time_ns += TICK_NS
            message = Proprioception(position=self.position)
            message.header.stamp = time_message(self.time_ns - TICK_NS // 4)
            self.measured.publish(message)

            def ticked() -> bool:
                self.ros.set_time(self.time_ns)
                return bool(self.states) and self.now_ns() >= self.time_ns

            self.ros.wait(ticked, what=f'the tick at {self.time_ns}')

    def now_ns(self) -> int:
        return nanoseconds(self.states[-1].header.stamp)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Ticks until the condition holds."""
        for _ in range(500):
            if condition():
                return
            self.step()
        pytest.fail(f'waited 500 ticks for {what}; {self.states[-1]}\n{self.process.output}')

    def start(self, source: str = 'policy', mode: str = 'async', task: str = TASK) -> Any:
        request = StartExecution.Request(source=source, mode=mode, task=task)
        return self.ros.call(StartExecution, '/executor/start', request)

    def trigger(self, name: str) -> Any:
        return self.ros.call(Trigger, f'/executor/{name}', Trigger.Request())

    def asked(self) -> PredictChunk.Request:
        """The next request of the executor."""
        known = len(self.requests)
        self.until(lambda: len(self.requests) > known, 'a request')
        return self.requests[-1]

    def chunk(self, request: PredictChunk.Request, rows: np.ndarray, **fields: Any) -> ActionChunk:
        """An answer to the request, observed now; ``fields`` override its own."""
        message = ActionChunk(
            request_id=request.request_id,
            generation=request.generation,
            task=request.task,
            policy='test',
            dt=duration_message(TICK_NS),
            horizon=rows.shape[0],
            action_dim=rows.shape[1],
            actions=rows.ravel().tolist(),
        )
        message.header.stamp = time_message(self.time_ns)
        for key, value in fields.items():
            setattr(message, key, value)
        return message

    def answer(self, rows: np.ndarray, **fields: Any) -> None:
        """Answers the next request."""
        self.chunks.publish(self.chunk(self.asked(), rows, **fields))

    def sent(self) -> list[np.ndarray]:
        """The commands so far as 14-vectors of what the motors got, rad."""
        sides = []
        for side in ('left', 'right'):
            groups = self.commands[f'/follower_{side}/commands/joint_group']
            singles = self.commands[f'/follower_{side}/commands/joint_single']
            assert {message.name for message in groups} <= {'arm'}
            assert {message.name for message in singles} <= {'gripper'}
            pairs = zip(groups, singles, strict=False)
            sides.append([[*group.cmd, single.cmd] for group, single in pairs])
        return [np.concatenate(pair) for pair in zip(*sides, strict=False)]


def start(ros: Any, **params: Any) -> Any:
    return ros.start('wam_nodes', 'executor', params, params_file=CONFIG / 'executor.yaml')


@pytest.fixture
def bench(ros: Any) -> Callable[..., Bench]:
    return lambda **options: Bench(ros, **options)


def motors(position: np.ndarray) -> np.ndarray:
    """The 14 motor angles of a 14-vector, rad."""
    gripper: GripperCalibration = RIG.gripper
    angles = position.copy()
    angles[[6, 13]] = gripper.angle(position[[6, 13]])
    return angles


def ramp(rows: int = 50, reach: float = 0.3) -> np.ndarray:
    """Rows that move every joint smoothly by ``reach`` rad."""
    phase = np.linspace(0.0, 1.0, rows)[:, None]
    return START + reach * (3 * phase**2 - 2 * phase**3)


def test_an_idle_executor_sends_nothing(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.step(10)
    assert b.sent() == []
    assert b.applied == []
    assert b.requests == []
    assert b.states[-1].state == ExecutorState.IDLE
    assert b.process.terminate_and_wait() == 0


def test_a_chunk_is_followed_on_its_time_within_the_limits(bench: Callable[..., Bench]) -> None:
    b = bench()
    answer = b.start()
    assert answer.accepted, answer.message
    rows = ramp()
    b.answer(rows)
    observed_ns = b.time_ns
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING')
    b.until(lambda: b.now_ns() >= observed_ns + 49 * TICK_NS, 'the last row')
    state = b.states[-1]
    assert (state.generation, state.task, state.source) == (answer.generation, TASK, 'policy')
    assert (state.chunks_merged, state.chunks_refused, state.underruns) == (1, 0, 0)
    b.ros.wait(lambda: b.applied and nanoseconds(b.applied[-1].header.stamp) == b.time_ns)
    running = [message for message in b.applied if message.row >= 0.0]
    for message in running:
        due = (nanoseconds(message.header.stamp) - observed_ns) / TICK_NS
        assert message.row == pytest.approx(due)
    assert running[-1].limited == pytest.approx(rows[-1], abs=1e-6)
    b.ros.wait(lambda: len(b.sent()) == len(b.applied))
    for sent, applied in zip(b.sent(), b.applied, strict=True):
        assert sent == pytest.approx(motors(applied.limited), abs=1e-6)
    steps = np.abs(np.diff([message.limited for message in b.applied], axis=0))
    assert (steps <= np.array(RIG.velocity) * 0.04 + 1e-9).all()


def test_a_leap_is_limited_and_counted(bench: Callable[..., Bench]) -> None:
    b = bench()
    assert b.start().accepted
    far = START.copy()
    far[0], far[1] = 2.0, 100.0
    b.answer(np.tile(far, (50, 1)))
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING')
    b.step(30)
    state = b.states[-1]
    assert state.velocity_clamps[0] > 0
    assert state.position_clamps[1] > 0
    b.ros.wait(lambda: b.applied and nanoseconds(b.applied[-1].header.stamp) == b.time_ns)
    limited = np.array([message.limited for message in b.applied])
    assert (np.abs(np.diff(limited, axis=0)) <= np.array(RIG.velocity) * 0.04 + 1e-9).all()
    assert (limited <= np.array(RIG.upper) + 1e-9).all()
    assert limited[-1][1] == pytest.approx(RIG.upper[1])


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
]


def test_bad_chunks_are_refused_and_counted_and_the_arms_hold(bench: Callable[..., Bench]) -> None:
    b = bench()
    for rows, fields, reason in BAD_CHUNKS:
        assert b.start().accepted
        overrides = {key: value for key, value in fields.items() if key != 'age_ns'}
        chunk = b.chunk(b.asked(), rows, **overrides)
        chunk.header.stamp = time_message(b.time_ns - fields.get('age_ns', 0))
        b.chunks.publish(chunk)
        b.until(lambda: b.states[-1].chunks_refused, 'a refusal')
        b.step(3)
        state = b.states[-1]
        assert list(state.refusal_reasons) == [reason]
        assert list(state.refusal_counts) == [1]
        assert state.last_refusal.startswith(f'{reason}: ')
        assert state.chunks_merged == 0
        assert state.state == ExecutorState.HOLDING
    b.ros.wait(lambda: b.sent())
    assert np.array(b.sent()) == pytest.approx(
        np.broadcast_to(motors(START), (len(b.sent()), 14)), abs=1e-6
    )
    b.ros.wait(lambda: [event for event in b.events if event.kind == 'fault'], what='the event')
    b.answer(ramp())
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING after a good chunk')


def test_a_stop_latches_until_the_reset(bench: Callable[..., Bench]) -> None:
    b = bench()
    assert b.start().accepted
    b.answer(ramp())
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING')
    b.step(10)
    assert b.trigger('stop').success
    b.step(2)
    assert b.states[-1].state == ExecutorState.STOPPED
    assert b.states[-1].stop_reason
    b.ros.wait(lambda: b.applied and nanoseconds(b.applied[-1].header.stamp) == b.time_ns)
    held = b.applied[-1].limited
    b.trigger('hold')
    refusal = b.start()
    assert not refusal.accepted
    assert '/executor/reset' in refusal.message
    b.chunks.publish(b.chunk(b.requests[-1], ramp()))
    b.step(10)
    assert b.states[-1].state == ExecutorState.STOPPED
    b.ros.wait(lambda: nanoseconds(b.applied[-1].header.stamp) == b.time_ns)
    assert b.applied[-1].limited == pytest.approx(held)
    assert [event.kind for event in b.events if event.kind == 'stop'] == ['stop']
    assert b.trigger('reset').success
    b.step()
    assert b.states[-1].state == ExecutorState.IDLE
    assert b.start().accepted


def test_a_dead_policy_leaves_the_arms_holding_and_a_new_one_is_asked(
    bench: Callable[..., Bench],
) -> None:
    b = bench()
    assert b.start().accepted
    rows = ramp(10)
    b.answer(rows)
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING')
    # From here on the policy is silent.
    b.until(lambda: b.states[-1].state == ExecutorState.HOLDING, 'HOLDING')
    b.step(20)
    state = b.states[-1]
    assert state.underruns == 1
    assert state.rows_remaining == 0
    b.ros.wait(lambda: nanoseconds(b.applied[-1].header.stamp) == b.time_ns)
    assert b.applied[-1].source == 'hold'
    assert b.applied[-1].limited == pytest.approx(rows[-1], abs=1e-6)
    asked = len(b.requests)
    b.until(lambda: len(b.requests) > asked, 'the request after the time-out')
    b.chunks.publish(b.chunk(b.requests[-1], np.tile(rows[-1], (10, 1))))
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING again')


def test_an_absent_policy_is_asked_as_soon_as_it_is_there(bench: Callable[..., Bench]) -> None:
    b = bench(policy=False)
    assert b.start().accepted
    b.step(20)
    assert b.states[-1].state == ExecutorState.HOLDING
    assert b.requests == []
    b.serve()
    b.answer(ramp())
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING')


def test_a_start_that_makes_no_sense_is_refused(bench: Callable[..., Bench]) -> None:
    b = bench()
    assert "'telepathy'" in b.start(source='telepathy').message
    assert "'fast'" in b.start(mode='fast').message
    b.step()
    assert b.states[-1].state == ExecutorState.IDLE


def test_a_second_executor_refuses_to_start(ros: Any, bench: Callable[..., Bench]) -> None:
    b = bench()
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
    b.until(lambda: b.states[-1].state == ExecutorState.RUNNING, 'RUNNING')


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
    assert process.wait() == 1
    for part in [*parts, 'executor-0.yaml']:
        assert part in process.output
    assert 'Traceback' not in process.output
