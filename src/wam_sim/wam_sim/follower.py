"""A follower's joints in the MuJoCo scene: what its motors drive.

The actuators of the MJCF are position servos without damping; here each is set, per mode, to what
the DYNAMIXEL's loops would make of it, and the joints get the friction and the rotor of a geared
motor instead of the 30 to 60 Nm of joint friction that keep the undamped servos from swinging.
"""

from typing import Any, Final

import mujoco

from wam_core.gripper import GripperLinkage
from wam_sim.arm_model import GRIPPER, VX300S, MotorSpec
from wam_sim.axis import PlaceableAxis
from wam_sim.scene import prefix

# Lag of the position loop behind its setpoint, s: stall torque / no-load velocity / stiffness of
# an XM540 at its standard gains is 0.07; a little less keeps the peg insertion of gym_aloha easy.
_LAG_S: Final = 0.04
# Of one geared motor at the joint: friction Nm, viscous damping Nm s/rad, rotor inertia kg m^2.
# With them an arm without torque sinks to its rest in 1 to 2 s, as a ViperX does.
_FRICTION: Final = 0.3
_DAMPING: Final = 0.5
_ROTOR: Final = 0.05
# The same of a finger slide: N, N s/m, kg.
_FINGER_FRICTION: Final = 0.1
_FINGER_DAMPING: Final = 1.0
_FINGER_ROTOR: Final = 0.5
# N per finger. The motor could press with 100 N; the contacts of the scene are too soft for that.
FINGER_FORCE: Final = 15.0
# Finger's way per motor angle where a gripper holds things, m/rad: between the linkage's 0.023 at
# -0.4 rad and 0.017 at 0.6 rad. One number, since the linkage has a dead centre when open.
_FINGER_PER_RAD: Final = 0.02


class Actuator:
    """One actuator of the model and the joint that it moves. SI units, of that joint."""

    def __init__(self, model: Any, data: Any, joint: str) -> None:
        self._model, self._data = model, data
        self._joint = model.joint(joint).id
        self.qpos = int(model.jnt_qposadr[self._joint])
        self._dof = int(model.jnt_dofadr[self._joint])
        self._index = next(
            index for index in range(model.nu) if model.actuator_trnid[index, 0] == self._joint
        )
        # Limits are the motor's business: a goal at a stop must be able to press against it.
        model.actuator_ctrllimited[self._index] = 0
        model.actuator_forcelimited[self._index] = 1

    def geared(self, friction: float, damping: float, rotor: float) -> None:
        """Gives the joint the friction, damping and inertia of a geared motor."""
        self._model.dof_frictionloss[self._dof] = friction
        self._model.dof_damping[self._dof] = damping
        self._model.dof_armature[self._dof] = rotor

    def range(self, lower: float, upper: float) -> None:
        """Sets the stops of the joint."""
        self._model.jnt_range[self._joint] = (lower, upper)

    def place(self, position: float) -> None:
        """Puts the joint somewhere, at rest."""
        self._data.qpos[self.qpos] = position
        self._data.qvel[self._dof] = 0.0

    def position(self) -> float:
        """Present position."""
        return float(self._data.qpos[self.qpos])

    def velocity(self) -> float:
        """Present velocity."""
        return float(self._data.qvel[self._dof])

    def force(self) -> float:
        """What the actuator applies."""
        return float(self._data.qfrc_actuator[self._dof])

    def drive(self, setpoint: float, gain: float, spring: float, damping: float) -> None:
        """Force = gain * setpoint - spring * position - damping * velocity."""
        model, index = self._model, self._index
        model.actuator_gainprm[index, 0] = gain
        model.actuator_biasprm[index, 1] = -spring
        model.actuator_biasprm[index, 2] = -damping
        self._data.ctrl[index] = setpoint

    def limit(self, force: float) -> None:
        """The most that the actuator applies."""
        self._model.actuator_forcerange[self._index] = (-force, force)


class Joint:
    """A revolute joint: implements ``Axis``."""

    def __init__(self, model: Any, data: Any, side: str, spec: MotorSpec) -> None:
        count = len(spec.ids)
        self._actuator = Actuator(model, data, prefix(side) + spec.name)
        self._actuator.geared(_FRICTION * count, _DAMPING * count, _ROTOR * count)
        self._actuator.limit(spec.stall_nm)
        self._stall = spec.stall_nm

    def place(self, angle: float) -> None:
        """Puts the joint at an angle in rad, at rest."""
        self._actuator.place(angle)

    def position(self) -> float:
        """See ``Axis``."""
        return self._actuator.position()

    def velocity(self) -> float:
        """See ``Axis``."""
        return self._actuator.velocity()

    def torque(self) -> float:
        """See ``Axis``."""
        return self._actuator.force()

    def servo(self, position: float, stiffness: float, limit: float) -> None:
        """See ``Axis``."""
        self._actuator.limit(limit)
        self._actuator.drive(position, stiffness, stiffness, stiffness * _LAG_S)

    def spin(self, velocity: float, limit: float) -> None:
        """See ``Axis``. As stiff in velocity as the position loop is damped."""
        gain = self._stall / 0.1
        self._actuator.limit(limit)
        self._actuator.drive(velocity, gain, 0.0, gain)

    def push(self, torque: float, damping: float) -> None:
        """See ``Axis``."""
        self._actuator.limit(self._stall)
        self._actuator.drive(torque, 1.0, 0.0, damping)

    def limp(self) -> None:
        """See ``Axis``."""
        self._actuator.drive(0.0, 0.0, 0.0, 0.0)


class Gripper:
    """The gripper's motor on its two finger slides: implements ``Axis``."""

    def __init__(self, model: Any, data: Any, side: str, linkage: GripperLinkage) -> None:
        self._linkage = linkage
        names = ('left_finger', 'right_finger')
        self._left, self._right = (Actuator(model, data, prefix(side) + name) for name in names)
        # The stops of the linkage's two ends, so that the motor's whole calibrated range is there.
        lower, upper = linkage.finger(-0.6213), linkage.finger(1.491)
        self._left.range(lower, upper)
        self._right.range(-upper, -lower)
        for finger in (self._left, self._right):
            finger.geared(_FINGER_FRICTION, _FINGER_DAMPING, _FINGER_ROTOR)
            finger.limit(FINGER_FORCE)
        # The model's zero is outside the stops.
        self.place(0.0)

    def place(self, angle: float) -> None:
        """Puts both fingers where a motor angle in rad puts them, at rest."""
        self._left.place(self._linkage.finger(angle))
        self._right.place(-self._linkage.finger(angle))

    def position(self) -> float:
        """See ``Axis``: of the mean of both fingers."""
        return self._linkage.angle(0.5 * (self._left.position() - self._right.position()))

    def velocity(self) -> float:
        """See ``Axis``."""
        return 0.5 * (self._left.velocity() - self._right.velocity()) / _FINGER_PER_RAD

    def torque(self) -> float:
        """See ``Axis``."""
        return (self._left.force() - self._right.force()) * _FINGER_PER_RAD

    def servo(self, position: float, stiffness: float, limit: float) -> None:
        """See ``Axis``."""
        spring = stiffness / (2.0 * _FINGER_PER_RAD**2)
        finger = self._linkage.finger(position)
        self._limit(limit)
        self._drive(finger, spring, spring, spring * _LAG_S)

    def spin(self, velocity: float, limit: float) -> None:
        """See ``Axis``."""
        gain = FINGER_FORCE / 0.01
        self._limit(limit)
        self._drive(velocity * _FINGER_PER_RAD, gain, 0.0, gain)

    def push(self, torque: float, damping: float) -> None:
        """See ``Axis``."""
        self._limit(abs(torque))
        self._drive(torque / (2.0 * _FINGER_PER_RAD), 1.0, 0.0, damping / _FINGER_PER_RAD**2 / 2.0)

    def limp(self) -> None:
        """See ``Axis``."""
        self._drive(0.0, 0.0, 0.0, 0.0)

    def _drive(self, setpoint: float, gain: float, spring: float, damping: float) -> None:
        self._left.drive(setpoint, gain, spring, damping)
        self._right.drive(-setpoint, gain, spring, damping)

    def _limit(self, torque: float) -> None:
        force = min(FINGER_FORCE, torque / (2.0 * _FINGER_PER_RAD))
        self._left.limit(force)
        self._right.limit(force)


def axes(model: Any, data: Any, side: str) -> tuple[PlaceableAxis, ...]:
    """The joints of one follower, in joint_order."""
    return tuple(
        Gripper(model, data, side, VX300S.linkage)
        if spec.name == GRIPPER
        else Joint(model, data, side, spec)
        for spec in VX300S.motors
    )


def prepare(model: Any) -> None:
    """To be called once all joints are made: recomputes what follows from their inertia."""
    mujoco.mj_setConst(model, mujoco.MjData(model))
