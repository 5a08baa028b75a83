"""The gripper's number in ALOHA's recordings: constants and formulas of its own software."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.gripper_scale import from_scale, to_scale

OTHERS = [index for index in range(14) if index not in (6, 13)]


def state(opening: float) -> np.ndarray:
    return np.r_[np.arange(6.0), opening, np.arange(6.0), opening]


# tonyzhaozh/aloha: the motor at -0.6213 and 1.4910 rad has the finger at 0.01844 and 0.05800 m
# (in three digits); openpi's ``_gripper_to_angular`` inverts the same formula.
@pytest.mark.parametrize(('opening', 'finger'), [(0.0, 0.0), (1.0, 0.997), (0.5, 0.53)])
def test_known_openings(opening: float, finger: float) -> None:
    assert to_scale(state(opening), 'finger')[[6, 13]] == pytest.approx(finger, abs=0.005)


def test_the_middle_of_the_motor_as_openpi_converts_it_back() -> None:
    finger = 0.01844 + to_scale(state(0.5), 'finger')[6] * (0.05800 - 0.01844)
    angle = np.arcsin((0.022**2 + finger**2 - 0.036**2) / (2 * 0.022 * finger))
    assert angle == pytest.approx(-0.6213 + 0.5 * (1.4910 + 0.6213), abs=1e-9)


@given(st.floats(0.0, 1.0))
def test_there_and_back(opening: float) -> None:
    there = to_scale(state(opening), 'finger')
    assert np.array_equal(there[OTHERS], state(opening)[OTHERS])
    assert from_scale(there, 'finger') == pytest.approx(state(opening), abs=1e-6)


@given(st.floats(-1e6, 1e6))
def test_numbers_out_of_the_range_stay_numbers(opening: float) -> None:
    for convert in (to_scale, from_scale):
        assert np.all(np.isfinite(convert(np.stack([state(opening)] * 3), 'finger')))


def test_the_motors_angle_is_our_own_scale() -> None:
    rows = np.stack([state(0.3), state(0.7)])
    for convert in (to_scale, from_scale):
        assert np.array_equal(convert(rows, 'angle'), rows)
