"""A leader's joints: gym_aloha's scenes have no leader arms, so they are kinematic.

Each joint is a second-order system. It follows its motor when that has torque; else the hand of a
person where there is one; else it floats with gravity compensation, or sinks to its rest without.
"""

from collections.abc import Sequence
from typing import Final

from wam_sim.arm import SimArm
from wam_sim.arm_model import ARM_GROUP, GRIPPER, VELOCITY_LIMIT, ArmModel, MotorSpec

# Critically damped; 1/s. The motor's is 1 / (half the lag of a follower's position loop).
_MOTOR_RATE: Final = 50.0
_HAND_RATE: Final = 15.0
_GRAVITY_RATE: Final = 3.0
_INERTIA: Final = 0.05  # kg m^2: turns torques into accelerations and back
_GROUPS: Final = (('group', ARM_GROUP), ('single', GRIPPER))
_FRICTION_RATE: Final = 5.0  # 1/s, of a joint that nothing drives


class Joint:
    """One joint: implements ``Axis``. Stepped by ``advance``."""

    def __init__(self, spec: MotorSpec) -> None:
        self.spec = spec
        self.hand: float | None = None  # rad
        self.floating = False  # gravity compensation
        self._position, self._velocity, self._torque = spec.sleep, 0.0, 0.0
        self._goal: float | None = None
        self._spin: float | None = None
        self._push = self._damping = 0.0
        self._limit = spec.stall_nm
        self._driven = False

    def place(self, angle: float) -> None:
        """Puts the joint at an angle in rad, at rest; nobody holds it."""
        self.hand, self.floating = None, False
        self._position, self._velocity, self._torque = angle, 0.0, 0.0

    def position(self) -> float:
        """See ``Axis``."""
        return self._position

    def velocity(self) -> float:
        """See ``Axis``."""
        return self._velocity

    def torque(self) -> float:
        """See ``Axis``."""
        return self._torque

    def servo(self, position: float, stiffness: float, limit: float) -> None:
        """See ``Axis``. The joint carries no load: stiffness would only change its lag."""
        self._set(goal=position, limit=limit)

    def spin(self, velocity: float, limit: float) -> None:
        """See ``Axis``."""
        self._set(spin=velocity, limit=limit)

    def push(self, torque: float, damping: float) -> None:
        """See ``Axis``."""
        self._set(limit=self.spec.stall_nm)
        self._push, self._damping = torque, damping

    def limp(self) -> None:
        """See ``Axis``."""
        self._set(limit=0.0)
        self._driven = False

    def advance(self, step_s: float) -> None:
        """One physics step."""
        # Gravity compensation needs torque: its currents carry the arm and resist nothing else.
        held = self._driven and not self.floating
        wanted = self._motor_acceleration(step_s) if held else 0.0
        self._torque = max(-self._limit, min(self._limit, wanted * _INERTIA))
        outer = 0.0 if held else self._outer_acceleration()
        change = (self._torque / _INERTIA + outer) * step_s
        velocity = max(-VELOCITY_LIMIT, min(VELOCITY_LIMIT, self._velocity + change))
        position = self._position + velocity * step_s
        inside = max(self.spec.lower, min(self.spec.upper, position))
        self._velocity = velocity if inside == position else 0.0
        self._position = inside

    def _motor_acceleration(self, step_s: float) -> float:
        if self._goal is not None:
            return _pull(self._goal - self._position, self._velocity, _MOTOR_RATE)
        if self._spin is not None:
            return (self._spin - self._velocity) * _MOTOR_RATE
        # At most what stops the joint within the step: explicit integration stays stable.
        braking = min(self._damping / _INERTIA, 1.0 / step_s) * self._velocity
        return self._push / _INERTIA - braking

    def _outer_acceleration(self) -> float:
        if self.hand is not None:
            return _pull(self.hand - self._position, self._velocity, _HAND_RATE)
        if self._driven:
            return -_FRICTION_RATE * self._velocity
        return _pull(self.spec.sleep - self._position, self._velocity, _GRAVITY_RATE)

    def _set(self, limit: float, goal: float | None = None, spin: float | None = None) -> None:
        self._goal, self._spin, self._limit = goal, spin, limit
        self._push = self._damping = 0.0
        self._driven = True


def axes(model: ArmModel) -> tuple[Joint, ...]:
    """The joints of one leader, in joint_order."""
    return tuple(Joint(spec) for spec in model.motors)


def joints_of(arm: SimArm) -> list[Joint]:
    """The joints of a leader; of a follower: none."""
    return [axis for axis in arm.axes if isinstance(axis, Joint)]


def compensate_gravity(arm: SimArm, on: bool) -> None:
    """What interbotix_gravity_compensation does to modes and torque, and the floating itself."""
    modes = ('current', 'current') if on else ('position', 'current_based_position')
    for (cmd_type, name), mode in zip(_GROUPS, modes, strict=True):
        arm.set_operating_modes(cmd_type, name, mode, 'velocity', 0, 0)
    for joint in joints_of(arm):
        joint.floating = on


def hold(joints: Sequence[Joint], angles: Sequence[float] | None) -> None:
    """A person's hand takes the arm to ``angles`` (rad, one per joint), or lets go: None."""
    for index, joint in enumerate(joints):
        joint.hand = None if angles is None else angles[index]


def _pull(way: float, velocity: float, rate: float) -> float:
    return rate * rate * way - 2.0 * rate * velocity
