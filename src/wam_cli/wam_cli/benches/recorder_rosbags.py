"""The ``rosbags`` package's writer behind raw subscriptions: ``python -m … RIG OUT``.

Prints ``heard`` when a message of every topic has come. From a line on its standard input, which
it confirms with ``begun``, it writes what comes, as it comes, to an MCAP bag OUT; at the end of
its standard input it prints one JSON object: ``messages`` in the bag, ``cpu_s``, ``peak_rss_mb``.
"""

import json
import resource
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image, JointState

from wam_bringup.config import load_rig
from wam_cli.benches.recorder_writers import arm_topics

_VERSION: Final = 9  # of the bag: the newest that the writer knows
_IMAGE_DEPTH: Final = 20  # as our recorder's
_DEPTH: Final = 100


class Bag(Node):
    """Writes in the callbacks, as its users do."""

    def __init__(self, rig_name: str, path: Path) -> None:
        super().__init__('bench_rosbags')
        rig = load_rig(rig_name)
        self._writer = Writer(path, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._connections: dict[str, Any] = {}
        self.awaited: set[str] = set()
        self.messages = 0
        for camera in rig.cameras.values():
            self._subscribe(camera.topic, Image, _IMAGE_DEPTH)
        for topic in arm_topics(rig):
            self._subscribe(topic, JointState, _DEPTH)

    def _subscribe(self, topic: str, kind: Any, depth: int) -> None:
        qos = QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE)
        self.awaited.add(topic)
        self.create_subscription(kind, topic, partial(self._take, topic, kind), qos, raw=True)

    def begin(self) -> None:
        """Opens the bag."""
        types = get_typestore(Stores.ROS2_JAZZY)
        self._writer.open()
        for subscription in self.subscriptions:
            if subscription.msg_type in (Image, JointState):
                name = f'sensor_msgs/msg/{subscription.msg_type.__name__}'
                topic = subscription.topic_name
                self._connections[topic] = self._writer.add_connection(
                    topic, name, typestore=types
                )

    def _take(self, topic: str, kind: Any, data: bytes) -> None:
        self.awaited.discard(topic)
        if topic in self._connections:
            self._writer.write(self._connections[topic], time.time_ns(), data)
            self.messages += 1

    def close(self) -> None:
        """Closes the bag."""
        self._writer.close()


def main() -> int:
    """Runs until standard input ends."""
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    bag = Bag(sys.argv[1], Path(sys.argv[2]))
    while bag.awaited:
        rclpy.spin_once(bag, timeout_sec=0.1)
    print('heard', flush=True)
    sys.stdin.readline()
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    bag.begin()
    used_s = time.process_time()
    print('begun', flush=True)
    while not over.is_set():
        rclpy.spin_once(bag, timeout_sec=0.1)
    bag.close()
    answer = {
        'messages': bag.messages,
        'cpu_s': time.process_time() - used_s,
        'peak_rss_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }
    print(json.dumps(answer), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
