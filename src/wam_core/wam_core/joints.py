"""The 14-vector of a bimanual ALOHA rig: names, order and slices.

Order: left waist, shoulder, elbow, forearm_roll, wrist_angle, wrist_rotate, gripper, then the
right arm likewise. Arm joints in rad, absolute; grippers 0 closed .. 1 open. Source: the ALOHA
conventions of Interbotix/aloha ``real_env.py`` and tonyzhaozh/act.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

SIDES: Final = ('left', 'right')
ARM_JOINTS: Final = (
    'waist',
    'shoulder',
    'elbow',
    'forearm_roll',
    'wrist_angle',
    'wrist_rotate',
)
JOINTS_PER_SIDE: Final = len(ARM_JOINTS) + 1
DIM: Final = JOINTS_PER_SIDE * len(SIDES)
JOINT_NAMES: Final = tuple(
    f'{side}_{joint}' for side in SIDES for joint in (*ARM_JOINTS, 'gripper')
)
GRIPPERS: Final = (JOINTS_PER_SIDE - 1, DIM - 1)
ARM_SLICES: Final = {'left': slice(0, 6), 'right': slice(7, 13)}
ARMS: Final = np.r_[tuple(ARM_SLICES.values())]  # (12,) indices of the arm joints
SIDE_SLICES: Final = {'left': slice(0, 7), 'right': slice(7, 14)}
