"""Forward kinematics of one arm by the product of exponentials (Lynch and Park, 2017, 4.1)."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.joints import ARM_JOINTS, Vector

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class ArmModel:
    """screws: (6, 6), a row (wx, wy, wz, vx, vy, vz) per revolute joint, rad and m, in base_link.

    home: (4, 4) pose of ee_gripper_link in base_link with all joints at 0, m.
    """

    screws: Matrix
    home: Matrix


# Interbotix/interbotix_ros_toolboxes, mr_descriptions.py, classes vx300s and aloha_vx300s.
VX300S: Final = ArmModel(
    screws=np.array(
        [
            [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, -0.12705, 0.0, 0.0],
            [0.0, 1.0, 0.0, -0.42705, 0.0, 0.05955],
            [1.0, 0.0, 0.0, 0.0, 0.42705, 0.0],
            [0.0, 1.0, 0.0, -0.42705, 0.0, 0.35955],
            [1.0, 0.0, 0.0, 0.0, 0.42705, 0.0],
        ]
    ),
    home=np.array(
        [
            [1.0, 0.0, 0.0, 0.536494],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.42705],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
)
VX300S.screws.setflags(write=False)
VX300S.home.setflags(write=False)


def forward(joints: Vector, model: ArmModel = VX300S) -> tuple[Vector, Vector]:
    """Pose of ee_gripper_link in the arm's base_link frame.

    joints: (6,) rad. Returns the position, (3,) m, and the unit quaternion x y z w, w >= 0.
    WamError for another number of joints.
    """
    if np.shape(joints) != (len(ARM_JOINTS),):
        raise WamError(f'joints has shape {np.shape(joints)}, expected ({len(ARM_JOINTS)},)')
    pose = model.home
    for screw, angle in zip(model.screws[::-1], joints[::-1], strict=True):
        pose = _exponential(screw, float(angle)) @ pose
    return pose[:3, 3].copy(), quaternion(pose[:3, :3])


def quaternion(rotation: Matrix) -> Vector:
    """Unit quaternion x y z w, w >= 0, of a rotation matrix (3, 3).

    Shepperd's method (1978): divides by the largest of the four components.
    """
    r = rotation
    trace = float(np.trace(r))
    largest = int(np.argmax([r[0, 0], r[1, 1], r[2, 2], trace]))
    components = np.empty(4)
    if largest == 3:
        components[:3] = (r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1])
        components[3] = 1.0 + trace
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        components[i] = 1.0 + 2.0 * r[i, i] - trace
        components[j] = r[i, j] + r[j, i]
        components[k] = r[i, k] + r[k, i]
        components[3] = r[k, j] - r[j, k]
    components /= np.linalg.norm(components)
    return -components if components[3] < 0.0 else components


def _exponential(screw: Vector, angle: float) -> Matrix:
    """Motion (4, 4) along a revolute screw: Rodrigues' formula and its integral."""
    wx, wy, wz = screw[:3]
    skew = np.array([[0.0, -wz, wy], [wz, 0.0, -wx], [-wy, wx, 0.0]])
    square = skew @ skew
    sine, cosine = math.sin(angle), math.cos(angle)
    motion = np.eye(4)
    motion[:3, :3] += sine * skew + (1.0 - cosine) * square
    motion[:3, 3] = (angle * np.eye(3) + (1.0 - cosine) * skew + (angle - sine) * square) @ screw[
        3:
    ]
    return motion
