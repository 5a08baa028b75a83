"""Takes what has come on many topics, a batch at a time, in a thread of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from rclpy.node import Node

from wam_nodes.recorder_topics import Tap
from wam_nodes.unattended import Unattended

_PERIOD_S: Final = 0.01  # the shortest queue of a tap holds a third of a second


class Taken(NamedTuple):
    """A message as serialized bytes. log_ns: ROS time of receipt."""

    log_ns: int
    tap: Tap
    data: bytes


class _Come(NamedTuple):
    """A message as the middleware hands it out. info: what that says of it."""

    tap: Tap
    data: bytes
    info: Any


class Intake:
    """receive: called with a batch in order of receipt, from the thread or from ``take``, never
    from both at once. wanted: whether messages are; otherwise they stay where they are, and the
    middleware replaces the oldest, which costs less than to take them and let them go."""

    def __init__(
        self,
        node: Node,
        taps: Sequence[Tap],
        receive: Callable[[Sequence[Taken]], None],
        wanted: Callable[[], bool],
    ) -> None:
        self._clock = node.get_clock()
        self._wall = not node.get_parameter('use_sim_time').value
        self._receive = receive
        self._wanted = wanted
        self._lock = threading.RLock()
        self._subscriptions = [
            (tap, Unattended(node, tap.kind, tap.source, tap.qos, raw=True)) for tap in taps
        ]
        self._kept: list[_Come] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name='intake', daemon=True)
        self._thread.start()

    def take(self) -> None:
        """Hands on all that has come until now."""
        with self._lock:
            come, self._kept = self._kept + self._come(), []
            self._hand_on(come)

    def skip(self) -> None:
        """Hands on what had come before this call, and keeps what comes meanwhile for ``take``.

        Full queues of pictures take long to empty; without this, the topics that are emptied last
        would miss more of what follows than the first ones.
        """
        with self._lock:
            now_ns = time.time_ns()
            come = self._kept + self._come()
            # 0 where the middleware doesn't say when it came.
            self._kept = [each for each in come if each.info['received_timestamp'] >= now_ns]
            self._hand_on([each for each in come if each.info['received_timestamp'] < now_ns])

    def _come(self) -> list[_Come]:
        return [
            _Come(tap, data, info)
            for tap, subscription in self._subscriptions
            for data, info in subscription.take()
        ]

    def _hand_on(self, come: Sequence[_Come]) -> None:
        if come:
            taken = [Taken(self._log_ns(each.info), each.tap, each.data) for each in come]
            self._receive(sorted(taken, key=lambda each: each.log_ns))

    def paused(self) -> threading.RLock:
        """A context manager within which nothing is taken but by ``take``."""
        return self._lock

    @property
    def alive(self) -> bool:
        """False when the thread died of a fault."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Ends the thread. To be called before the node goes."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_PERIOD_S):
            if self._wanted():
                self.take()

    def _log_ns(self, info: Any) -> int:
        """The middleware's own time is exact, where it has one, but it is the wall's."""
        if self._wall and (received_ns := info['received_timestamp']):
            return int(received_ns)
        return int(self._clock.now().nanoseconds)
