"""The limits of a rig: whole, scaled, and with room for its named poses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from executor_rig import LIMITS, RIG

from wam_core.errors import WamError
from wam_core.joints import Vector
from wam_core.motion_limits import MotionLimits


def test_the_speed_scale_tightens_all_but_the_positions() -> None:
    scaled = MotionLimits.of(RIG, 0.25)
    for name in ('velocity', 'acceleration', 'jerk'):
        assert getattr(scaled, name) == pytest.approx(0.25 * getattr(LIMITS, name))
    assert np.array_equal(scaled.lower, RIG.lower)
    assert np.array_equal(scaled.upper, RIG.upper)


def test_homing_reaches_the_named_poses_and_nothing_else_does() -> None:
    outside = (RIG.sleep_pose < RIG.lower) | (RIG.sleep_pose > RIG.upper)
    assert outside.any()
    assert np.array_equal(LIMITS.reach_lower, np.minimum(RIG.lower, RIG.sleep_pose))
    assert np.array_equal(LIMITS.reach_upper, np.maximum(RIG.upper, RIG.sleep_pose))


@pytest.mark.parametrize(
    ('name', 'values', 'text'),
    [
        ('lower', np.zeros(13), 'limits: lower = .* expected 14 finite numbers'),
        ('upper', np.full(14, math.nan), 'limits: upper = .* expected 14 finite numbers'),
        ('lower', LIMITS.upper + 1.0, 'limits: expected lower <= upper for every joint'),
        ('velocity', np.zeros(14), 'limits: velocity = 0, expected above 0'),
        ('acceleration', np.full(14, -2.0), 'limits: acceleration = -2, expected above 0'),
        ('jerk', np.full(14, math.inf), 'limits: jerk = .* expected 14 finite numbers'),
    ],
)
def test_limits_that_are_none_are_refused(name: str, values: Vector, text: str) -> None:
    with pytest.raises(WamError, match=text):
        replace(LIMITS, **{name: values})
