"""Rates, ages, spreads and resizing times of the cameras, for people."""

from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Final

_WINDOW_NS: Final = 2_000_000_000  # long enough for a steady rate, short enough to see a change
_SAMPLES: Final = 256  # bounds the memory: 2 s at 120 Hz


class Rate:
    """Events per second over the last two seconds of the clock that stamps them."""

    def __init__(self) -> None:
        self._stamps: deque[int] = deque(maxlen=_SAMPLES)

    def add(self, stamp_ns: int) -> None:
        """An event; one that is older than the last one starts anew (the clock was reset)."""
        if self._stamps and stamp_ns < self._stamps[-1] - _WINDOW_NS:
            self._stamps.clear()
        self._stamps.append(stamp_ns)

    def hz(self, now_ns: int) -> float:
        """Events per second; 0 when fewer than two happened in the window."""
        recent = sorted(stamp for stamp in self._stamps if stamp > now_ns - _WINDOW_NS)
        if len(recent) < 2 or recent[-1] == recent[0]:
            return 0.0
        return (len(recent) - 1) * 1e9 / (recent[-1] - recent[0])


class Samples:
    """The last values of a quantity."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=_SAMPLES)

    def add(self, value: float) -> None:
        """One value more."""
        self._values.append(value)

    def p50(self) -> float:
        """The median; 0 without values."""
        return median(self._values) if self._values else 0.0

    def max(self) -> float:
        """The greatest value; 0 without values."""
        return max(self._values, default=0.0)


class CameraStatistics:
    """What camera_sync measures. cameras: in the order of a set."""

    def __init__(self, cameras: Sequence[str]) -> None:
        self.frames = {camera: Rate() for camera in cameras}
        self.resize_ms = {camera: Samples() for camera in cameras}
        self.sets = Rate()
        self.spread_ms = Samples()
