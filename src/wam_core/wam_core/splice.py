"""The offset between two plans where one follows the other, and how it goes away."""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from wam_core.joints import ARMS, DIM, GRIPPERS, Vector
from wam_core.motion_limits import MotionLimits
from wam_core.spline import Motion

LONGEST_S: Final = 3.0
# Shares of the limits that a fade may use: the plan under it moves too. An offset of position may
# take its time; one of velocity, while it fades, takes the arms away from the plan.
_SHARE: Final = 0.25
_SHARE_OF_VELOCITY: Final = 0.7
# Of a quintic from (offset, velocity offset) to rest in time 1: the largest velocity, acceleration
# and jerk for an offset of 1, and the largest acceleration and jerk for a velocity offset of 1.
_VELOCITY, _ACCELERATION, _JERK = 1.875, 5.774, 60.0
_ACCELERATION_OF_VELOCITY, _JERK_OF_VELOCITY = 3.94, 36.0

_GRIPPERS: Final = list(GRIPPERS)


@dataclass(frozen=True)
class Fade:
    """A quintic from an offset, with its velocity and acceleration, to nothing in ``duration_s``.

    Grippers have no offset: an opening or a closing must not be held up; the limits make their
    rate. Position, velocity and acceleration are therefore continuous over a splice for the arms.
    """

    offset: Motion
    duration_s: float

    @property
    def size_rad(self) -> float:
        """The largest position offset of an arm joint."""
        return float(np.abs(self.offset.position[ARMS]).max())

    def at(self, elapsed_s: float) -> Motion | None:
        """What is left of the offset; None when it is gone."""
        if elapsed_s >= self.duration_s:
            return None
        whole, offset = self.duration_s, self.offset
        part = max(elapsed_s, 0.0) / whole
        x, v, a = offset.position, offset.velocity * whole, offset.acceleration * whole**2
        c3 = -10.0 * x - 6.0 * v - 1.5 * a
        c4 = 15.0 * x + 8.0 * v + 1.5 * a
        c5 = -6.0 * x - 3.0 * v - 0.5 * a
        return Motion(
            x + part * (v + part * (a / 2.0 + part * (c3 + part * (c4 + part * c5)))),
            (v + part * (a + part * (3.0 * c3 + part * (4.0 * c4 + part * 5.0 * c5)))) / whole,
            (a + part * (6.0 * c3 + part * (12.0 * c4 + part * 20.0 * c5))) / whole**2,
        )


NO_FADE: Final = Fade(Motion(*np.zeros((3, DIM))), 0.0)


class Pace(NamedTuple):
    """time_s: into a plan. rate: of it per second. change: of the rate per second."""

    time_s: float
    rate: float
    change: float


@dataclass(frozen=True)
class Ease:
    """A plan's own time, which starts at rest and is as fast as the clock after ``length_s``."""

    length_s: float

    @property
    def delay_s(self) -> float:
        """How much later than without it everything happens."""
        return self.length_s / 2.0

    def at(self, elapsed_s: float) -> Pace:
        """The pace so many seconds after the plan's start, before which it waits."""
        if elapsed_s < 0.0:
            return Pace(0.0, 0.0, 0.0)
        if elapsed_s >= self.length_s:
            return Pace(elapsed_s - self.delay_s, 1.0, 0.0)
        part = elapsed_s / self.length_s
        return Pace(
            self.length_s * part**3 * (1.0 - part / 2.0),
            part**2 * (3.0 - 2.0 * part),
            6.0 * part * (1.0 - part) / self.length_s,
        )


def fade(running: Motion, following: Motion, shortest_s: float, limits: MotionLimits) -> Fade:
    """The fade of what ``running`` is ahead of ``following`` at the moment of the splice.

    shortest_s: it takes longer where a share of the limits would not do.
    """
    parts = [
        getattr(running, name) - getattr(following, name)
        for name in ('position', 'velocity', 'acceleration')
    ]
    for part in parts:
        part[_GRIPPERS] = 0.0
    offset = Motion(*parts)
    return Fade(offset, duration(offset.position, offset.velocity, shortest_s, limits))


def duration(position: Vector, velocity: Vector, shortest_s: float, limits: MotionLimits) -> float:
    """Seconds that an offset, (14,), takes to fade with a share of the limits; at most 3."""
    v = np.abs(velocity)
    needed = max(
        minimum_jerk_s(position, limits, _SHARE),
        float((_ACCELERATION_OF_VELOCITY * v / limits.acceleration).max()) / _SHARE_OF_VELOCITY,
        math.sqrt((_JERK_OF_VELOCITY * v / limits.jerk).max() / _SHARE_OF_VELOCITY),
    )
    return min(max(shortest_s, needed), LONGEST_S)


def minimum_jerk_s(distance: Vector, limits: MotionLimits, share: float) -> float:
    """Seconds of the quickest minimum-jerk motion over ``distance``, (14,), from rest to rest.

    share: 0..1, of the limits of velocity, acceleration and jerk that it may use.
    """
    x = np.abs(distance) / share
    times = (
        _VELOCITY * x / limits.velocity,
        np.sqrt(_ACCELERATION * x / limits.acceleration),
        np.cbrt(_JERK * x / limits.jerk),
    )
    return max(float(time.max()) for time in times)


def minimum_jerk(part: float) -> float:
    """0 to 1 with no velocity and acceleration at both ends (Flash and Hogan 1985)."""
    part = min(max(part, 0.0), 1.0)
    return part**3 * (10.0 - 15.0 * part + 6.0 * part**2)
