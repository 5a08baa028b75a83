"""Opening and parking the simulated followers, and the health of their motors."""

import os
import signal
import sys
from typing import Any

import pytest
from arms_bench import FOLLOWERS, Rig, start_arms, start_sim
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from ros_domain import Process
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from wam_msgs.msg import ExecutorState

from wam_core.motors import MOTORS

FACTORY_LIMIT = 1193  # of an XM430-W350
LIMIT = 300
SCRIPT = """
from interbotix_common_modules.common_robot.robot import robot_shutdown, robot_startup
from interbotix_xs_modules.xs_robot.core import InterbotixRobotXSCore

core = InterbotixRobotXSCore('vx300s', 'follower_left')
print(len(core.robot_get_joint_states().name), 'joints')
robot_startup()
print(core.robot_get_robot_info('group', 'arm').mode)
core.robot_torque_enable('single', 'gripper', False)
core.robot_set_motor_registers('single', 'gripper', 'Current_Limit', 200)
print(list(core.robot_get_motor_registers('single', 'gripper', 'Current_Limit')))
robot_shutdown()
"""


@pytest.mark.parametrize('modes', ['aloha', 'interbotix'])
def test_opening_makes_the_arms_ready_and_is_idempotent(ros: Any, modes: str) -> None:
    rig = Rig(ros, modes)
    rig.wait_until_found()
    answer = rig.call('open')
    assert answer.success, answer.message
    assert f'Current_Limit {FACTORY_LIMIT} -> {LIMIT}' in answer.message
    assert answer.message.endswith('arms at the start pose')
    for robot in FOLLOWERS:
        assert rig.register(robot, 'Current_Limit')[-1] == LIMIT
        assert rig.register(robot, 'Goal_Current')[-1] == LIMIT
        assert rig.register(robot, 'Torque_Enable') == [1] * 7
        assert rig.register(robot, 'Profile_Velocity') == [0] * 7
        assert rig.mode(robot, 'group', 'arm') == 'position'
        assert rig.mode(robot, 'single', 'gripper') == 'current_based_position'
    answer = rig.call('open')
    assert answer.success and 'motors were ready' in answer.message
    assert rig.executor.poses == ['start']


def test_parking_goes_by_the_start_pose_and_keeps_the_torque(ros: Any) -> None:
    rig = Rig(ros)
    rig.wait_until_found()
    answer = rig.call('park')
    assert answer.success and 'torque stays on' in answer.message
    assert rig.executor.poses == ['start', 'sleep']
    assert rig.register('follower_left', 'Torque_Enable') == [1] * 7
    assert rig.call('park').success
    assert rig.executor.poses == ['start', 'sleep']


def test_an_overloaded_gripper_is_rebooted(ros: Any) -> None:
    rig = Rig(ros)
    rig.wait_until_found()
    rig.fault('follower_right', 'overload', 'gripper')
    ros.wait(lambda: 'follower_right: gripper reports overload' in rig.complaint())
    assert any(health.error_status[-1] == 32 for health in rig.health)
    answer = rig.call('open')
    assert answer.success, answer.message
    assert 'follower_right: gripper rebooted: it reported overload' in answer.message
    for robot in FOLLOWERS:
        assert rig.register(robot, 'Hardware_Error_Status') == [0] * 7
        assert rig.register(robot, 'Torque_Enable') == [1] * 7
    ros.wait(lambda: rig.complaint() == '')


def test_an_overloaded_joint_is_refused_by_name_and_nothing_is_touched(ros: Any) -> None:
    rig = Rig(ros)
    commands = [
        ros.collect(kind, f'/{robot}/commands/{name}')
        for robot in FOLLOWERS
        for name, kind in (
            ('joint_group', JointGroupCommand),
            ('joint_single', JointSingleCommand),
        )
    ]
    rig.wait_until_found()
    rig.fault('follower_right', 'overload', 'shoulder')
    answer = rig.call('open')
    assert not answer.success
    assert answer.message.startswith('follower_right: shoulder reports overload')
    for robot in FOLLOWERS:
        assert rig.register(robot, 'Current_Limit')[-1] == FACTORY_LIMIT
        assert rig.mode(robot, 'single', 'gripper') == 'position'
    assert rig.register('follower_right', 'Torque_Enable') == [1, 0, 1, 1, 1, 1, 1]
    assert rig.executor.poses == [] and not any(commands)


def test_a_vanished_arm_is_an_error_until_it_returns(ros: Any) -> None:
    rig = Rig(ros, service_timeout_s=1.0)
    rig.wait_until_found()
    rig.fault('follower_left', 'vanished', True)
    answer = rig.call('open')
    assert not answer.success
    assert answer.message.startswith('follower_left: ') and 'within 1 s' in answer.message
    ros.wait(lambda: 'follower_left: no answer' in rig.complaint())
    heard = sum(each.robot == 'follower_right' for each in rig.health)
    ros.wait(lambda: sum(each.robot == 'follower_right' for each in rig.health) > heard + 1)
    answer = rig.call('open')
    assert not answer.success and 'follower_left' in answer.message
    assert rig.executor.poses == []
    rig.fault('follower_left', 'vanished', False)
    ros.wait(lambda: rig.complaint() == '')
    assert rig.call('open').success
    assert rig.arms.returncode is None


def test_a_driver_without_joint_states_is_waited_for(ros: Any) -> None:
    rig = Rig(ros, service_timeout_s=1.0)
    for robot in FOLLOWERS:
        rig.fault(robot, 'drop', 1.0)
    rig.arms.terminate_and_wait()
    start_arms(ros, service_timeout_s=1.0)
    text = 'waiting for follower_left: follower_left: no message on /follower_left/joint_states'
    ros.wait(lambda: text in rig.complaint())
    assert not rig.call('open').success
    for robot in FOLLOWERS:
        rig.fault(robot, 'drop', 0.0)
    ros.wait(lambda: rig.complaint() == '')
    assert rig.call('open').success


def test_a_driver_that_is_started_again_is_found_again(ros: Any) -> None:
    rig = Rig(ros)
    rig.wait_until_found()
    ros.processes[0].terminate_and_wait()
    answer = rig.call('open')
    assert not answer.success and 'follower_left: no xs_sdk' in answer.message
    start_sim(ros)
    rig.health.clear()
    rig.wait_until_found()
    assert rig.call('open').success


def test_health_of_each_arm(ros: Any) -> None:
    rig = Rig(ros)

    def of(robot: str) -> list[Any]:
        return [each for each in rig.health if each.robot == robot]

    ros.wait(lambda: all(len(of(robot)) >= 4 for robot in FOLLOWERS))
    for robot in FOLLOWERS:
        stamps = [each.header.stamp.sec * 10**9 + each.header.stamp.nanosec for each in of(robot)]
        assert stamps == sorted({*stamps}), 'a stamp was not later than the one before'
        for each in of(robot):
            assert tuple(each.motors) == MOTORS
            assert list(each.error_status) == [0] * 7
            assert all(20.0 < value < 80.0 for value in each.temperature)
            assert list(each.voltage) == pytest.approx([12.0] * 7)


def test_what_the_executor_says_instead_of_arriving(ros: Any) -> None:
    rig = Rig(ros)
    rig.wait_until_found()
    rig.executor.refusal = 'stopped: a key'
    answer = rig.call('open')
    assert not answer.success and 'refuses to take the arms to start: stopped: a key' in (
        answer.message
    )
    rig.executor.refusal, rig.executor.arriving = '', False
    client = ros.node.create_client(Trigger, '/arms/open')
    ros.wait(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    ros.wait(lambda: rig.executor.poses)
    second = rig.call('park')
    assert not second.success and '/arms/open is not over' in second.message
    rig.executor.state.state, rig.executor.state.stop_reason = ExecutorState.STOPPED, 'overload'
    ros.wait(future.done)
    assert not future.result().success
    assert 'stopped on the way to start: overload' in future.result().message


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_without_a_driver_it_says_so_and_ends_in_order(ros: Any, number: signal.Signals) -> None:
    arms = start_arms(ros)
    reports = ros.collect(DiagnosticArray, '/diagnostics')
    ros.wait(lambda: reports)
    text = reports[-1].status[0].message
    assert reports[-1].status[0].level == DiagnosticStatus.ERROR
    assert all(f'waiting for {robot}' in text for robot in FOLLOWERS), text
    answer = ros.call(Trigger, '/arms/open', Trigger.Request())
    assert not answer.success and 'waiting for follower_left' in answer.message
    arms.send(number)
    assert arms.wait() == 0
    assert 'Traceback' not in arms.output, arms.output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_while_an_arm_is_silent(ros: Any, number: signal.Signals) -> None:
    rig = Rig(ros)
    rig.wait_until_found()
    rig.fault('follower_left', 'vanished', True)
    # Two more rounds of the other arm: this one was asked in between, and is waited for.
    heard = sum(each.robot == 'follower_right' for each in rig.health)
    ros.wait(lambda: sum(each.robot == 'follower_right' for each in rig.health) > heard + 1)
    rig.arms.send(number)
    assert rig.arms.wait() == 0
    assert 'Traceback' not in rig.arms.output, rig.arms.output


def test_the_package_alone_as_a_script_uses_it(ros: Any) -> None:
    start_sim(ros)
    states = ros.collect(JointState, '/follower_left/joint_states')
    ros.wait(lambda: states)
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(ros.domain)}
    script = Process([sys.executable, '-c', SCRIPT], environment)
    ros.processes.append(script)
    ros.wait(lambda: script.returncode is not None)
    script.wait()
    for line in ('9 joints', 'position', '[200]'):
        assert line in script.output, script.output
