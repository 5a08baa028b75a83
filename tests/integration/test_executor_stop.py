"""The latched stop of the executor node: what latches it, how the arms stop, when it is lifted."""

import math
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from executor_bench import LIMITS, START, TICK_NS, Bench
from executor_rig import excess
from std_msgs.msg import Empty, String
from wam_msgs.msg import ActionChunk, ExecutorState, JointTarget, Proprioception, StreamStatus

from wam_core.joints import ARM_SLICES
from wam_core.motors import MOTORS

ELBOW = MOTORS.index('elbow')
OVERLOAD = [32 * (number == ELBOW) for number in range(len(MOTORS))]


def by_topic(b: Bench) -> None:
    b.publish('/stop', String(data='the red button'))


def by_empty_topic(b: Bench) -> None:
    b.publish('/stop', String())


def by_service(b: Bench) -> None:
    assert b.trigger('stop').success


def by_motor(b: Bench) -> None:
    b.motors(error_status=OVERLOAD)


@pytest.mark.parametrize(
    ('stop', 'reason'),
    [
        (by_topic, 'topic /stop: the red button'),
        (by_empty_topic, 'topic /stop'),
        (by_service, 'service /executor/stop'),
        (by_motor, 'follower_left elbow: overload (Hardware_Error_Status 32)'),
    ],
)
def test_a_stop_brakes_and_latches_until_the_reset(
    ros: Any, stop: Callable[[Bench], None], reason: str
) -> None:
    b = Bench(ros)
    b.move()
    stop(b)
    b.reach(ExecutorState.STOPPED)
    assert b.state.stop_reason == reason
    refusal = b.trigger('reset')
    assert not refusal.success  # still moving, or its cause persists
    b.until(lambda: b.state.at_rest, 'rest')
    b.motors()  # whatever the cause was, it is over
    held = b.record()[-1].limited
    assert b.trigger('hold').success
    for refused in (b.start(), b.start(source='teleop'), b.go_to_pose('start')):
        assert not refused.accepted
        assert '/executor/reset' in refused.message
    assert 'no run' in b.handover('teleop').message
    b.publish('/action_chunk', b.chunk(b.requests[-1], np.tile(START, (50, 1))))
    b.target(START)
    stop(b)
    b.step(10)
    assert (b.state.state, b.state.stop_reason) == (ExecutorState.STOPPED, reason)
    assert b.lawful()[-1] == pytest.approx(held)
    assert len([event for event in b.events if event.kind == 'stop']) == 1
    b.motors()
    b.step()
    assert b.trigger('reset').success
    b.step()
    assert (b.state.state, b.state.stop_reason) == (ExecutorState.IDLE, '')
    assert b.start().accepted
    b.answer(np.tile(START, (50, 1)))
    b.reach(ExecutorState.RUNNING)
    b.lawful()


def test_a_reset_waits_for_the_arms_to_be_at_rest(ros: Any) -> None:
    b = Bench(ros)
    b.move()
    assert b.trigger('stop').success
    refusal = b.trigger('reset')
    assert not refusal.success
    assert 'coming to rest' in refusal.message
    b.until(lambda: b.state.at_rest, 'rest')
    assert b.trigger('reset').success


def test_a_stop_without_a_run_latches_and_sends_nothing(ros: Any) -> None:
    b = Bench(ros)
    by_topic(b)
    b.reach(ExecutorState.STOPPED)
    b.step(5)
    assert b.applied == []
    assert b.trigger('reset').success
    b.reach(ExecutorState.IDLE)


def test_a_lost_heartbeat_stops_where_one_is_configured(ros: Any) -> None:
    b = Bench(ros, heartbeat_action='stop')
    refusal = b.start()
    assert not refusal.accepted
    assert "the operator's heartbeat" in refusal.message

    def accepted() -> bool:
        b.publish('/operator_heartbeat', Empty())
        return bool(b.start().accepted)

    b.until(accepted, 'a start')
    b.answer(np.tile(START, (50, 1)) + np.linspace(0.0, 0.5, 50)[:, None])
    b.reach(ExecutorState.RUNNING)
    for _ in range(10):
        b.publish('/operator_heartbeat', Empty())
        b.step()
    assert b.state.state == ExecutorState.RUNNING
    # Nothing beats from here on.
    b.reach(ExecutorState.STOPPED)
    assert "the operator's heartbeat" in b.state.stop_reason
    assert 'heartbeat_s' in b.state.stop_reason
    b.until(lambda: b.state.at_rest, 'rest')
    b.lawful()
    refusal = b.trigger('reset')
    assert not refusal.success
    assert "the operator's heartbeat" in refusal.message

    def reset() -> bool:
        b.publish('/operator_heartbeat', Empty())
        return bool(b.trigger('reset').success)

    b.until(reset, 'the reset')


def test_motors_stop_hold_or_are_reported_as_configured(ros: Any) -> None:
    b = Bench(ros)
    b.move()
    b.motors(voltage=[9.5] * len(MOTORS))
    b.until(lambda: b.state.faults, 'the report')
    assert 'motor_voltage_v' in b.state.faults[0]
    assert b.state.state == ExecutorState.RUNNING
    hot = [35.0] * len(MOTORS)
    hot[ELBOW] = 75.0
    b.motors(temperature=hot)
    b.reach(ExecutorState.HOLDING)
    (fault,) = b.state.faults
    assert 'follower_left elbow' in fault
    assert '75 C' in fault
    assert 'motor_temperature_c' in fault
    b.until(lambda: b.state.at_rest, 'rest')
    b.motors()
    b.reach(ExecutorState.RUNNING)
    b.motors('follower_right', error_status=OVERLOAD)
    b.reach(ExecutorState.STOPPED)
    b.until(lambda: b.state.at_rest, 'rest')
    b.motors()  # the other arm
    b.step()
    refusal = b.trigger('reset')
    assert not refusal.success
    assert 'follower_right elbow: overload' in refusal.message
    b.motors('follower_right')
    b.step()
    assert b.trigger('reset').success
    b.lawful()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_brings_the_arms_to_rest_before_the_process_ends(
    ros: Any, number: signal.Signals
) -> None:
    b = Bench(ros)
    b.move()
    b.lawful()
    b.process.send(number)
    moving = len(b.sent())
    ticked = moving - 1

    def ended() -> bool:
        """Time goes on, by one tick whenever the one before has been sent."""
        nonlocal ticked
        if len(b.sent()) > ticked:
            ticked += 1
            b.time_ns += TICK_NS
        b.ros.set_time(b.time_ns)
        return b.process.returncode is not None

    b.ros.wait(ended, what='the end of the process')
    assert b.process.wait() == 0, b.process.output
    sent = np.array(b.sent())
    arms = np.r_[tuple(ARM_SLICES[side] for side in ('left', 'right'))]
    steps = np.abs(np.diff(sent[:, arms], axis=0))
    assert steps[moving - 2].max() > 0.02
    assert steps[-1].max() < 1e-6
    assert excess([sent[0], sent[0], *sent], LIMITS) < 1e-2  # float32; grippers stand still
    assert 'Traceback' not in b.process.output


def unusual_times() -> list[Time]:
    largest = Time(sec=2**31 - 1, nanosec=2**32 - 1)
    return [Time(), Time(sec=-(2**31)), largest]


def target(position: float, source: str, stamp: Time) -> JointTarget:
    message = JointTarget(source=source, position=[position] * 14)
    message.header.stamp = stamp
    return message


def measurement(position: float, stamp: Time) -> Proprioception:
    message = Proprioception(position=[position] * 14, arm_stamps=[stamp, stamp])
    message.header.stamp = stamp
    return message


def nonsense(b: Bench) -> list[Callable[[], None]]:
    """What no node of ours would send; each of the topics' types."""
    count = len(MOTORS)
    found: list[Callable[[], None]] = [
        partial(b.motors, temperature=[], voltage=[9.0]),
        partial(b.motors, temperature=[math.nan] * count, voltage=[math.nan] * count),
        partial(b.motors, temperature=[-math.inf] * count, voltage=[math.inf] * count),
        partial(b.motors, error_status=[0] * 500, temperature=[20.0] * 500),
        partial(b.motors, robot='\u2603' * 1000),
        partial(b.publish, '/action_chunk', ActionChunk()),
        partial(b.publish, '/stop', String(data='\x00')),
    ]
    statuses = [
        StreamStatus(kind='smell', names=['nose'], newest=[Time(sec=1)]),
        StreamStatus(kind='camera', names=['cam_high'] * 9, newest=[Time()]),
        StreamStatus(kind='camera', names=[], newest=[Time(sec=1)] * 9),
        StreamStatus(kind='arm', names=['follower_left', ''], newest=unusual_times()[::2]),
        StreamStatus(),
    ]
    found += [partial(b.publish, '/stream_status', status) for status in statuses]
    for stamp in unusual_times():
        for value in (math.nan, math.inf, 1e308, 0.0):
            for source in ('teleop', 'telepathy', ''):
                message = target(value, source, stamp)
                found.append(partial(b.publish, '/joint_target', message))
            found.append(partial(b.publish, '/proprioception', measurement(value, stamp)))
    return found


@pytest.mark.parametrize('source', ['policy', 'teleop'])
def test_nonsense_on_any_topic_leaves_the_node_and_its_laws_alone(ros: Any, source: str) -> None:
    b = Bench(ros)
    assert b.start(source=source).accepted
    b.step(3)
    for send in nonsense(b):
        send()
        b.step()
    assert b.state.state == ExecutorState.STOPPED  # by the text without a letter
    b.motors()
    b.step(20)
    b.lawful()
    assert b.process.returncode is None
    assert 'Traceback' not in b.process.output
    assert b.trigger('reset').success
    b.step()
    b.move()
    b.lawful()
