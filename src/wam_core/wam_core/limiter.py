"""The last thing before the arms: per joint, position and velocity limits. Clamps, never drops."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.joints import DIM, Vector
from wam_core.rig import RigSpec

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Limited:
    """position: (14,) what may be sent. The flags, (14,), say which limit changed a joint."""

    position: Vector
    position_clamped: Flags
    velocity_clamped: Flags


class JointLimiter:
    """Holds every joint inside ``lower..upper`` and below ``velocity``, each on its own.

    lower, upper: (14,) rad, grippers 0..1. velocity: (14,) rad/s, grippers 1/s; above 0.
    WamError for limits that are not finite, empty or of another shape (config/rigs/*.yaml).
    """

    def __init__(self, lower: Vector, upper: Vector, velocity: Vector) -> None:
        for name, values in (('lower', lower), ('upper', upper), ('velocity', velocity)):
            if np.shape(values) != (DIM,) or not np.all(np.isfinite(values)):
                raise WamError(
                    f'limits: {name} = {np.asarray(values).tolist()}, '
                    f'expected {DIM} finite numbers (config/rigs/*.yaml)'
                )
        if not np.all(lower <= upper) or not np.all(velocity > 0.0):
            raise WamError('limits: expected lower <= upper and velocity > 0 for every joint')
        self._lower = np.array(lower, dtype=np.float64)
        self._upper = np.array(upper, dtype=np.float64)
        self._velocity = np.array(velocity, dtype=np.float64)

    @classmethod
    def of(cls, rig: RigSpec) -> 'JointLimiter':
        """The limiter of a rig."""
        return cls(rig.lower, rig.upper, rig.velocity)

    def limit(self, requested: Vector, previous: Vector, dt_s: float) -> Limited:
        """The nearest position to ``requested`` that the limits allow.

        previous: (14,) finite, the last command; dt_s: s since then, >= 0. A joint whose request
        is not finite stays where it is. A joint that starts outside its position limits (an arm
        that rests on its stops) moves towards them at no more than its velocity.
        """
        target = np.where(np.isfinite(requested), requested, previous)
        inside = np.clip(target, self._lower, self._upper)
        step = self._velocity * dt_s
        position = np.clip(inside, previous - step, previous + step)
        # NaN differs from everything, so a joint that kept its place for it counts as clamped.
        return Limited(position, inside != requested, position != inside)
