"""What surrounds an executor, as a process: ``python -m …executor_traffic``.

A policy that answers at once, both followers at 100 Hz, which stand where they are commanded to,
and a listener to /executor_state. Prints ``ready`` when the executor follows chunks, notes its
states from a line on standard input to the end of it, then prints them as one JSON object.
"""

import json
import sys
import threading
import time
from typing import Any, Final

import numpy as np
import rclpy
from builtin_interfaces.msg import Duration, Time
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from wam_msgs.msg import ActionChunk, AppliedAction, ExecutorState, Proprioception
from wam_msgs.srv import PredictChunk, StartExecution

from wam_bringup import environment
from wam_bringup.config import load_rig

_TASK: Final = 'bench'
_ROWS: Final = 50
_ROW_S: Final = 0.04
_SWING_RAD: Final = 0.05
_SWING_S: Final = 4.0
_SENSOR_S: Final = 0.01003  # no divisor of the period: they come at every moment before a tick
# Under load this process may not run for a while: nothing that it observes may be lost by that.
_DEEP: Final = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)


class Traffic(Node):
    """The executor's neighbours."""

    def __init__(self) -> None:
        super().__init__('bench_traffic')
        self._start = np.array(load_rig('sim').start_pose)
        self._position = self._start
        self._asked = False
        self._following = False
        self.collecting = False
        self.states: list[tuple[int, float, int, int]] = []
        self.not_running = 0
        self.scheduling = ''
        self._measured = self.create_publisher(Proprioception, '/proprioception', 10)
        self._chunks = self.create_publisher(ActionChunk, '/action_chunk', 10)
        self._client = self.create_client(StartExecution, '/executor/start')
        self.create_service(PredictChunk, '/policy/predict_chunk', self._predict)
        self.create_subscription(AppliedAction, '/applied_action', self._apply, 10)
        self.create_subscription(ExecutorState, '/executor_state', self._note, _DEEP)
        self.create_timer(_SENSOR_S, self._measure)

    def _measure(self) -> None:
        message = Proprioception(position=self._position)
        message.header.stamp = stamp = self.get_clock().now().to_msg()
        message.arm_stamps = [stamp, stamp]
        self._measured.publish(message)

    def _apply(self, message: Any) -> None:
        self._position = message.limited

    def _predict(self, request: Any, response: Any) -> Any:
        now_ns = self.get_clock().now().nanoseconds
        due_s = now_ns / 1e9 % _SWING_S + np.arange(_ROWS) * _ROW_S
        swing = _SWING_RAD * np.sin(due_s * 2 * np.pi / _SWING_S)
        chunk = ActionChunk(
            request_id=request.request_id,
            generation=request.generation,
            task=request.task,
            policy=_TASK,
            dt=Duration(nanosec=round(_ROW_S * 1e9)),
            horizon=_ROWS,
            action_dim=self._start.size,
            actions=(self._start + swing[:, None]).ravel().tolist(),
        )
        chunk.header.stamp = Time(sec=now_ns // 10**9, nanosec=now_ns % 10**9)
        self._chunks.publish(chunk)
        response.accepted = True
        return response

    def _note(self, state: Any) -> None:
        running = state.state == ExecutorState.RUNNING
        if not self._asked and self._client.service_is_ready():
            self._asked = True
            self._client.call_async(
                StartExecution.Request(source='policy', mode='async', task=_TASK)
            )
        if running and state.chunks_merged and not self._following:
            self._following = True
            print('ready', flush=True)
        if self.collecting:
            stamp = state.header.stamp
            # On CLOCK_MONOTONIC, as far as the two clocks' distance now was theirs at the tick.
            at_ns = stamp.sec * 10**9 + stamp.nanosec - (time.time_ns() - time.monotonic_ns())
            self.states.append((at_ns, state.tick_lateness_ms, state.ticks, state.ticks_missed))
            self.not_running += not running
            self.scheduling = state.scheduling


def main() -> int:
    """Runs until standard input ends."""
    environment.apply_control()  # a sensor that waits for others would trip the watchdogs
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Traffic()
    over = threading.Event()

    def listen() -> None:
        node.collecting = bool(sys.stdin.readline())
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    while not over.is_set():
        rclpy.spin_once(node, timeout_sec=0.1)
    names = ('states', 'not_running', 'scheduling')
    print(json.dumps({name: getattr(node, name) for name in names}), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
