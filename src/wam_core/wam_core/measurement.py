"""Where the arms are, as last measured."""

import math

import numpy as np

from wam_core.chunk import MAX_MAGNITUDE
from wam_core.joints import ARMS, DIM, Vector


class Measurement:
    """position: (14,) rad, grippers 0..1; NaN before the first. stamp_ns: None before it.

    ignored: measurements that were not 14 finite numbers.
    """

    def __init__(self) -> None:
        self.position: Vector = np.full(DIM, np.nan)
        self.stamp_ns: int | None = None
        self.ignored = 0

    def take(self, position: Vector, stamp_ns: int) -> bool:
        """Keeps the newest one; False: it can't be one, and is ignored."""
        if np.shape(position) != (DIM,) or not np.all(np.abs(position) <= MAX_MAGNITUDE):
            self.ignored += 1
            return False
        self.position = np.array(position, dtype=np.float64)
        self.stamp_ns = stamp_ns
        return True

    def distance(self, position: Vector) -> float:
        """rad, of the arm joint that is furthest from there; infinite before the first."""
        if self.stamp_ns is None:
            return math.inf
        return float(np.abs(self.position - position)[ARMS].max())
