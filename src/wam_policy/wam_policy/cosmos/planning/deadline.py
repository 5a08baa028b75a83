"""How long an answer may take, and how long its parts took before."""

from collections import deque
from collections.abc import Callable
from typing import Final

# Of the latest runs of one batch size, the slowest is expected next time.
_REMEMBERED: Final = 8
# Evaluations that a guided one takes as long as, until it is known: without a warm-up, and rather
# too many. It is not compiled, they may be (docs/decisions/0012).
_GUIDED: Final = 10.0


class Deadline:
    """So many seconds from its construction. clock: seconds of a clock that only goes forward.

    It only keeps work from being begun: nothing that has begun is broken off.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self.seconds = seconds
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Seconds left; negative: past."""
        return self._end - self._clock()

    def fits(self, seconds: float | None) -> bool:
        """Whether work of that length would be done in time. None: unknown; it may try."""
        return self.remaining() >= (seconds or 0.0) and self.remaining() > 0.0


class Costs:
    """Seconds of a network evaluation by batch size, learnt from the sampling runs so far.

    guided: of a run that a prefix guides. Its sequences are evaluated one by one, forward and
    backward, whatever the batch size.
    """

    def __init__(self) -> None:
        self._seconds: dict[int, deque[float]] = {}
        self._guided: deque[float] = deque(maxlen=_REMEMBERED)  # of one sequence

    def record(self, batch: int, evaluations: int, seconds: float, guided: bool = False) -> None:
        """A sampling run of ``batch`` sequences took so long."""
        if guided:
            self._guided.append(seconds / evaluations / batch)
            return
        runs = self._seconds.setdefault(batch, deque(maxlen=_REMEMBERED))
        runs.append(seconds / evaluations)

    def knows(self, batch: int) -> bool:
        """Whether runs of this very batch size were recorded."""
        return batch in self._seconds

    def estimate(self, batch: int, evaluations: int, guided: bool = False) -> float | None:
        """Expected seconds of a sampling run, rather too long; None before the first run.

        An unknown batch size costs as much as the next larger known one, else in proportion.
        """
        if guided and self._guided:
            return max(self._guided) * evaluations * batch
        if guided:
            alone = self.estimate(1, evaluations)
            return None if alone is None else _GUIDED * batch * alone
        if not self._seconds:
            return None
        larger = [size for size in self._seconds if size >= batch]
        size = min(larger) if larger else max(self._seconds)
        return max(self._seconds[size]) * evaluations * max(1.0, batch / size)

    def forget(self) -> None:
        """Start anew, as after a warm-up that compiled."""
        self._seconds.clear()
        self._guided.clear()
