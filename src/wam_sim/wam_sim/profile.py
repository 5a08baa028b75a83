"""A DYNAMIXEL's motion profile: the way of the setpoint from where it is to a new goal.

Trapezoids in velocity, from the present setpoint and its velocity, at rest at the goal. Source of
the two kinds and their units: ROBOTIS e-manual, XM430/XM540, Profile_Acceleration(108) and
Profile_Velocity(112), Drive_Mode(10) bit 2.
"""

import math
from dataclasses import dataclass
from typing import Final

VELOCITY_UNIT: Final = 0.229 * 2.0 * math.pi / 60.0  # rad/s
ACCELERATION_UNIT: Final = 214.577 * 2.0 * math.pi / 3600.0  # rad/s^2
_SHORTEST_S: Final = 1e-9  # no slope can be told from less


@dataclass(frozen=True)
class Phase:
    """A stretch of constant acceleration: duration s, velocity at its two ends rad/s."""

    duration: float
    first: float
    last: float


class Profile:
    """Position and velocity of a setpoint over time; at rest at ``goal`` when it is over."""

    def __init__(self, start: float, goal: float, phases: tuple[Phase, ...]) -> None:
        self.goal = goal
        self._start = start
        self._phases = tuple(phase for phase in phases if phase.duration > _SHORTEST_S)
        self.duration = sum(phase.duration for phase in self._phases)

    def at(self, elapsed: float) -> tuple[float, float]:
        """(position rad, velocity rad/s) at ``elapsed`` s after the start."""
        if elapsed >= self.duration:
            return self.goal, 0.0
        position = self._start
        for phase in self._phases:
            if elapsed < phase.duration:
                slope = (phase.last - phase.first) / phase.duration
                moved = (phase.first + 0.5 * slope * elapsed) * elapsed
                return position + moved, phase.first + slope * elapsed
            position += 0.5 * (phase.first + phase.last) * phase.duration
            elapsed -= phase.duration
        return self.goal, 0.0


def plan(
    start: tuple[float, float],
    goal: float,
    *,
    timed: bool,
    velocity: int,
    acceleration: int,
    top_speed: float,
) -> Profile:
    """The profile of a new goal in rad from ``start`` (rad, rad/s), as the registers ask for it.

    velocity, acceleration: Profile_Velocity and Profile_Acceleration; ms where ``timed``.
    top_speed: Velocity_Limit in rad/s; it bounds every profile.
    """
    if not top_speed:  # Velocity_Limit 0: it never gets there
        return Profile(start[0], start[0], ())
    if timed and velocity:
        return by_time(*start, goal, velocity * 1e-3, acceleration * 1e-3, top_speed)
    # Without a profile velocity the motor ignores the profile acceleration.
    if timed or not velocity:
        return by_velocity(*start, goal, top_speed, math.inf)
    slope = acceleration * ACCELERATION_UNIT if acceleration else math.inf
    return by_velocity(*start, goal, min(top_speed, velocity * VELOCITY_UNIT), slope)


def by_velocity(
    start: float, speed: float, goal: float, top_speed: float, acceleration: float
) -> Profile:
    """The profile that keeps to a top speed (rad/s) and an acceleration (rad/s^2; inf: none).

    start, goal: rad. speed: of the setpoint at the start, rad/s.
    """
    if math.isinf(acceleration):
        way = goal - start
        return Profile(start, goal, _cruise(way, math.copysign(top_speed, way)) if way else ())
    way = goal - start
    braking = speed * abs(speed) / (2.0 * acceleration)
    direction = math.copysign(1.0, way - braking)
    # With the braking way behind it, the peak is where speeding up and slowing down meet.
    peak = math.sqrt(max(0.0, acceleration * way * direction + 0.5 * speed**2))
    peak = direction * min(peak, top_speed)
    up = abs(peak - speed) / acceleration
    down = abs(peak) / acceleration
    left = way - 0.5 * (speed + peak) * up - 0.5 * peak * down
    phases = (Phase(up, speed, peak), *_cruise(left, peak), Phase(down, peak, 0.0))
    return Profile(start, goal, phases)


def by_time(
    start: float, speed: float, goal: float, total: float, accelerating: float, top_speed: float
) -> Profile:
    """The profile that takes ``total`` s, ``accelerating`` s of it at each end.

    It takes longer where it would need more than ``top_speed`` rad/s, as the motor does.
    """
    accelerating = min(accelerating, 0.5 * total)
    way = goal - start
    cruise = (way - 0.5 * speed * accelerating) / (total - accelerating)
    steady = total - 2.0 * accelerating
    if abs(cruise) > top_speed:
        cruise = math.copysign(top_speed, cruise)
        steady = max(0.0, (way - 0.5 * speed * accelerating) / cruise - accelerating)
    phases = (
        Phase(accelerating, speed, cruise),
        Phase(steady, cruise, cruise),
        Phase(accelerating, cruise, 0.0),
    )
    return Profile(start, goal, phases)


def _cruise(way: float, speed: float) -> tuple[Phase, ...]:
    duration = way / speed if speed else 0.0
    return (Phase(duration, speed, speed),) if duration > 0.0 else ()
