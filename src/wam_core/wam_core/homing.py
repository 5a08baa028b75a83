"""A slew from wherever the arms are told to be to a named pose of the rig."""

from typing import Final

import numpy as np

from wam_core.aim import Aim
from wam_core.joints import Vector
from wam_core.motion_limits import MotionLimits
from wam_core.requests import ChunkRequest
from wam_core.splice import minimum_jerk, minimum_jerk_s
from wam_core.spline import Motion

_SHORTEST_S: Final = 0.5
_THERE: Final = 1e-6


class Homing:
    """The source ``homing``: all joints together along a straight line in joint space.

    share: 0..1, of the limits of velocity, acceleration and jerk that the slew uses.
    """

    def __init__(
        self, pose: str, goal: Vector, limits: MotionLimits, share: float, period_ns: int
    ) -> None:
        self.pose = pose
        self.goal = goal
        self._limits = limits
        self._share = share
        self._period_ns = period_ns
        self._begin_ns: int | None = None
        self._start = goal
        self._duration_s = 0.0

    def duration_s(self, start: Vector) -> float:
        """How long the slew takes from there."""
        return max(_SHORTEST_S, minimum_jerk_s(self.goal - start, self._limits, self._share))

    def follow(self, now_ns: int, command: Motion) -> Aim | None:
        """The slew; None, to come to rest first, while the arms move for another reason."""
        if self._begin_ns is None:
            if command.velocity.any():
                return None
            self._begin_ns = now_ns
            self._start = command.position.copy()
            self._duration_s = self.duration_s(self._start)
        times = (now_ns - self._begin_ns + np.arange(3) * self._period_ns) / 1e9
        parts = [minimum_jerk(time / self._duration_s) for time in times]
        way = self.goal - self._start
        return Aim(np.array([self._start + part * way for part in parts]), homing=True)

    def reached(self, position: Vector) -> bool:
        """Whether a command is the goal."""
        return bool(np.abs(position - self.goal).max() < _THERE)

    def rejoin(self, now_ns: int, command: Motion) -> None:
        """After an interruption: a new slew from where the arms are then."""
        self._begin_ns = None

    def ask(self, now_ns: int) -> ChunkRequest | None:
        """Nothing is asked for."""
        return None

    def end(self) -> None:
        """Nothing to give up."""
