"""The gripper's number in ALOHA's recordings: constants and formulas of its own software."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wam_core import gripper_scale
from wam_core.gripper_scale import SCALES, from_scale, recorded_scale, to_scale
from wam_core.rig import parse_grippers

CONFIG = Path(__file__).resolve().parents[3] / 'config'
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
        for scale in SCALES:
            assert np.all(np.isfinite(convert(np.stack([state(opening)] * 3), scale)))


def test_the_motors_angle_is_our_own_scale() -> None:
    rows = np.stack([state(0.3), state(0.7)])
    for convert in (to_scale, from_scale):
        assert np.array_equal(convert(rows, 'angle'), rows)


# (PUPPET_/FOLLOWER_GRIPPER_JOINT_CLOSE + opening * range) through xs_driver's
# convert_angular_position_to_linear (0.022, 0.036), then *_GRIPPER_POSITION_NORMALIZE_FN.
@pytest.mark.parametrize(
    ('scale', 'opening', 'recorded'),
    [
        ('finger', 0.25, 0.20428),
        ('finger', 0.5, 0.52561),
        ('finger', 0.75, 0.84315),
        ('finger_ros2', 0.0, 0.00047),
        ('finger_ros2', 0.25, 0.42482),
        ('finger_ros2', 0.5, 0.75619),
        ('finger_ros2', 0.75, 0.95658),
        ('finger_ros2', 1.0, 1.00393),
    ],
)
def test_what_either_software_records(scale: str, opening: float, recorded: float) -> None:
    assert to_scale(state(opening), scale)[[6, 13]] == pytest.approx(recorded, abs=1e-5)
    if opening < 0.9:
        back = from_scale(state(recorded), scale)
        assert back[[6, 13]] == pytest.approx(opening, abs=1e-4)


@given(st.floats(0.0, 0.89))
def test_there_and_back_with_the_constants_of_ros_2(opening: float) -> None:
    there = to_scale(state(opening), 'finger_ros2')
    assert from_scale(there, 'finger_ros2') == pytest.approx(state(opening), abs=1e-6)


def test_a_motor_beyond_the_furthest_finger_looks_like_one_before_it() -> None:
    furthest = (math.pi / 2 - 0.6197) / (1.6214 - 0.6197)
    back = from_scale(to_scale(state(1.0), 'finger_ros2'), 'finger_ros2')
    assert back[6] == pytest.approx(2 * furthest - 1.0, abs=1e-6)
    # What is recorded of both is the same.
    assert to_scale(back, 'finger_ros2') == pytest.approx(to_scale(state(1.0), 'finger_ros2'))
    assert from_scale(state(1.2), 'finger_ros2')[6] == pytest.approx(furthest)


def test_the_profiles_of_rigs_are_those_of_the_softwares() -> None:
    text = (CONFIG / 'grippers.yaml').read_text(encoding='utf-8')
    profiles = parse_grippers(yaml.safe_load(text))
    scales = {name: recorded_scale(name) for name in profiles}
    assert scales == {'aloha_ros1': 'finger', 'interbotix_ros2': 'finger_ros2'}
    for name, profile in profiles.items():
        assert gripper_scale._SOFTWARE[scales[name]].motor == profile.follower
    assert recorded_scale('mine') == recorded_scale('') == 'finger'
