"""The opening gesture of teleoperation: both leader grippers closed begin, wide open they end.

A person with an arm in each hand has no other. Closing begins as on every ALOHA (Interbotix/aloha,
``press_to_start``).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from wam_core.joints import ARMS, GRIPPERS, Vector

_SLACK: Final = 0.05  # of an opening: a hand that trembles on a threshold doesn't let go
_GAP_NS: Final = 500_000_000  # without a sample nobody knows what the hand did


class Gesture(Enum):
    """What a person asks for."""

    BEGIN = 'begin'
    END = 'end'


@dataclass(frozen=True)
class GestureConfig:
    """close_below, open_above: openings 0..1. close_ns, open_ns: for how long both must be there.

    still_rad_s: speed of an arm joint above which grippers are open for the task's sake, and say
    nothing.
    """

    close_below: float
    close_ns: int
    open_above: float
    open_ns: int
    still_rad_s: float


class GestureWatch:
    """Finds gestures in the leaders' states.

    Each counts once: before the next one of its kind the grippers must have been otherwise, which
    those that are closed, or open, when the watch begins must be first, too.
    """

    def __init__(self, config: GestureConfig) -> None:
        self._config = config
        self._close = _Hold(config.close_ns)
        self._open = _Hold(config.open_ns)

    def take(self, stamp_ns: int, position: Vector, velocity: Vector) -> Gesture | None:
        """The gesture that this state of the leaders completes.

        position, velocity: (14,) rad and rad/s, grippers as openings 0..1.
        """
        config = self._config
        grippers = position[list(GRIPPERS)]
        closed = float(grippers.max())  # of the one that is less so
        opened = float(grippers.min())
        still = bool(np.abs(velocity[ARMS]).max() <= config.still_rad_s)
        begins = self._close.take(stamp_ns, config.close_below - closed)
        ends = self._open.take(stamp_ns, opened - config.open_above if still else -1.0)
        if begins:
            return Gesture.BEGIN
        return Gesture.END if ends else None


class _Hold:
    """True once, when something was so for a time, after it was not."""

    def __init__(self, hold_ns: int) -> None:
        self._hold_ns = hold_ns
        self._armed = False
        self._since_ns: int | None = None
        self._last_ns: int | None = None

    def take(self, stamp_ns: int, margin: float) -> bool:
        """margin: by how much it is so; below 0: it is not. NaN: nobody knows."""
        last, self._last_ns = self._last_ns, stamp_ns
        if last is not None and not 0 <= stamp_ns - last <= _GAP_NS:
            self._since_ns = None
        if self._since_ns is None:
            self._armed = self._armed or margin < 0.0
            if self._armed and margin >= 0.0:
                self._since_ns = stamp_ns
        elif not margin >= -_SLACK:
            self._since_ns = None
        if self._since_ns is None or stamp_ns - self._since_ns < self._hold_ns:
            return False
        self._armed, self._since_ns = False, None
        return True
