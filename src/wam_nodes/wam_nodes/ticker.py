"""A timer whose deadlines are the multiples of its period on the node's ROS clock."""

from collections.abc import Callable
from typing import Final

from rclpy.node import Node

_JUMP_NS: Final = 500_000_000  # a clock that moved by more between two ticks has jumped


class Ticker:
    """Calls ``tick(now_ns, deadline_ns)`` once per period; wall time or /clock.

    rcl keeps a timer's deadlines absolute, so they don't drift; this gives them their phase.
    """

    def __init__(self, node: Node, period_ns: int, tick: Callable[[int, int], None]) -> None:
        self._node = node
        self._period_ns = period_ns
        self._tick = tick
        self._deadline_ns = 0
        self._align()

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _align(self) -> None:
        remaining_ns = self._period_ns - self._now_ns() % self._period_ns
        self._timer = self._node.create_timer(remaining_ns / 1e9, self._begin)

    def _begin(self) -> None:
        self._node.destroy_timer(self._timer)
        # The first /clock message comes at any time; then the phase is only known from here on.
        if self._now_ns() % self._period_ns > self._period_ns // 8:
            self._align()
            return
        self._timer = self._node.create_timer(self._period_ns / 1e9, self._call)
        self._call()

    def _call(self) -> None:
        now_ns = self._now_ns()
        due_ns = self._deadline_ns + self._period_ns
        if not 0 <= now_ns - due_ns < _JUMP_NS:
            due_ns = now_ns - now_ns % self._period_ns
        self._tick(now_ns, due_ns)
        # Ticks that were missed are not made up for.
        self._deadline_ns = max(due_ns, now_ns - now_ns % self._period_ns)
