"""The motors of two arms as one 14-vector, and back."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from wam_core.errors import WamError
from wam_core.gripper import GripperCalibration
from wam_core.joints import ARM_JOINTS, GRIPPERS, SIDE_SLICES, SIDES, Vector

MOTORS: Final = (*ARM_JOINTS, 'gripper')


def pick(names: Sequence[str], values: Sequence[float]) -> Vector:
    """The seven motors, (7,) in MOTORS' order, out of one arm's joint state.

    names, values: of a sensor_msgs/JointState, in any order, with others among them (fingers).
    WamError for a missing motor, or fewer values than names.
    """
    if len(values) != len(names):
        raise WamError(f'joint state has {len(names)} names and {len(values)} values')
    by_name = dict(zip(names, values, strict=True))
    missing = [motor for motor in MOTORS if motor not in by_name]
    if missing:
        raise WamError(f'joint state lacks {missing}, expected {list(MOTORS)}, got {list(names)}')
    return np.array([by_name[motor] for motor in MOTORS], dtype=np.float64)


def join(left: Vector, right: Vector, gripper: GripperCalibration) -> Vector:
    """Positions of both arms, (7,) rad each, as (14,) with grippers 0 closed .. 1 open."""
    position = np.concatenate((left, right))
    for index in GRIPPERS:
        position[index] = gripper.opening(float(position[index]))
    return position


def join_velocity(left: Vector, right: Vector, gripper: GripperCalibration) -> Vector:
    """Velocities of both arms, (7,) rad/s each, as (14,) with grippers in openings per s."""
    velocity = np.concatenate((left, right))
    for index in GRIPPERS:
        velocity[index] /= gripper.open_rad - gripper.closed_rad
    return velocity


def split(position: Vector, gripper: GripperCalibration) -> dict[str, Vector]:
    """Motor angles per side, (7,) rad, of a 14-vector. Inverse of ``join``."""
    motors = {side: np.array(position[SIDE_SLICES[side]], dtype=np.float64) for side in SIDES}
    for angles in motors.values():
        angles[-1] = gripper.angle(float(angles[-1]))
    return motors
