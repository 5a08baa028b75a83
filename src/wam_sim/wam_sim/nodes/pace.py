"""Keeps simulated time from running ahead of real time."""

import time
from typing import Final

# A shorter lag is made up for, so that the mean rate holds; a longer one is forgotten: time that
# races to make up for it would rush whoever runs on it past their deadlines.
_FORGET_NS: Final = 20_000_000


class Pace:
    """Absolute deadlines on the monotonic clock: no drift."""

    def __init__(self, speed_factor: float) -> None:
        self._speed = speed_factor
        self._deadline_ns = time.monotonic_ns()

    def change(self, speed_factor: float) -> None:
        """Another speed from now on; 0: no limit."""
        self._speed = speed_factor
        self._deadline_ns = time.monotonic_ns()

    def passed(self, simulated_ns: int) -> None:
        """Simulated time has advanced by so much."""
        if self._speed > 0.0:
            self._deadline_ns += round(simulated_ns / self._speed)
        now_ns = time.monotonic_ns()
        if self._speed == 0.0 or now_ns - self._deadline_ns > _FORGET_NS:
            self._deadline_ns = now_ns

    def left_s(self) -> float:
        """Real seconds until the next step is due; 0: it is due."""
        return max(0.0, (self._deadline_ns - time.monotonic_ns()) * 1e-9)
