"""What every sequence of commands must satisfy, whatever happened meanwhile."""

import numpy as np
from executor_rig import LIMITS

from wam_core import braking
from wam_core.joints import ARM_SLICES, SIDE_SLICES, SIDES, Vector

ROUNDING = 1e-6  # of a limit
TINY = 1e-9  # rad


class CommandChecks:
    """Follows the commands of an executor, and what its arms were measured to be.

    resync_rad: as in ExecutorConfig.
    """

    def __init__(self, period_ns: int, resync_rad: float) -> None:
        period_s = period_ns / 1e9
        self._limits = [
            LIMITS.velocity * period_s,
            LIMITS.acceleration * period_s**2,
            LIMITS.jerk * period_s**3,
        ]
        self._resync_rad = resync_rad
        self._window: list[Vector] = []  # the last ones, while commands are being sent
        self._lower, self._upper = LIMITS.lower, LIMITS.upper
        self.last: Vector | None = None

    @property
    def sending(self) -> bool:
        return bool(self._window)

    def nothing_sent(self) -> None:
        self._window = []

    def sent(self, command: Vector, measured: Vector, homing: bool, braking_only: bool) -> None:
        """Checks the next command. homing: whether a slew was active since commands are sent."""
        assert np.all(np.isfinite(command))
        if not self._window:
            self._begin(measured)
        window = self._window = [*self._window[-11:], command]
        self._check_position(command, homing)
        differences = np.array(window[-4:])
        for name, limit in zip(('velocity', 'acceleration', 'jerk'), self._limits, strict=True):
            differences = np.diff(differences, axis=0)
            worst = float((np.abs(differences[-1]) / limit).max())
            assert worst <= 1.0 + ROUNDING, f'{worst:.9g} of the {name} limit'
        if braking_only:
            self._check_braking()
        self.last = command

    def _begin(self, measured: Vector) -> None:
        """From rest at the last command, or where an arm is that was moved since."""
        begin = measured.copy() if self.last is None else self.last.copy()
        for side in SIDES:
            arm = ARM_SLICES[side]
            if np.abs(begin[arm] - measured[arm]).max() > self._resync_rad:
                begin[SIDE_SLICES[side]] = measured[SIDE_SLICES[side]]
        self._window = [begin] * 3
        self._lower = np.minimum(LIMITS.lower, begin)
        self._upper = np.maximum(LIMITS.upper, begin)

    def _check_position(self, command: Vector, homing: bool) -> None:
        if homing:
            self._lower = np.minimum(self._lower, LIMITS.reach_lower)
            self._upper = np.maximum(self._upper, LIMITS.reach_upper)
        beyond = np.maximum(self._lower - command, command - self._upper)
        assert beyond.max() <= TINY, f'{beyond.max():.9g} outside the limits'
        if not homing:  # what starts outside comes in, but for a little swing when it brakes
            recent = np.array(self._window)
            self._lower = np.minimum(LIMITS.lower, np.maximum(self._lower, recent.min(axis=0)))
            self._upper = np.maximum(LIMITS.upper, np.minimum(self._upper, recent.max(axis=0)))

    def _check_braking(self) -> None:
        velocities = np.diff(np.array(self._window[-4:]), axis=0)
        acceleration = velocities[1] - velocities[0]
        _, most, jerk = self._limits
        expected = velocities[1] + braking.brake(velocities[1], acceleration, most, jerk)
        assert np.abs(velocities[2] - expected).max() <= TINY, 'not the quickest way to rest'
