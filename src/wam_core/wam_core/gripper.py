"""A gripper's motor angle, its normalised opening, and the linkage to its fingers."""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError

Scalar = TypeVar('Scalar', float, NDArray[np.float64])


@dataclass(frozen=True)
class GripperCalibration:
    """closed_rad, open_rad: motor angle at opening 0 and 1, from config/grippers.yaml."""

    closed_rad: float
    open_rad: float

    def __post_init__(self) -> None:
        if not self.closed_rad < self.open_rad:
            raise WamError(
                f'gripper calibration: closed {self.closed_rad} must be below open '
                f'{self.open_rad} (config/grippers.yaml)'
            )

    def opening(self, angle: Scalar) -> Scalar:
        """Normalised opening (0 closed, 1 open) of a motor angle in rad. Not clipped."""
        return (angle - self.closed_rad) / (self.open_rad - self.closed_rad)

    def angle(self, opening: Scalar) -> Scalar:
        """Motor angle in rad of a normalised opening. Inverse of ``opening``."""
        return self.closed_rad + opening * (self.open_rad - self.closed_rad)


@dataclass(frozen=True)
class GripperLinkage:
    """Horn and arm of a ViperX gripper, m: motor angle to the position of one finger.

    Source of both formulas: interbotix_xs_driver v0.3.3, convert_angular_position_to_linear and
    convert_linear_position_to_radian. vx300s: horn 0.022, arm 0.036.
    """

    horn_m: float
    arm_m: float

    def __post_init__(self) -> None:
        if not 0.0 < self.horn_m <= self.arm_m:
            raise WamError(
                f'gripper linkage: horn {self.horn_m} m, expected above 0 and at most the arm, '
                f'{self.arm_m} m'
            )

    def finger(self, angle: float) -> float:
        """Finger position in m of a motor angle in rad."""
        along = self.horn_m * math.sin(angle)
        across = self.horn_m * math.cos(angle)
        return along + math.sqrt(self.arm_m**2 - across**2)

    def angle(self, finger: float) -> float:
        """Motor angle in rad of a finger position in m, clipped to -pi/2..pi/2.

        Inverse of ``finger`` there (in 0..pi/2 for a horn as long as its arm, whose fingers meet
        at every angle below 0). WamError for a finger that is not above 0.
        """
        if not finger > 0.0:
            raise WamError(f'finger position = {finger!r} m, expected a number above 0')
        cosine = (self.horn_m**2 + finger**2 - self.arm_m**2) / (2.0 * self.horn_m * finger)
        return math.pi / 2.0 - math.acos(min(1.0, max(-1.0, cosine)))
