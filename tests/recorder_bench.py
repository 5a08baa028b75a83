"""A recorder as a process, and the publishers of a small rig."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from wam_msgs.msg import (
    AppliedAction,
    ExecutorState,
    FrameSet,
    Proprioception,
    TaskState,
)
from wam_msgs.srv import StartEpisode, StopEpisode

CAMERA = '/cam_high/camera/color/image_rect_raw'


JOINTS = '/follower_left/joint_states'


class Bench:
    """A recorder, and the publishers of a small rig."""

    def __init__(self, ros: Any, root: Path, **params: Any) -> None:
        self.ros = ros
        self.root = root
        self.process = ros.start(
            'wam_nodes', 'recorder', params={'root': str(root), 'min_free_mb': 0, **params}
        )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        kinds: dict[str, tuple[Any, Any]] = {
            JOINTS: (JointState, 10),
            '/proprioception': (Proprioception, 10),
            '/applied_action': (AppliedAction, 10),
            '/executor_state': (ExecutorState, 10),
            '/frame_set': (FrameSet, 10),
            '/task_state': (TaskState, latched),
            CAMERA: (Image, 10),
        }
        self.kinds = {topic: kind for topic, (kind, _) in kinds.items()}
        self.publishers = {
            topic: ros.node.create_publisher(kind, topic, qos)
            for topic, (kind, qos) in kinds.items()
        }
        self.reports: list[Any] = ros.collect(DiagnosticArray, '/diagnostics')
        ros.wait(lambda: all(p.get_subscription_count() for p in self.publishers.values()))

    def wake(self) -> 'Bench':
        """Lets the recorder hear of everything without which no episode begins."""
        others = [
            self.ros.node.create_publisher(kind, topic, 10)
            for topic, kind in (
                ('/follower_right/joint_states', JointState),
                (CAMERA.replace('high', 'left_wrist'), Image),
                (CAMERA.replace('high', 'right_wrist'), Image),
            )
        ]
        self.ros.wait(lambda: all(p.get_subscription_count() for p in others))
        self.publish(JOINTS, 0)
        self.publish(CAMERA, 0)
        for publisher in others:
            publisher.publish(publisher.msg_type())
        self.ros.wait(lambda: self.values().get('waiting_for') == '')
        for publisher in others:
            self.ros.node.destroy_publisher(publisher)
        return self

    def publish(self, topic: str, number: int) -> None:
        """A message stamped number x 10 ms after second 100."""
        message = self.kinds[topic]()
        seconds, hundredths = divmod(number, 100)
        message.header.stamp.sec = 100 + seconds
        message.header.stamp.nanosec = hundredths * 10_000_000
        if topic == JOINTS:
            message.name, message.position = ['waist'], [float(number)]
        elif topic == CAMERA:
            message.height, message.width, message.encoding, message.step = 48, 64, 'rgb8', 192
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[..., 0] = 200
            message.data = pixels.tobytes()
        elif topic == '/frame_set':
            message.cameras, message.height, message.width = ['cam_high'], 8, 8
            message.data = bytes(192)
            message.spread.nanosec = 3_000_000
        self.publishers[topic].publish(message)

    def start(self) -> Any:
        """Asks for an episode."""
        request = StartEpisode.Request(
            task='move it', task_name='transfer_cube', policy='scripted', seed=3, mode='async',
            kind='demonstration', operator_name='ann', policy_options='{"noise": 1}',
        )  # fmt: skip
        request.policy_specification = '{"horizon": 50}'
        self.reports.clear()  # they count the messages of an earlier episode
        return self.ros.call(StartEpisode, '/recorder/start_episode', request)

    def stop(self, outcome: str = 'success', score: float = 100.0) -> Any:
        """Ends it."""
        request = StopEpisode.Request(outcome=outcome, score=score, by='test', stages=['touched'])
        return self.ros.call(StopEpisode, '/recorder/stop_episode', request)

    def values(self) -> dict[str, str]:
        """Of the recorder's newest report."""
        for message in reversed(self.reports):
            for status in message.status:
                if status.name == 'recorder':
                    return {entry.key: entry.value for entry in status.values}
        return {}

    def send(self, rounds: int) -> None:
        """Publishes a round on every topic, so often, and waits until all is recorded."""
        topics = [topic for topic in self.publishers if topic != '/task_state']
        before = int(self.values().get('messages') or 0)
        for number in range(rounds):
            for topic in topics:
                self.publish(topic, number)
            self.ros.spin()
        wanted = before + rounds * len(topics)
        self.ros.wait(lambda: int(self.values().get('messages') or 0) >= wanted)


Make = Callable[..., Bench]
