"""Whatever is requested, what comes out is finite, inside the limits and slow enough."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.joints import Vector
from wam_core.limiter import JointLimiter

LOWER = np.tile([-3.14, -1.85, -1.76, -3.14, -1.86, -3.14, 0.0], 2)
UPPER = np.tile([3.14, 1.25, 1.60, 3.14, 2.23, 3.14, 1.0], 2)
VELOCITY = np.tile([3.14, 3.14, 3.14, 3.14, 3.14, 3.14, 4.0], 2)
LIMITER = JointLimiter(LOWER, UPPER, VELOCITY)

anything = st.lists(st.floats(width=64), min_size=14, max_size=14).map(np.array)
share = st.lists(st.floats(0.0, 1.0), min_size=14, max_size=14).map(np.array)
seconds = st.floats(0.0, 0.2)


@given(anything, share, seconds)
@settings(max_examples=300, deadline=None)
def test_the_output_is_finite_inside_and_slow_enough(
    requested: Vector, start: Vector, dt_s: float
) -> None:
    previous = np.clip(LOWER + start * (UPPER - LOWER), LOWER, UPPER)
    limited = LIMITER.limit(requested, previous, dt_s)
    assert np.all((limited.position >= LOWER) & (limited.position <= UPPER))
    assert np.all(np.abs(limited.position - previous) <= VELOCITY * dt_s + 1e-12)
    unchanged = ~limited.position_clamped & ~limited.velocity_clamped
    assert np.array_equal(limited.position[unchanged], requested[unchanged])
    assert np.all(limited.position[~unchanged] != requested[~unchanged])


@given(share, share, seconds)
@settings(max_examples=100, deadline=None)
def test_one_joint_does_not_hinder_another(start: Vector, goal: Vector, dt_s: float) -> None:
    previous, requested = (LOWER + part * (UPPER - LOWER) for part in (start, goal))
    alone = LIMITER.limit(requested, previous, dt_s)
    requested = requested.copy()
    requested[3] = math.nan
    together = LIMITER.limit(requested, previous, dt_s)
    others = np.arange(14) != 3
    assert np.array_equal(together.position[others], alone.position[others])
    assert together.position[3] == np.clip(previous[3], LOWER[3], UPPER[3])
    assert together.position_clamped[3]


@given(st.floats(-3.0, 3.0))
@settings(max_examples=50, deadline=None)
def test_an_arm_outside_its_limits_comes_back_at_its_velocity(beyond: float) -> None:
    previous = np.zeros(14)
    previous[1] = beyond
    for _ in range(20):
        limited = LIMITER.limit(previous, previous, 0.04).position
        outside = max(LOWER[1] - previous[1], previous[1] - UPPER[1], 0.0)
        assert abs(limited[1] - previous[1]) == pytest.approx(min(outside, 3.14 * 0.04))
        previous = limited
    assert LOWER[1] <= previous[1] <= UPPER[1]


def test_flags_say_which_limit_it_was() -> None:
    requested = np.zeros(14)
    requested[0], requested[1], requested[2] = 1.0, -1.9, -9.0
    previous = np.zeros(14)
    previous[1] = -1.85
    limited = LIMITER.limit(requested, previous, 0.04)
    assert limited.position_clamped.nonzero()[0].tolist() == [1, 2]
    assert limited.velocity_clamped.nonzero()[0].tolist() == [0, 2]


@pytest.mark.parametrize(
    ('lower', 'velocity'),
    [
        (np.zeros(13), VELOCITY),
        (LOWER * math.nan, VELOCITY),
        (UPPER + 1, VELOCITY),
        (LOWER, LOWER),
    ],
)
def test_limits_that_are_none_are_refused(lower: Vector, velocity: Vector) -> None:
    with pytest.raises(WamError, match='limits'):
        JointLimiter(lower, UPPER, velocity)
