"""How far, how fast, how hard and how suddenly each joint may move."""

from dataclasses import dataclass

import numpy as np

from wam_core.errors import WamError
from wam_core.joints import DIM, Vector
from wam_core.rig import RigSpec


@dataclass(frozen=True)
class MotionLimits:
    """Per joint, (14,): lower and upper rad, velocity rad/s, acceleration rad/s^2, jerk rad/s^3.

    Grippers: openings instead of rad. reach_lower, reach_upper: where homing may go besides: a
    rig's sleep pose may lie on its stops, outside lower..upper. WamError for limits that are not
    finite, empty or of another shape (config/rigs/*.yaml).
    """

    lower: Vector
    upper: Vector
    velocity: Vector
    acceleration: Vector
    jerk: Vector
    reach_lower: Vector
    reach_upper: Vector

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            if np.shape(values) != (DIM,) or not np.all(np.isfinite(values)):
                raise WamError(
                    f'limits: {name} = {np.asarray(values).tolist()}, '
                    f'expected {DIM} finite numbers (config/rigs/*.yaml)'
                )
        if not np.all(self.lower <= self.upper):
            raise WamError('limits: expected lower <= upper for every joint (config/rigs/*.yaml)')
        for name in ('velocity', 'acceleration', 'jerk'):
            least = float(getattr(self, name).min())
            if not least > 0.0:
                raise WamError(
                    f'limits: {name} = {least:g}, expected above 0 for every joint '
                    '(config/rigs/*.yaml)'
                )

    @classmethod
    def of(cls, rig: RigSpec, speed_scale: float = 1.0) -> 'MotionLimits':
        """The limits of a rig. speed_scale: 0..1, of its velocity, acceleration and jerk."""
        if not 0.0 < speed_scale <= 1.0:
            raise WamError(
                f'speed_scale = {speed_scale!r}, allowed above 0 to 1 (config/executor.yaml)'
            )
        poses = (rig.start_pose, rig.sleep_pose)
        return cls(
            rig.lower,
            rig.upper,
            rig.velocity * speed_scale,
            rig.acceleration * speed_scale,
            rig.jerk * speed_scale,
            np.minimum.reduce((rig.lower, *poses)),
            np.maximum.reduce((rig.upper, *poses)),
        )
