"""Forward kinematics against the bimanual ViperX model of gym_aloha."""

from pathlib import Path

import gym_aloha
import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.joints import ARM_JOINTS, Vector
from wam_core.kinematics import forward, quaternion

# ee_arm, ee_bar and ee_gripper of the vx300s URDF, which the model leaves out: 0.042825 +
# 0.025875 + 0.0385 m along x of gripper_link.
GRIPPER_TO_EE = np.array([0.1072, 0.0, 0.0])

angles = st.lists(st.floats(-3.1, 3.1), min_size=6, max_size=6).map(np.array)


@pytest.fixture(scope='module')
def model() -> mujoco.MjModel:
    assets = Path(gym_aloha.__file__).parent / 'assets'
    return mujoco.MjModel.from_xml_path(str(assets / 'bimanual_viperx_transfer_cube.xml'))


@pytest.mark.parametrize('side', ['left', 'right'])
@given(joints=angles)
@settings(max_examples=100, deadline=None)
def test_agrees_with_the_model_of_gym_aloha(
    model: mujoco.MjModel, side: str, joints: Vector
) -> None:
    data = mujoco.MjData(model)
    for name, angle in zip(ARM_JOINTS, joints, strict=True):
        data.joint(f'vx300s_{side}/{name}').qpos[0] = angle
    mujoco.mj_kinematics(model, data)
    base, link = data.body(f'vx300s_{side}'), data.body(f'vx300s_{side}/gripper_link')
    base_rotation, rotation = base.xmat.reshape(3, 3), link.xmat.reshape(3, 3)
    expected = base_rotation.T @ (link.xpos + rotation @ GRIPPER_TO_EE - base.xpos)
    position, orientation = forward(joints)
    assert np.allclose(position, expected, atol=1e-6)
    assert np.allclose(matrix(orientation), base_rotation.T @ rotation, atol=1e-6)


def matrix(orientation: Vector) -> Vector:
    flat = np.empty(9)
    mujoco.mju_quat2Mat(flat, np.roll(orientation, 1))
    return flat.reshape(3, 3)


@given(st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4).map(np.array))
@settings(max_examples=300, deadline=None)
def test_a_quaternion_is_of_unit_length_and_gives_its_rotation_back(parts: Vector) -> None:
    length = float(np.linalg.norm(parts))
    parts = parts / length if length > 1e-3 else np.array([1.0, 0.0, 0.0, 0.0])
    found = quaternion(matrix(parts))
    assert np.linalg.norm(found) == pytest.approx(1.0)
    assert found[3] >= 0.0
    assert np.allclose(matrix(found), matrix(parts), atol=1e-9)


def test_home_is_straight_ahead() -> None:
    position, orientation = forward(np.zeros(6))
    assert np.allclose(position, [0.536494, 0.0, 0.42705])
    assert np.array_equal(orientation, [0.0, 0.0, 0.0, 1.0])


def test_another_number_of_joints_is_refused() -> None:
    with pytest.raises(WamError, match=r'shape \(7,\), expected \(6,\)'):
        forward(np.zeros(7))
