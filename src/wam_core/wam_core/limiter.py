"""The last thing before the arms: no command outside a limit, and none that can't be stopped from.

Each joint on its own, once per tick. Position, velocity, acceleration and jerk are bounded as the
finite differences of the commands that are sent. A command is only sent if braking from it stays
inside all limits; so braking is possible at every tick, whatever is asked for.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wam_core import braking
from wam_core.joints import DIM, Vector
from wam_core.motion_limits import MotionLimits

Flags = NDArray[np.bool_]

PREVIEW: Final = 3  # requests that ``follow`` looks at: this tick's and the next two
_FAN: Final = 9  # accelerations that are tried at once
_BLENDS: Final = np.linspace(0.0, 1.0, _FAN)[:, None]
_ROUNDING: Final = 1e-12
_CLIP: Final = 1e-9


@dataclass(frozen=True)
class Limited:
    """position: (14,) what may be sent. The flags, (14,), say which limit changed a joint."""

    position: Vector
    position_clamped: Flags
    velocity_clamped: Flags
    acceleration_clamped: Flags
    jerk_clamped: Flags


_NONE: Final[Flags] = np.zeros(DIM, dtype=np.bool_)


class JointLimiter:
    """Holds the command that was sent last, and finds the next one.

    period_ns: between two ticks; every call is one tick, however late it comes, so a late tick
    can't authorise a leap.
    """

    def __init__(self, limits: MotionLimits, period_ns: int) -> None:
        period_s = period_ns / 1e9
        self.limits = limits
        self.period_s = period_s
        self._speed = limits.velocity * period_s
        self._most = limits.acceleration * period_s**2
        self._jerk = limits.jerk * period_s**3
        # Of the slowest joint; one that is at rest earlier costs nothing.
        self._ticks = max(
            braking.ticks_to_rest(*(float(limit) for limit in joint))
            for joint in zip(self._speed, self._most, self._jerk, strict=True)
        )
        self.reset(np.zeros(DIM))

    def reset(self, position: Vector) -> None:
        """Starts from rest at ``position``, (14,): where the arms are."""
        self._position = np.array(position, dtype=np.float64)
        self._velocity = np.zeros(DIM)
        self._acceleration = np.zeros(DIM)

    def take_over(self, other: 'JointLimiter') -> None:
        """Goes on from where another one is, whose limits are inside these, in mid-motion."""
        self._position, self._velocity = other._position, other._velocity
        self._acceleration = other._acceleration

    @property
    def position(self) -> Vector:
        """(14,) the command that was sent last."""
        return self._position

    @property
    def velocity(self) -> Vector:
        """(14,) rad/s, openings/s: of the last step."""
        return self._velocity / self.period_s

    @property
    def at_rest(self) -> bool:
        """Whether the command stands still."""
        return not self._velocity.any() and not self._acceleration.any()

    def brake(self) -> Limited:
        """One tick on the quickest way to rest."""
        self._move(self._brake())
        return Limited(self._position, _NONE, _NONE, _NONE, _NONE)

    def follow(self, requests: Vector, *, homing: bool = False) -> Limited:
        """One tick towards what is asked for: exactly there when the limits allow it.

        requests: (3, 14) for this tick and, as far as known, the next two. A joint whose requests
        are not finite comes to rest. A joint that starts outside its position limits (an arm that
        rests on its stops) may move towards them only. homing: positions of the rig's named poses
        are allowed too.
        """
        limits = self.limits
        lower = limits.reach_lower if homing else limits.lower
        upper = limits.reach_upper if homing else limits.upper
        finite = np.isfinite(requests).all(axis=0)
        asked = np.where(finite, requests, self._position)
        lower, upper = np.minimum(lower, self._position), np.maximum(upper, self._position)
        inside = np.clip(asked, lower, upper)
        wanted = np.where(finite, self._towards(inside), self._brake())
        acceleration = self._stoppable(wanted, lower, upper)
        flags = self._flags(requests[0], inside[0], acceleration)
        self._move(acceleration)
        # Of rounding errors only: a slew beyond the limits that was interrupted brakes there.
        inner = np.clip(self._position, lower, upper)
        rounded = np.abs(self._position - inner) < _CLIP
        self._position = np.where(rounded, inner, self._position)
        return Limited(self._position, *flags)

    def _brake(self) -> Vector:
        return braking.brake(self._velocity, self._acceleration, self._most, self._jerk)

    def _move(self, acceleration: Vector) -> None:
        self._acceleration = acceleration
        self._velocity = self._velocity + acceleration
        self._position = self._position + self._velocity

    def _range(self) -> tuple[Vector, Vector]:
        """Accelerations from which no limit of velocity, acceleration and jerk is exceeded."""
        up = braking.ramp(self._speed - self._velocity, self._jerk)
        down = -braking.ramp(self._speed + self._velocity, self._jerk)
        lowest = np.maximum(np.maximum(self._acceleration - self._jerk, -self._most), down)
        highest = np.minimum(np.minimum(self._acceleration + self._jerk, self._most), up)
        return np.minimum(lowest, highest), highest

    def _towards(self, requests: Vector) -> Vector:
        """The acceleration that leads onto the requested path and doesn't overshoot it."""
        lowest, highest = self._range()
        first, second, third = requests
        step, after, last = first - self._position, second - first, third - second
        here: Vector = step - self._velocity
        then, later = after - step, last - after
        on_it = (here >= lowest) & (here <= highest)
        # Sent now, it must also be possible to stay on it.
        for change in (then - here, later - then):
            on_it &= np.abs(change) <= self._jerk
        for acceleration in (then, later):
            on_it &= np.abs(acceleration) <= self._most
        for velocity in (after, last):
            on_it &= np.abs(velocity) <= self._speed
        if on_it.all():
            return here
        approach = self._approach(first, after, lowest, highest)
        towards: Vector = np.where(on_it, here, approach)
        return towards

    def _approach(self, target: Vector, drift: Vector, lowest: Vector, highest: Vector) -> Vector:
        """As quickly as possible to where braking ends on the target, which moves on at ``drift``.

        Where braking ends grows with the acceleration that it starts from: a fan of them encloses
        the one that is looked for.
        """
        drift = np.clip(drift, -self._speed, self._speed)
        fan = lowest + _BLENDS * (highest - lowest)
        velocity = self._velocity + fan
        end, _, _ = braking.way(velocity - drift, fan, self._most, self._jerk, self._ticks)
        beyond = self._position + velocity - target + end
        count = np.clip((beyond < 0.0).sum(axis=0), 1, _FAN - 1)[None, :]
        below, above = (np.take_along_axis(beyond, count - k, axis=0)[0] for k in (1, 0))
        part = np.clip(-below / np.maximum(above - below, _ROUNDING), 0.0, 1.0)
        first = np.take_along_axis(fan, count - 1, axis=0)[0]
        found: Vector = first + part * (highest - lowest) / (_FAN - 1)
        return found

    def _stoppable(self, wanted: Vector, lower: Vector, upper: Vector) -> Vector:
        """The acceleration nearest to ``wanted`` from which braking stays in lower..upper.

        There is always one: to brake, since the last command was chosen so.
        """
        room = np.minimum(self._position - lower, upper - self._position)
        speed = np.abs(self._velocity) + self._jerk + np.abs(self._acceleration)
        speed += np.abs(self._acceleration) * (np.abs(self._acceleration) / self._jerk + 2.0)
        if np.all(speed * (self._ticks + 1) < room):  # too slow to reach anything
            return wanted
        fan = wanted + _BLENDS * (self._brake() - wanted)
        velocity = self._velocity + fan
        _, lowest, highest = braking.way(velocity, fan, self._most, self._jerk, self._ticks)
        following = self._position + velocity
        good = (following + lowest >= lower - _ROUNDING) & (
            following + highest <= upper + _ROUNDING
        )
        good[-1] = True
        found: Vector = np.take_along_axis(fan, good.argmax(axis=0)[None, :], axis=0)[0]
        return found

    def _flags(
        self, asked: Vector, inside: Vector, acceleration: Vector
    ) -> tuple[Flags, Flags, Flags, Flags]:
        """Which limits kept each joint from what was asked of it.

        One that looks ahead, so as not to run into another limit, is counted as the jerk limit.
        """
        velocity = self._velocity + acceleration
        changed = np.abs(self._position + velocity - inside) > 1e-9
        position = inside != asked  # NaN differs from everything
        if not changed.any():
            return position, _NONE, _NONE, _NONE
        step = inside - self._position
        change = step - self._velocity
        fast = changed & (np.abs(step) > self._speed)
        hard = changed & (np.abs(change) > self._most)
        sudden = changed & (np.abs(change - self._acceleration) > self._jerk)
        return position, fast, hard, sudden | (changed & ~(fast | hard))
