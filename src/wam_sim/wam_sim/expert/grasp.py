"""Grasp poses: how a gripper stands over an object, and how it points at the other arm."""

import math
from collections.abc import Sequence

import mink
import numpy as np

from wam_core.joints import Vector

CLOSED = 0.02
"""Opening that a gripper is told when it shall hold something: well below every object's width,
and off the limit at 0, so that fading between two chunks never oversteps it by a rounding."""

_FACING = {'left': 0.0, 'right': math.pi}  # yaw of each arm's forward direction, world frame, rad


def from_above(side: str, place: Sequence[float] | Vector, yaw: float = 0.0) -> mink.SE3:
    """The gripper points down at ``place`` (3,) m; its fingers close across direction ``yaw`` rad.

    At yaw 0 the fingers close along the world's y axis.
    """
    rotation = mink.SO3.from_z_radians(_FACING[side] + yaw) @ mink.SO3.from_y_radians(math.pi / 2)
    return mink.SE3.from_rotation_and_translation(rotation, np.asarray(place, float))


def level(side: str, place: Vector, roll: float = 0.0) -> mink.SE3:
    """The gripper points straight at the other arm, rolled about its own axis by ``roll`` rad."""
    rotation = mink.SO3.from_z_radians(_FACING[side]) @ mink.SO3.from_x_radians(roll)
    return mink.SE3.from_rotation_and_translation(rotation, np.asarray(place, float))


def raised(pose: mink.SE3, height: float) -> mink.SE3:
    """The same pose ``height`` m higher."""
    return mink.SE3.from_rotation_and_translation(
        pose.rotation(), pose.translation() + np.array([0.0, 0.0, height])
    )


def backed_off(pose: mink.SE3, distance: float) -> mink.SE3:
    """The same pose ``distance`` m back along the approach."""
    return pose @ mink.SE3.from_translation(np.array([-distance, 0.0, 0.0]))


def yaw_of(pose: Vector, symmetry: float) -> float:
    """Yaw of an object's pose (7,), rad, in -symmetry/2..symmetry/2.

    symmetry: the turn about the vertical that makes no difference to the gripper, rad. The axis
    read is the object's x, or its y where x stands upright.
    """
    matrix = mink.SO3(np.asarray(pose[3:7], float)).as_matrix()
    axis = matrix[:, 0] if abs(matrix[2, 0]) < 0.7 else matrix[:, 1]
    yaw = math.atan2(axis[1], axis[0])
    return yaw - symmetry * round(yaw / symmetry)
