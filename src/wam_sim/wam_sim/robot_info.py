"""What the driver says of an arm, a group or a joint: the answer to RobotInfo."""

from collections.abc import Sequence
from dataclasses import dataclass

from wam_sim.arm_model import FINGERS, GRIPPER, VELOCITY_LIMIT, ArmModel
from wam_sim.motors import Motor


@dataclass(frozen=True)
class RobotInfo:
    """As interbotix_xs_msgs/RobotInfo; rad and rad/s, the gripper as its left finger in m."""

    mode: str
    profile_type: str
    joint_names: tuple[str, ...]
    joint_ids: tuple[int, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    velocity: tuple[float, ...]
    sleep: tuple[float, ...]
    indices: tuple[int, ...]
    names: tuple[str, ...]


def robot_info(
    model: ArmModel, motors: Sequence[Motor], joint_states: Sequence[str], names: tuple[str, ...]
) -> RobotInfo:
    """Of at least one motor. joint_states: names in JointState; names: asked for, or all groups.

    mode: empty where the motors differ in it.
    """
    finger = (model.finger_lower, model.finger_upper, model.linkage.finger(0.0))
    joints, rows = [], []
    for motor in motors:
        spec = motor.spec
        grips = spec.name == GRIPPER
        joints.append(FINGERS[0] if grips else spec.name)
        rows.append(finger if grips else (spec.lower, spec.upper, spec.sleep))
    lower, upper, sleep = zip(*rows, strict=True)
    modes = {motor.mode for motor in motors}
    return RobotInfo(
        mode=modes.pop() if len(modes) == 1 else '',
        profile_type='time' if motors[0].time_based else 'velocity',
        joint_names=tuple(joints),
        joint_ids=tuple(motor.spec.ids[0] for motor in motors),
        lower=lower,
        upper=upper,
        velocity=(VELOCITY_LIMIT,) * len(motors),
        sleep=sleep,
        indices=tuple(joint_states.index(joint) for joint in joints),
        names=names,
    )
