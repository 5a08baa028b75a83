"""A sensor's way to its reader: latency, jitter, loss and reordering, all changeable at any time.

The idea is dm_control's ``composer/observation/obs_buffer.py``: values go in with the time they
were taken and come out when they are due.
"""

import heapq
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar('Item')


@dataclass(frozen=True)
class Faults:
    """latency_s, jitter_s: each item takes latency plus 0 to jitter, evenly distributed.

    drop, reorder: probability 0..1 that an item is lost, or that its successor overtakes it.
    stalled: nothing goes in at all.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    drop: float = 0.0
    reorder: float = 0.0
    stalled: bool = False


class DelayLine(Generic[Item]):
    """Items in transit. Without reordering they keep their order whatever the jitter."""

    def __init__(self, period_ns: int) -> None:
        self.faults = Faults()
        self._period_ns = period_ns
        self._random = np.random.default_rng(0)
        self._queue: list[tuple[int, int, Item]] = []
        self._count = 0
        self._last_due_ns = 0

    def put(self, item: Item, now_ns: int) -> None:
        """An item taken at ``now_ns`` sets off."""
        faults = self.faults
        # Drawn whatever the faults are: one knob doesn't change what another one does.
        jitter, drop, reorder = self._random.random(3)
        if faults.stalled or drop < faults.drop:
            return
        due = now_ns + round((faults.latency_s + faults.jitter_s * jitter) * 1e9)
        due = max(due, self._last_due_ns)
        if reorder < faults.reorder:
            # Held up for one and a half periods: the next one overtakes it.
            due += 3 * self._period_ns // 2
        else:
            self._last_due_ns = due
        self._count += 1
        heapq.heappush(self._queue, (due, self._count, item))

    def take(self, now_ns: int) -> list[Item]:
        """The items that have arrived by ``now_ns``, in the order of their arrival; each once."""
        arrived = []
        while self._queue and self._queue[0][0] <= now_ns:
            arrived.append(heapq.heappop(self._queue)[2])
        return arrived

    def restart(self, random: np.random.Generator) -> None:
        """Loses everything that is in transit and draws from ``random`` from now on."""
        self._random = random
        self._queue.clear()
        self._last_due_ns = 0
