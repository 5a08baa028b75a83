"""A node whose work is a control loop: run as a process by test_control_loop."""

import sys
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Int64, Int64MultiArray

from wam_nodes.control_loop import ControlLoop
from wam_nodes.qos import EVERY
from wam_nodes.realtime import Realtime
from wam_nodes.runner import run

PERIOD_NS = 40_000_000


class LoopNode(Node):
    """Publishes /tick, (now, deadline, missed) of each, and /seen, its clock all the time.

    Parameter fail_at: the number of the tick that raises.
    """

    def __init__(self) -> None:
        super().__init__('loop')
        self._fail_at = self.declare_parameter('fail_at', -1).value
        self._count = 0
        self._ticks = self.create_publisher(Int64MultiArray, '/tick', EVERY)
        self._seen = self.create_publisher(Int64, '/seen', EVERY)
        self.create_timer(0.02, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._loop = ControlLoop(self, PERIOD_NS, lambda: None, self._tick, Realtime())
        self._loop.start()

    def _tell(self) -> None:
        self._seen.publish(Int64(data=self.get_clock().now().nanoseconds))

    def _tick(self, now_ns: int, deadline_ns: int) -> None:
        self._count += 1
        if self._count == self._fail_at:
            raise ZeroDivisionError('a bug')
        self._ticks.publish(Int64MultiArray(data=[now_ns, deadline_ns, self._loop.missed]))

    def destroy_node(self) -> Any:
        self._loop.close()
        self._loop.close()  # a second time is no fault
        return super().destroy_node()


if __name__ == '__main__':
    sys.exit(run(LoopNode))
