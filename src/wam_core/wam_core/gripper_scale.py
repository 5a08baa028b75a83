"""The gripper's number in ALOHA's recordings and in ours.

Ours is linear in the motor's angle, in states and actions (``wam_core.joints``). ALOHA's software
records actions so, but states as the finger's position, linear in metres; policies that were
trained on its recordings expect that. gym-aloha has fingers in both.

Where a finger has its 0 and 1 depends on the software. ``finger`` is that of ROS 1: of
tonyzhaozh/aloha, ACT, gym-aloha, and of the recordings that Cosmos Policy's released checkpoints
were trained on. ``finger_ros2`` is Interbotix/aloha's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from wam_core.gripper import GripperCalibration, GripperLinkage
from wam_core.joints import GRIPPERS
from wam_core.policy import Matrix

SCALES: Final = ('finger', 'angle', 'finger_ros2')
# The vx300s' of interbotix_xs_driver, which both softwares' constants are of.
_LINKAGE: Final = GripperLinkage(horn_m=0.022, arm_m=0.036)
# Of an opening read from somebody: the linkage has no finger position at or below 0 m.
_LOWEST, _HIGHEST = -0.2, 1.2


@dataclass(frozen=True)
class _Software:
    """motor: what its actions 0 and 1 mean. closed_m, open_m: the finger at a state of 0 and 1.

    Of the files, and so not config/grippers.yaml, which says what the motors of a rig do.
    """

    motor: GripperCalibration
    closed_m: float
    open_m: float

    def finger(self, opening: float) -> float:
        """State of a motor that is ``opening`` open."""
        angle = self.motor.angle(min(_HIGHEST, max(_LOWEST, opening)))
        return (_LINKAGE.finger(angle) - self.closed_m) / (self.open_m - self.closed_m)

    def opening(self, state: float) -> float:
        """Inverse of ``finger``, up to the angle at which the finger is furthest out."""
        finger = self.closed_m + min(_HIGHEST, max(_LOWEST, state)) * (self.open_m - self.closed_m)
        return self.motor.opening(_LINKAGE.angle(finger))


_SOFTWARE: Final = {
    # tonyzhaozh/aloha constants.py, PUPPET_GRIPPER_JOINT_* and PUPPET_GRIPPER_POSITION_*
    'finger': _Software(GripperCalibration(-0.6213, 1.4910), 0.01844, 0.05800),
    # Interbotix/aloha constants.py, FOLLOWER_GRIPPER_JOINT_* and FOLLOWER_GRIPPER_POSITION_*
    'finger_ros2': _Software(GripperCalibration(0.6197, 1.6214), 0.0440, 0.0579),
}


def recorded_scale(profile: str) -> str:
    """Of the states that a real ALOHA's own software records, for a profile of grippers.yaml."""
    return 'finger_ros2' if profile == 'interbotix_ros2' else 'finger'


def to_scale(rows: Matrix, scale: str) -> Matrix:
    """A copy of (..., 14) rows in our scale, with the grippers in ``scale``, one of SCALES."""
    return _converted(rows, scale, _Software.finger)


def from_scale(rows: Matrix, scale: str) -> Matrix:
    """Inverse of ``to_scale``, for fingers that a vx300s can have: 0 to 1, and what lies close.

    ``finger_ros2`` comes back as at most 0.95: there the finger is furthest out, and what is open
    wider has the same positions once more, from 0.90 on.
    """
    return _converted(rows, scale, _Software.opening)


def _converted(rows: Matrix, scale: str, function: Callable[[_Software, float], float]) -> Matrix:
    converted: Matrix = np.array(rows, dtype=np.float64)
    if scale == 'angle':
        return converted
    software = _SOFTWARE[scale]
    for index in GRIPPERS:
        column = converted[..., index]
        values = [function(software, value) for value in column.ravel()]
        column[...] = np.reshape(values, column.shape)
    return converted
