"""The proprioception node: two joint states in, one state of the rig out."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import JointState
from wam_msgs.msg import Proprioception, StreamStatus

from wam_nodes.conversions import nanoseconds

NAMES = [
    'waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate', 'gripper',
    'left_finger', 'right_finger',
]  # fmt: skip
CONFIG = Path(__file__).resolve().parents[2] / 'config'


class Arms:
    """Publishes both arms' joint states."""

    def __init__(self, ros: Any) -> None:
        self.handshakes = 0
        self.received: list[Proprioception] = []
        self.publishers = {
            side: ros.node.create_publisher(JointState, f'/follower_{side}/joint_states', 10)
            for side in ('left', 'right')
        }

    def send(self, side: str, stamp_ns: int, offset: float = 0.0, **fields: Any) -> None:
        message = JointState(name=NAMES)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        message.position = [offset + 0.1 * index for index in range(9)]
        message.velocity = [0.0] * 9
        message.effort = [0.0] * 9
        for key, value in fields.items():
            setattr(message, key, value)
        self.publishers[side].publish(message)


@pytest.fixture
def arms(ros: Any) -> Iterator[Arms]:
    process = ros.start('wam_nodes', 'proprioception', params_file=CONFIG / 'proprioception.yaml')
    sender = Arms(ros)
    received: list[Proprioception] = ros.collect(Proprioception, '/proprioception')

    # The graph knows a publisher before that one knows all its subscribers: repeat the first one.
    def heard() -> bool:
        sender.handshakes += 1
        for side in sender.publishers:
            sender.send(side, sender.handshakes)
        return bool(received)

    ros.wait(heard, what='the first state')
    ros.wait(lambda: received[-1].header.stamp.nanosec == sender.handshakes)
    received.clear()
    sender.received = received
    yield sender
    assert process.terminate_and_wait() == 0


def diagnosis(messages: list[DiagnosticArray]) -> Callable[[str], Any]:
    """Finds the first status whose message contains the text."""

    def find(text: str) -> Any:
        found = [s for array in messages for s in array.status if text in s.message]
        return found[0] if found else None

    return find


def test_both_arms_become_one_state_with_the_older_stamp(ros: Any, arms: Arms) -> None:
    received = arms.received
    arms.send('left', 2_000_000_005, 0.1)
    arms.send('right', 2_000_000_003, -0.1)
    ros.wait(lambda: received)
    (state,) = received
    assert (state.header.stamp.sec, state.header.stamp.nanosec) == (2, 3)
    assert [stamp.nanosec for stamp in state.arm_stamps] == [5, 3]
    assert state.position[:6] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert state.gripper_angle == pytest.approx([0.7, 0.5])
    assert state.position[6] == pytest.approx((0.7 + 0.6213) / (1.4910 + 0.6213))
    orientation = state.end_effector[0].orientation
    norm = math.hypot(orientation.x, orientation.y, orientation.z, orientation.w)
    assert norm == pytest.approx(1.0)


def test_the_end_effector_of_the_zero_pose_is_that_of_the_arm_description(
    ros: Any, arms: Arms
) -> None:
    received = arms.received
    for side in ('left', 'right'):
        arms.send(side, 10**9, position=[0.0] * 9)
    ros.wait(lambda: received)
    # M of vx300s in Interbotix' mr_descriptions.
    for pose in received[0].end_effector:
        position = [pose.position.x, pose.position.y, pose.position.z]
        assert position == pytest.approx([0.536494, 0.0, 0.42705], abs=1e-6)
        assert pose.orientation.w == pytest.approx(1.0)


def test_bad_joint_states_are_named_and_the_node_goes_on(ros: Any, arms: Arms) -> None:
    received = arms.received
    find = diagnosis(ros.collect(DiagnosticArray, '/diagnostics'))
    arms.send('left', 10**9 + 1, position=[math.nan] * 9)
    arms.send('left', 10**9 + 2, name=NAMES[:-3])
    arms.send('left', 10**9 + 3, effort=[])
    arms.send('right', 10**9 + 3)
    arms.send('left', 10**9 + 4)
    ros.wait(lambda: received)
    assert len(received) == 1
    assert np.isfinite(received[0].position).all()
    status = ros.wait(lambda: find('joint state refused'))
    assert status.name == 'proprioception'
    values = {item.key: item.value for item in status.values}
    assert values['left not finite'] == '1'
    assert values['left unusable'] == '2'
    assert int(values['published']) >= 1


def test_a_silent_arm_is_named(ros: Any, arms: Arms) -> None:
    find = diagnosis(ros.collect(DiagnosticArray, '/diagnostics'))

    def stale() -> Any:
        now = ros.node.get_clock().now().nanoseconds
        arms.send('left', now)
        return find('/follower_right/joint_states is stale')

    status = ros.wait(stale)
    assert status.level != status.OK


def test_the_age_of_each_arm_is_told_while_one_is_silent(ros: Any, arms: Arms) -> None:
    statuses: list[StreamStatus] = ros.collect(StreamStatus, '/stream_status')
    begun_ns = ros.node.get_clock().now().nanoseconds

    def told() -> bool:
        arms.send('left', ros.node.get_clock().now().nanoseconds)
        if not statuses:
            return False
        left, right = (nanoseconds(stamp) for stamp in statuses[-1].newest)
        return left > begun_ns and right == arms.handshakes

    ros.wait(told, what='the ages')
    assert {status.kind for status in statuses} == {'arm'}
    assert {tuple(status.names) for status in statuses} == {('follower_left', 'follower_right')}
    assert nanoseconds(statuses[-1].header.stamp) >= begun_ns
