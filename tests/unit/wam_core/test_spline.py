"""The curve through a chunk's rows: SciPy's natural cubic spline."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from wam_core.joints import DIM, Vector
from wam_core.spline import Spline

DT_S = 0.04


def random_rows(count: int, seed: int) -> Vector:
    return np.random.default_rng(seed).uniform(-3.0, 3.0, (count, DIM))


@given(st.integers(2, 60), st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
@settings(max_examples=100, deadline=None)
def test_it_is_the_natural_cubic_spline(count: int, seed: int, part: float) -> None:
    rows = random_rows(count, seed)
    peer = CubicSpline(np.arange(count) * DT_S, rows, bc_type='natural')
    row = part * (count - 1)
    motion = Spline(rows, DT_S).at(row)
    for order, ours in enumerate((motion.position, motion.velocity, motion.acceleration)):
        scale = 10.0 / DT_S**order
        assert ours == pytest.approx(peer(row * DT_S, order), abs=1e-10 * scale)


@pytest.mark.parametrize('count', [1, 2, 3, 50])
def test_it_passes_through_the_rows(count: int) -> None:
    rows = random_rows(count, count)
    curve = Spline(rows, DT_S)
    for index, row in enumerate(rows):
        assert curve.at(float(index)).position == pytest.approx(row, abs=1e-12)


@given(st.integers(3, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_position_velocity_and_acceleration_have_no_step_at_a_row(count: int, seed: int) -> None:
    curve = Spline(random_rows(count, seed), DT_S)
    for row in range(1, count - 1):
        before, after = curve.at(row - 1e-9), curve.at(float(row))
        for name, scale in (('position', 1.0), ('velocity', 1e3), ('acceleration', 1e6)):
            gap = np.abs(getattr(before, name) - getattr(after, name)).max()
            assert gap < 1e-6 * scale
    for end in (0.0, count - 1.0):
        assert not curve.at(end).acceleration.any()


def test_one_row_stands_still_and_two_are_joined_by_a_line() -> None:
    single = Spline(random_rows(1, 0), DT_S).at(0.0)
    assert not single.velocity.any()
    assert not single.acceleration.any()
    rows = random_rows(2, 0)
    for row in (0.0, 0.3, 1.0):
        motion = Spline(rows, DT_S).at(row)
        assert motion.position == pytest.approx(rows[0] + row * (rows[1] - rows[0]))
        assert motion.velocity == pytest.approx((rows[1] - rows[0]) / DT_S)


def test_outside_its_rows_it_stays_at_the_nearest() -> None:
    rows = random_rows(5, 1)
    curve = Spline(rows, DT_S)
    assert np.array_equal(curve.at(-3.0).position, curve.at(0.0).position)
    assert np.array_equal(curve.at(99.0).position, curve.at(4.0).position)
