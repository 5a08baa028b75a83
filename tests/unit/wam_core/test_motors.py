"""14-vector and gripper mappings: inverse pairs, and the tables of the ALOHA conventions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.gripper import GripperCalibration, GripperLinkage
from wam_core.joints import DIM, GRIPPERS, JOINT_NAMES, Vector
from wam_core.motors import MOTORS, join, join_velocity, pick, split

# FOLLOWER_GRIPPER_JOINT of Interbotix/aloha constants.py, PUPPET_GRIPPER_JOINT of tonyzhaozh/act.
INTERBOTIX = GripperCalibration(closed_rad=0.6197, open_rad=1.6214)
ACT = GripperCalibration(closed_rad=-0.6213, open_rad=1.4910)
CALIBRATIONS = [INTERBOTIX, ACT]

seven = st.lists(st.floats(-3.2, 3.2), min_size=7, max_size=7).map(np.array)
fourteen = st.lists(st.floats(-3.2, 3.2), min_size=14, max_size=14).map(np.array)


def test_the_order_is_left_then_right_each_waist_to_gripper() -> None:
    assert DIM == len(JOINT_NAMES) == 14
    assert JOINT_NAMES[0] == 'left_waist'
    assert JOINT_NAMES[5] == 'left_wrist_rotate'
    assert JOINT_NAMES[6] == 'left_gripper'
    assert JOINT_NAMES[7:] == tuple(name.replace('left', 'right') for name in JOINT_NAMES[:7])
    assert GRIPPERS == (6, 13)


@pytest.mark.parametrize('gripper', CALIBRATIONS)
def test_closed_is_0_and_open_is_1(gripper: GripperCalibration) -> None:
    assert gripper.opening(gripper.closed_rad) == 0.0
    assert gripper.opening(gripper.open_rad) == 1.0
    assert gripper.angle(0.0) == gripper.closed_rad
    assert gripper.angle(1.0) == pytest.approx(gripper.open_rad)
    assert gripper.opening(gripper.open_rad + 0.1) > 1.0


@pytest.mark.parametrize('gripper', CALIBRATIONS)
@given(left=seven, right=seven)
@settings(max_examples=100, deadline=None)
def test_split_is_the_inverse_of_join(
    gripper: GripperCalibration, left: Vector, right: Vector
) -> None:
    position = join(left, right, gripper)
    assert np.array_equal(position[:6], left[:6])
    assert np.array_equal(position[7:13], right[:6])
    motors = split(position, gripper)
    assert np.allclose(motors['left'], left)
    assert np.allclose(motors['right'], right)


@pytest.mark.parametrize('gripper', CALIBRATIONS)
@given(position=fourteen)
@settings(max_examples=100, deadline=None)
def test_join_is_the_inverse_of_split(gripper: GripperCalibration, position: Vector) -> None:
    before = position.copy()
    motors = split(position, gripper)
    assert np.allclose(join(motors['left'], motors['right'], gripper), position)
    assert np.array_equal(position, before)


@given(left=seven, right=seven, rate=fourteen)
@settings(max_examples=50, deadline=None)
def test_velocity_is_the_derivative_of_the_position(
    left: Vector, right: Vector, rate: Vector
) -> None:
    step = 1e-3
    ahead = join(left + step * rate[:7], right + step * rate[7:], ACT)
    velocity = join_velocity(rate[:7], rate[7:], ACT)
    assert np.allclose((ahead - join(left, right, ACT)) / step, velocity, atol=1e-9)


def test_motors_are_found_by_name() -> None:
    names = ['left_finger', *reversed(MOTORS), 'right_finger']
    assert pick(names, range(9)).tolist() == [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]


def test_a_joint_state_without_a_motor_is_refused() -> None:
    with pytest.raises(WamError, match=r"lacks \['gripper'\]"):
        pick(MOTORS[:-1], [0.0] * 6)
    with pytest.raises(WamError, match='7 names and 0 values'):
        pick(MOTORS, [])


# Finger positions in m, from the same constants files and the driver's formula.
@pytest.mark.parametrize(
    ('linkage', 'gripper', 'fingers'),
    [
        (GripperLinkage(0.022, 0.036), INTERBOTIX, (0.04401, 0.05795)),
        (GripperLinkage(0.0275, 0.035), INTERBOTIX, (0.04288, 0.06244)),
        (GripperLinkage(0.022, 0.036), ACT, (0.01843, 0.05789)),
    ],
)
def test_the_linkage_agrees_with_the_tables(
    linkage: GripperLinkage, gripper: GripperCalibration, fingers: tuple[float, float]
) -> None:
    found = (linkage.finger(gripper.closed_rad), linkage.finger(gripper.open_rad))
    assert found == pytest.approx(fingers, abs=1e-5)


@given(st.floats(-1.57, 1.57))
@settings(max_examples=100, deadline=None)
def test_the_linkage_is_an_inverse_pair(angle: float) -> None:
    linkage = GripperLinkage(0.022, 0.036)
    finger = linkage.finger(angle)
    assert linkage.finger(linkage.angle(finger)) == pytest.approx(finger, abs=1e-9)
    if abs(angle) < 1.5:  # near the ends the finger hardly moves with the angle
        assert linkage.angle(finger) == pytest.approx(angle, abs=1e-6)


def test_a_gripper_that_can_not_be_is_refused() -> None:
    with pytest.raises(WamError, match=r'closed 1\.0 must be below open 0\.0'):
        GripperCalibration(1.0, 0.0)
    with pytest.raises(WamError, match=r'horn 0\.04 m, expected above 0 and at most the arm'):
        GripperLinkage(0.04, 0.036)
    with pytest.raises(WamError, match=r'finger position = 0\.0 m'):
        GripperLinkage(0.02, 0.02).angle(0.0)
