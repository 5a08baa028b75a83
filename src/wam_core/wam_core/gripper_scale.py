"""The gripper's number in ALOHA's recordings and in ours.

Ours is linear in the motor's angle, in states and actions (``wam_core.joints``). ALOHA's software
records actions so, but states as the finger's position, linear in metres; policies that were
trained on its recordings expect that. gym-aloha has fingers in both.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from wam_core.gripper import GripperCalibration, GripperLinkage
from wam_core.joints import GRIPPERS
from wam_core.policy import Matrix

SCALES: Final = ('finger', 'angle')
# tonyzhaozh/aloha constants.py, PUPPET_GRIPPER_JOINT_* and PUPPET_GRIPPER_POSITION_*; the linkage
# is the vx300s' of interbotix_xs_driver.
_MOTOR: Final = GripperCalibration(closed_rad=-0.6213, open_rad=1.4910)
_LINKAGE: Final = GripperLinkage(horn_m=0.022, arm_m=0.036)
_CLOSED_M: Final = 0.01844
_OPEN_M: Final = 0.05800
# Of an opening read from somebody: the linkage has no finger position at or below 0 m.
_LOWEST, _HIGHEST = -0.2, 1.2


def to_scale(rows: Matrix, scale: str) -> Matrix:
    """A copy of (..., 14) rows in our scale, with the grippers in ``scale``, one of SCALES."""
    return _converted(rows, _finger, scale)


def from_scale(rows: Matrix, scale: str) -> Matrix:
    """Inverse of ``to_scale``, for fingers that a vx300s can have: 0 to 1, and what lies close."""
    return _converted(rows, _angle, scale)


def _converted(rows: Matrix, function: Callable[[float], float], scale: str) -> Matrix:
    converted: Matrix = np.array(rows, dtype=np.float64)
    if scale == 'angle':
        return converted
    for index in GRIPPERS:
        column = converted[..., index]
        column[...] = np.reshape([function(value) for value in column.ravel()], column.shape)
    return converted


def _finger(opening: float) -> float:
    angle = _MOTOR.angle(min(_HIGHEST, max(_LOWEST, opening)))
    return (_LINKAGE.finger(angle) - _CLOSED_M) / (_OPEN_M - _CLOSED_M)


def _angle(opening: float) -> float:
    finger = _CLOSED_M + min(_HIGHEST, max(_LOWEST, opening)) * (_OPEN_M - _CLOSED_M)
    return _MOTOR.opening(_LINKAGE.angle(finger))
