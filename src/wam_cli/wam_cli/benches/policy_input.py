"""The policy's end of /frame_set as a process: ``python -m wam_cli.benches.policy_input``.

Prints ``ready`` when camera_sync is there, takes frame sets until its standard input ends, then
prints one JSON object: ``latency_ms`` of each image from capture stamp to arrival here,
``short_sets`` that were not whole, and ``camera_sync``, that node's last diagnostic values.
"""

import contextlib
import json
import sys
import threading
import time
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from wam_msgs.msg import FrameSet


class PolicyInput(Node):
    """Reads every image of every set, as a policy would."""

    def __init__(self) -> None:
        super().__init__('bench_policy_input')
        self.latency_ms: list[float] = []
        self.short_sets = 0
        self.camera_sync: dict[str, str] = {}
        self._waiting = True
        qos = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
        self.create_subscription(FrameSet, '/frame_set', self._take, qos)

        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnose, 10)

    def _diagnose(self, message: Any) -> None:
        for status in message.status:
            if status.name == 'camera_sync':
                self.camera_sync = {item.key: item.value for item in status.values}
        if self._waiting and self.camera_sync and self.count_publishers('/frame_set'):
            self._waiting = False
            print('ready', flush=True)

    def _take(self, message: Any) -> None:
        now_ns = time.time_ns()
        shape = (len(message.cameras), message.height, message.width, 3)
        if np.frombuffer(message.data, np.uint8).size != np.prod(shape):
            self.short_sets += 1
            return
        for stamp in message.stamps:
            self.latency_ms.append((now_ns - stamp.sec * 10**9 - stamp.nanosec) / 1e6)


def main() -> int:
    """Runs until standard input is closed."""
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = PolicyInput()
    threading.Thread(target=_wait_for_end, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    names = ('latency_ms', 'short_sets', 'camera_sync')
    print(json.dumps({name: getattr(node, name) for name in names}), flush=True)
    return 0


def _wait_for_end() -> None:
    sys.stdin.read()
    rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
