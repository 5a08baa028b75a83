"""A chunk's rows as a curve with continuous velocity and acceleration."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wam_core.joints import Vector

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """position: (14,) rad, grippers 0..1. velocity, acceleration: (14,) per s and per s^2."""

    position: Vector
    velocity: Vector
    acceleration: Vector


class Spline:
    """The natural cubic spline through equally spaced rows: the smoothest curve through them.

    rows: (H, 14), H >= 1, ``dt_s`` apart. Source: de Boor, A Practical Guide to Splines, ch. IV.
    """

    def __init__(self, rows: Matrix, dt_s: float) -> None:
        self._rows = rows
        self._dt_s = dt_s
        self._bend = _bends(len(rows)) @ rows  # second derivative at each row, per row^2

    def at(self, row: float) -> Motion:
        """The curve at a fractional row, 0 .. H - 1; clipped to that range."""
        last = len(self._rows) - 1
        row = min(max(row, 0.0), float(last))
        index = min(int(row), max(last - 1, 0))
        after = row - index
        before = 1.0 - after
        following = min(index + 1, last)
        here, there = self._rows[index], self._rows[following]
        bend, bend_there = self._bend[index] / 6.0, self._bend[following] / 6.0
        position = before * here + after * there
        position += (before**3 - before) * bend + (after**3 - after) * bend_there
        velocity = there - here + (1.0 - 3.0 * before**2) * bend
        velocity += (3.0 * after**2 - 1.0) * bend_there
        acceleration = 6.0 * (before * bend + after * bend_there)
        return Motion(position, velocity / self._dt_s, acceleration / self._dt_s**2)


@lru_cache(maxsize=8)
def _bends(count: int) -> Matrix:
    """(count, count) matrix from rows to second derivatives; 0 at both ends."""
    found = np.zeros((count, count))
    if count < 3:
        return found
    inner = count - 2
    system = 4.0 * np.eye(inner) + np.eye(inner, k=1) + np.eye(inner, k=-1)
    differences = np.eye(inner, count) - 2.0 * np.eye(inner, count, k=1)
    differences += np.eye(inner, count, k=2)
    found[1:-1] = np.linalg.solve(system, 6.0 * differences)
    return found
