"""What a client of the driver can ask of an arm."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from wam_sim import leader
from wam_sim.arm import BusFaults, SimArm, Waypoint
from wam_sim.registers import pulse
from wam_sim.rig import SimRig

NAMES = (
    'waist',
    'shoulder',
    'elbow',
    'forearm_roll',
    'wrist_angle',
    'wrist_rotate',
    'gripper',
    'left_finger',
    'right_finger',
)


@pytest.fixture
def rig() -> Iterator[SimRig]:
    with SimRig(0) as handle:
        yield handle


@pytest.fixture
def arm(rig: SimRig) -> SimArm:
    return rig.arms['follower_left']


def test_nine_joints_with_full_arrays(arm: SimArm) -> None:
    assert arm.joint_names == NAMES
    reading = arm.reading
    assert len(reading.position) == len(reading.velocity) == len(reading.effort) == 9
    assert reading.position[7] == -reading.position[8]
    finger = arm.model.linkage.finger(float(reading.position[6]))
    assert reading.position[7] == pytest.approx(finger)
    assert not reading.effort[7:].any() and not reading.velocity[7:].any()


def test_info_of_groups_and_joints(arm: SimArm) -> None:
    group = arm.info('group', 'arm')
    assert group is not None
    assert group.joint_names == NAMES[:6] and group.joint_ids == (1, 2, 4, 6, 7, 8)
    assert (group.mode, group.profile_type, group.names) == ('position', 'velocity', ('arm',))
    assert group.lower[1] == pytest.approx(-1.85005) and group.upper[1] == pytest.approx(1.25664)
    assert group.sleep == (0.0, -1.85, 1.55, 0.0, 0.8, 0.0)

    everything = arm.info('group', 'all')
    assert everything is not None
    assert everything.joint_names == (*NAMES[:6], 'left_finger')
    assert everything.names == ('all', 'arm') and everything.indices == (0, 1, 2, 3, 4, 5, 7)

    gripper = arm.info('single', 'gripper')
    assert gripper is not None
    assert gripper.joint_names == ('left_finger',) and gripper.joint_ids == (9,)
    assert (gripper.lower, gripper.upper) == ((0.021,), (0.057,))
    assert gripper.sleep[0] == pytest.approx(arm.model.linkage.finger(0.0))


@pytest.mark.parametrize(
    ('cmd_type', 'name'), [('group', 'leg'), ('single', 'left_finger'), ('both', 'arm')]
)
def test_unknown_names_are_noted_with_the_known_ones(
    arm: SimArm, cmd_type: str, name: str
) -> None:
    assert arm.info(cmd_type, name) is None
    assert 'expected one of' in arm.notices[-1]
    arm.torque_enable(cmd_type, name, False)
    assert all(motor.torque_on for motor in arm.motors)


def test_a_group_command_of_the_wrong_length_is_ignored(rig: SimRig, arm: SimArm) -> None:
    arm.command_group('arm', [0.0] * 5)
    rig.step(None, 500_000_000)
    assert arm.reading.position[1] == pytest.approx(-0.96, abs=0.01)
    assert '5 values for 6 joints' in arm.notices[-1]


def test_one_joint_outside_its_limits_does_not_stop_the_others(rig: SimRig, arm: SimArm) -> None:
    arm.command_group('arm', [0.3, 2.0, 1.16, 0.0, -0.3, 0.0])
    rig.step(None, 1_000_000_000)
    assert arm.reading.position[0] == pytest.approx(0.3, abs=0.01)
    assert arm.reading.position[1] == pytest.approx(-0.96, abs=0.01)


def test_a_linear_goal_is_the_finger_in_metres(rig: SimRig, arm: SimArm) -> None:
    arm.set_operating_modes('single', 'gripper', 'linear_position', 'velocity', 0, 0)
    arm.command_single('gripper', 0.04)
    rig.step(None, 1_000_000_000)
    assert arm.reading.position[7] == pytest.approx(0.04, abs=0.001)
    arm.command_single('gripper', -1.0)
    rig.step(None, 500_000_000)
    assert np.isfinite(arm.reading.position).all()


def test_pwm_opens_and_closes_the_gripper(rig: SimRig, arm: SimArm) -> None:
    arm.set_operating_modes('single', 'gripper', 'pwm', 'time', 0, 0)
    arm.command_single('gripper', 250.0)
    rig.step(None, 1_500_000_000)
    assert arm.reading.position[7] > 0.057
    arm.command_single('gripper', -250.0)
    rig.step(None, 1_500_000_000)
    assert arm.reading.position[7] < 0.024


def test_a_trajectory_runs_for_its_whole_seconds(rig: SimRig, arm: SimArm) -> None:
    start = tuple(arm.reading.position[:6].tolist())
    goal = (0.2, *start[1:])
    points = [Waypoint(0, start), Waypoint(1_500_000_000, goal), Waypoint(2_000_000_000, start)]
    arm.command_trajectory('group', 'arm', points, rig.time_ns)
    arm.command_trajectory('group', 'arm', points, rig.time_ns)
    assert 'still moving' in arm.notices[-1]
    rig.step(None, 1_400_000_000)
    assert arm.reading.position[0] == pytest.approx(0.0, abs=0.005)
    rig.step(None, 580_000_000)
    assert arm.reading.position[0] == pytest.approx(0.2, abs=0.01)
    rig.step(None, 1_000_000_000)
    assert arm.reading.position[0] == pytest.approx(0.0, abs=0.01)
    arm.command_trajectory('group', 'arm', points[:1], rig.time_ns)
    assert 'at least 2' in arm.notices[-1]


def test_a_trajectory_that_starts_elsewhere_is_noted_and_runs(rig: SimRig, arm: SimArm) -> None:
    away = (0.1, -0.96, 1.16, 0.0, -0.3, 0.0)
    arm.command_trajectory('group', 'arm', [Waypoint(0, away), Waypoint(1, away)], rig.time_ns)
    assert 'waist: the trajectory starts at 0.10' in arm.notices[-1]
    rig.step(None, 500_000_000)
    assert arm.reading.position[0] == pytest.approx(0.1, abs=0.01)


def test_registers_of_a_group(arm: SimArm) -> None:
    arm.set_register('group', 'arm', 'Profile_Velocity', 20)
    assert arm.get_register('group', 'arm', 'Profile_Velocity') == [20] * 6
    assert arm.get_register('single', 'gripper', 'Profile_Velocity') == [0]
    arm.set_register('single', 'gripper', 'current_limit', 300)
    assert 'no such register' in arm.notices[-1]
    assert arm.get_register('single', 'gripper', 'current_limit') == [0]
    assert 'cannot be read' in arm.notices[-1]


def test_gains_go_to_their_registers(arm: SimArm) -> None:
    gains = {'kp_pos': 100, 'ki_pos': 1, 'kd_pos': 2, 'k1': 3, 'k2': 4, 'kp_vel': 5, 'ki_vel': 6}
    arm.set_gains('single', 'elbow', gains)
    assert arm.get_register('single', 'elbow', 'Position_P_Gain') == [100]
    assert arm.get_register('single', 'elbow', 'Feedforward_1st_Gain') == [3]
    assert arm.get_register('single', 'waist', 'Position_P_Gain') == [800]


def test_a_smart_reboot_takes_down_only_motors_in_error(rig: SimRig, arm: SimArm) -> None:
    assert arm.reboot('group', 'all', enable=True, smart=True) == ()
    arm.motor('elbow').fail(32)
    rebooted = arm.reboot('group', 'all', enable=True, smart=True)
    assert [motor.spec.name for motor in rebooted] == ['elbow']
    held = arm.reading.position[2]
    rig.step(None, 1_000_000_000)
    assert arm.reading.position[2] == held  # what was read last
    rig.step(None, 600_000_000)
    assert arm.motor('elbow').torque_on
    assert arm.reading.position[2] != held  # it sagged meanwhile


def test_a_vanished_arm_reads_nothing_and_hears_nothing(rig: SimRig, arm: SimArm) -> None:
    arm.faults = BusFaults(vanished=True)
    arm.command_single('waist', 0.5)
    rig.step(None, 500_000_000)
    arm.faults = BusFaults()
    rig.step(None)
    assert arm.reading.position[0] == pytest.approx(0.0, abs=0.005)


def test_missed_reads_repeat_old_values(rig: SimRig, arm: SimArm) -> None:
    arm.faults = BusFaults(missed_reads=1.0)
    arm.command_single('waist', 0.5)
    rig.step(None, 500_000_000)
    assert arm.reading.position[0] == 0.0
    assert arm.reading.stamp_ns == rig.time_ns


def test_a_leader_sinks_floats_follows_the_hand_and_holds(rig: SimRig) -> None:
    arm = rig.arms['leader_left']
    joints = leader.joints_of(arm)
    assert len(joints) == 7 and leader.joints_of(rig.arms['follower_left']) == []
    pose = [0.4, -0.5, 0.5, 0.3, 0.2, -0.3, 0.2]
    leader.hold(joints, pose)
    rig.step(None, 1_000_000_000)
    np.testing.assert_allclose(arm.reading.position[:7], pose, atol=0.01)

    leader.compensate_gravity(arm, on=True)
    leader.hold(joints, None)
    rig.step(None, 1_000_000_000)
    np.testing.assert_allclose(arm.reading.position[:7], pose, atol=0.02)
    info = arm.info('group', 'all')
    assert info is not None and info.mode == 'current'
    leader.hold(joints, [angle + 0.1 for angle in pose])
    rig.step(None, 1_000_000_000)
    assert arm.reading.position[0] == pytest.approx(pose[0] + 0.1, abs=0.01)

    leader.hold(joints, pose)
    rig.step(None, 1_000_000_000)
    leader.compensate_gravity(arm, on=False)
    leader.hold(joints, None)
    arm.command_single('waist', 0.0)
    rig.step(None, 1_000_000_000)
    assert arm.reading.position[0] == pytest.approx(0.0, abs=0.005)
    np.testing.assert_allclose(arm.reading.position[1:6], pose[1:6], atol=0.02)

    arm.torque_enable('group', 'all', False)
    rig.step(None, 4_000_000_000)
    resting = [motor.spec.sleep for motor in arm.motors]
    np.testing.assert_allclose(arm.reading.position[:7], resting, atol=0.02)


@pytest.mark.parametrize('goal', [1e200, float('inf'), float('nan')])
def test_a_finger_beyond_everything_opens_the_gripper_or_is_refused(
    arm: SimArm, goal: float
) -> None:
    arm.set_operating_modes('single', 'gripper', 'linear_position', 'velocity', 0, 0)
    motor = arm.motor('gripper')
    arm.notices.clear()
    before = motor.read('Goal_Position')
    arm.command_single('gripper', goal)
    assert bool(arm.notices) == (goal != 1e200)
    assert motor.read('Goal_Position') == (pulse(math.pi / 2) if goal == 1e200 else before)
