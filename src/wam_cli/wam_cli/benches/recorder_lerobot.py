"""LeRobot's dataset writer behind subscriptions: ``python -m …recorder_lerobot RIG OUT``.

Prints ``heard`` when a message of every topic has come. From a line on its standard input, which
it confirms with ``begun``, it adds a frame of the newest picture of each camera and the newest
joints of each arm to the data set OUT, at the first camera's rate, as LeRobot's recording loop
does; at the end of its standard input it prints one JSON object: ``messages`` of the load that are
on disk, ``cpu_s``, ``peak_rss_mb`` and a ``note``.
"""

import json
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image, JointState

from wam_bringup.config import load_rig
from wam_cli.benches import lerobot_frames
from wam_cli.benches.lerobot import precise_sleep
from wam_cli.benches.recorder_writers import arm_topics
from wam_core.joints import DIM

_JOINTS: Final = 9  # names in a message: seven motors and two fingers


class Newest(Node):
    """The newest message of every topic, as a robot of LeRobot keeps them."""

    def __init__(self, rig_name: str) -> None:
        super().__init__('bench_lerobot')
        rig = load_rig(rig_name)
        self.cameras = {camera.topic: name for name, camera in rig.cameras.items()}
        self.rate_hz = next(iter(rig.cameras.values())).rate_hz
        self.arms = arm_topics(rig)
        self.awaited = {*self.cameras, *self.arms}
        self.newest: dict[str, Any] = {}
        reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        for topic in self.awaited:
            kind = Image if topic in self.cameras else JointState
            self.create_subscription(kind, topic, partial(self._take, topic), reliable)

    def _take(self, topic: str, message: Any) -> None:
        self.newest[topic] = message
        self.awaited.discard(topic)


class Loop:
    """Adds frames to a data set. pictures, joints: messages that were in it, each counted once."""

    def __init__(self, node: Newest, root: Path) -> None:
        self._node = node
        newest = node.newest
        shapes = {
            name: (newest[topic].height, newest[topic].width)
            for topic, name in node.cameras.items()
        }
        state = _JOINTS * len(node.arms)
        self.dataset = lerobot_frames.create(root, node.rate_hz, shapes, state)
        self._used: dict[str, Any] = {}
        self.frames = self.pictures = self.joints = 0

    def step(self) -> None:
        """One frame."""
        newest = dict(self._node.newest)
        joints = [np.asarray(newest[topic].position, np.float32) for topic in self._node.arms]
        frame = {
            'task': 'bench',
            lerobot_frames.STATE: np.concatenate(joints),
            lerobot_frames.ACTION: np.zeros(DIM, np.float32),
        }
        for topic, name in self._node.cameras.items():
            frame[lerobot_frames.camera(name)] = _pixels(newest[topic])
        self.dataset.add_frame(frame)
        self.frames += 1
        for topic, message in newest.items():
            if message is not self._used.get(topic):
                self.pictures += topic in self._node.cameras
                self.joints += topic not in self._node.cameras
        self._used = newest

    def run(self, over: threading.Event) -> None:
        """Until ``over``, at the cameras' rate if it can."""
        sleep, period_s = precise_sleep(), 1 / self._node.rate_hz
        while not over.is_set():
            start_s = time.perf_counter()
            self.step()
            sleep(max(period_s - (time.perf_counter() - start_s), 0.0))

    def close(self, root: Path) -> tuple[int, str]:
        """Messages that are on disk, and a note on how."""
        if self.frames:
            self.dataset.save_episode()
        self.dataset.finalize()
        fed = self.frames * len(self._node.cameras)
        dropped = fed - lerobot_frames.frames_on_disk(root)
        note = (
            f'{self.frames} frames of the newest of each topic: {self.pictures} pictures and '
            f'{self.joints} joint states; its encoders dropped {dropped} of {fed}'
        )
        return self.joints + max(0, self.pictures - dropped), note


def _pixels(message: Any) -> Any:
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    return rows[:, : message.width * 3].reshape(message.height, message.width, 3)


def main() -> int:
    """Runs until standard input ends."""
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    root = Path(sys.argv[2])
    node = Newest(sys.argv[1])
    while node.awaited:
        rclpy.spin_once(node, timeout_sec=0.1)
    loop = Loop(node, root)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    print('heard', flush=True)
    sys.stdin.readline()
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    used_s = time.process_time()
    print('begun', flush=True)
    loop.run(over)
    messages, note = loop.close(root)
    answer = {
        'messages': messages,
        'cpu_s': time.process_time() - used_s,
        'peak_rss_mb': lerobot_frames.peak_rss_mb(),
        'note': note,
    }
    print(json.dumps(answer), flush=True)
    executor.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
