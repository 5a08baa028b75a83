"""What is known of an Interbotix arm from its configuration files: motors, limits, linkage.

Sources: interbotix_ros_manipulators, interbotix_xsarm_control/config/{vx300s,aloha_wx250s}.yaml
and the URDF of the same names; motors: ROBOTIS e-manual, XM540-W270 and XM430-W350 at 12 V.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from wam_core.gripper import GripperLinkage

ARM_GROUP: Final = 'arm'
ALL_GROUP: Final = 'all'
GRIPPER: Final = 'gripper'
FINGERS: Final = ('left_finger', 'right_finger')
# Velocity_Limit 131 of every motor in those files, in rad/s, as the URDF says it.
VELOCITY_LIMIT: Final = math.pi


@dataclass(frozen=True)
class MotorKind:
    """stall_nm, stall_ma, no_load: at 12 V; no_load in rad/s. current_limit: 2.69 mA units."""

    name: str
    number: int
    stall_nm: float
    stall_ma: float
    no_load: float
    current_limit: int

    @property
    def nm_per_ma(self) -> float:
        """Torque per current."""
        return self.stall_nm / self.stall_ma


XM540: Final = MotorKind('XM540-W270', 1120, 10.6, 4400.0, 30.0 * math.pi / 30.0, 2047)
XM430: Final = MotorKind('XM430-W350', 1020, 4.1, 2300.0, 46.0 * math.pi / 30.0, 1193)


@dataclass(frozen=True)
class MotorSpec:
    """One joint: its motor and, with more than one ID, the shadows that turn with it.

    lower, upper, sleep: rad. stiffness: Nm/rad of the position loop at Position_P_Gain 800.
    """

    name: str
    ids: tuple[int, ...]
    kind: MotorKind
    lower: float
    upper: float
    stiffness: float
    sleep: float

    @property
    def stall_nm(self) -> float:
        """Of all its motors together."""
        return self.kind.stall_nm * len(self.ids)


@dataclass(frozen=True)
class ArmModel:
    """motors: in joint_order; the last one is the gripper. finger_*: URDF left_finger, m."""

    name: str
    motors: tuple[MotorSpec, ...]
    linkage: GripperLinkage
    finger_lower: float
    finger_upper: float

    @property
    def joint_order(self) -> tuple[str, ...]:
        """Names of the motors, the gripper last."""
        return tuple(motor.name for motor in self.motors)


# Stiffness is that of gym_aloha's actuators for the first three joints. Its wrist is far softer
# (10 to 50 Nm/rad) than a ViperX, which follows within a degree: raised to hold an object level.
VX300S: Final = ArmModel(
    name='vx300s',
    motors=(
        MotorSpec('waist', (1,), XM540, -3.14158, 3.14158, 800.0, 0.0),
        MotorSpec('shoulder', (2, 3), XM540, -1.85005, 1.25664, 1600.0, -1.85),
        MotorSpec('elbow', (4, 5), XM540, -1.76278, 1.60570, 1600.0, 1.55),
        MotorSpec('forearm_roll', (6,), XM540, -3.14158, 3.14158, 400.0, 0.0),
        MotorSpec('wrist_angle', (7,), XM540, -1.86750, 2.23402, 400.0, 0.8),
        MotorSpec('wrist_rotate', (8,), XM430, -3.14158, 3.14158, 200.0, 0.0),
        # 0.64 Nm/rad are 800 N/m at each finger: firm, and its soft contacts still bear it.
        MotorSpec(GRIPPER, (9,), XM430, -math.pi, math.pi, 0.64, 0.0),
    ),
    linkage=GripperLinkage(0.022, 0.036),
    finger_lower=0.021,
    finger_upper=0.057,
)


def _leader(motor: MotorSpec) -> MotorSpec:
    limits = {
        'shoulder': (-1.88496, 1.98968, -1.88),
        'elbow': (-2.14675, 1.60570, 1.6),
        'wrist_angle': (-1.74533, 2.14675, -1.6),
    }
    lower, upper, sleep = limits.get(motor.name, (motor.lower, motor.upper, motor.sleep))
    kind = XM430
    return replace(motor, lower=lower, upper=upper, sleep=sleep, kind=kind)


WX250S: Final = ArmModel(
    name='aloha_wx250s',
    motors=tuple(_leader(motor) for motor in VX300S.motors),
    linkage=GripperLinkage(0.020, 0.020),
    finger_lower=0.015,
    finger_upper=0.037,
)
