"""The simulated rig as a process, seen from outside: what a real ALOHA would answer."""

import math
import signal
from typing import Any

import cv2
import numpy as np
import pytest
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand, JointTrajectoryCommand
from interbotix_xs_msgs.srv import OperatingModes, Reboot, RegisterValues, RobotInfo, TorqueEnable
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectoryPoint
from wam_msgs.msg import TaskState
from wam_msgs.srv import ResetScene

from wam_bringup.config import config_directory

ARM = '/follower_left'
JOINTS = ['waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate', 'gripper']
CAMERAS = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


def start(ros: Any, *parameters: str) -> Any:
    """The rig with its own parameter file; each parameter as ``sim:name:=value``."""
    arguments = [word for parameter in parameters for word in ('-p', parameter)]
    return ros.start(
        'wam_sim', 'sim', params_file=config_directory() / 'sim.yaml', arguments=arguments
    )


def nanoseconds(stamp: Any) -> int:
    return int(stamp.sec * 1_000_000_000 + stamp.nanosec)


def set_fault(ros: Any, node: str, name: str, value: Any) -> Any:
    """Sets one parameter of a node of the rig; the result."""
    (result,) = ros.set_parameters(node, **{name: value})
    return result


def on_a_grid(times_ns: list[int]) -> None:
    """Every 10 ms; a test that was not given the processor may have missed some."""
    steps = np.diff(times_ns)
    assert (steps > 0).all() and not (steps % 10_000_000).any()
    assert np.median(steps) == 10_000_000


def test_joint_states_and_clock(ros: Any) -> None:
    start(ros, 'sim:cameras:=[cam_high]')
    states = ros.collect(JointState, f'{ARM}/joint_states', RELIABLE)
    leader = ros.collect(JointState, '/leader_right/joint_states', RELIABLE)
    clock = ros.collect(Clock, '/clock')
    ros.wait(lambda: len(states) >= 100 and len(clock) >= 100 and leader, what='joint states')
    for message in [*states, *leader]:
        assert list(message.name) == [*JOINTS, 'left_finger', 'right_finger']
        assert len(message.position) == len(message.velocity) == len(message.effort) == 9
        assert message.header.frame_id == ''
    on_a_grid([nanoseconds(message.header.stamp) for message in states])
    on_a_grid([nanoseconds(message.clock) for message in clock])
    assert any(states[-1].effort)  # gravity


def test_cameras(ros: Any) -> None:
    start(ros)
    base = {name: f'/{name}/camera/color' for name in CAMERAS}
    images = {name: ros.collect(Image, f'{topic}/image_rect_raw') for name, topic in base.items()}
    infos = ros.collect(CameraInfo, f'{base["cam_high"]}/camera_info')
    jpegs = ros.collect(CompressedImage, f'{base["cam_high"]}/image_rect_raw/compressed')
    ros.wait(lambda: all(len(each) >= 12 for each in images.values()) and len(jpegs) >= 3)
    for stream in images.values():
        for image in stream:
            assert (image.height, image.width, image.encoding) == (480, 640, 'rgb8')
            assert (image.step, len(image.data)) == (1920, 480 * 1920)
            assert image.header.frame_id == 'camera_color_optical_frame'
        stamps = [nanoseconds(image.header.stamp) for image in stream]
        assert all(30_000_000 <= step <= 36_000_000 for step in np.diff(stamps))
    high = {nanoseconds(image.header.stamp): image for image in images['cam_high']}
    assert {nanoseconds(info.header.stamp) for info in infos} >= set(list(high)[3:-1])
    # 78 degrees over 480 rows.
    assert infos[0].k[4] == pytest.approx(240.0 / math.tan(math.radians(39.0)))
    assert infos[0].k[0] == infos[0].k[4] and len(infos[0].d) == 5
    shared = next(each for each in jpegs if nanoseconds(each.header.stamp) in high)
    decoded = cv2.imdecode(np.frombuffer(shared.data, np.uint8), cv2.IMREAD_COLOR)
    raw = np.frombuffer(high[nanoseconds(shared.header.stamp)].data, np.uint8)
    difference = decoded[..., ::-1].astype(float) - raw.reshape(480, 640, 3)
    assert np.abs(difference).mean() < 3.0


def test_commands_move_the_arm(ros: Any) -> None:
    start(ros, 'sim:cameras:=[cam_high]')
    states = ros.collect(JointState, f'{ARM}/joint_states', RELIABLE)
    group = ros.node.create_publisher(JointGroupCommand, f'{ARM}/commands/joint_group', 10)
    single = ros.node.create_publisher(JointSingleCommand, f'{ARM}/commands/joint_single', 10)
    path = ros.node.create_publisher(
        JointTrajectoryCommand, f'{ARM}/commands/joint_trajectory', 10
    )
    publishers = (group, single, path)
    ros.wait(lambda: states and all(each.get_subscription_count() for each in publishers))
    goal = [0.3, -0.8, 1.0, 0.2, 0.1, -0.2]
    group.publish(JointGroupCommand(name='arm', cmd=goal))
    single.publish(JointSingleCommand(name='gripper', cmd=1.2))
    ros.wait(lambda: np.allclose(states[-1].position[:7], [*goal, 1.2], atol=0.02))
    # A refused joint doesn't stop the others, and the rig goes on.
    group.publish(JointGroupCommand(name='arm', cmd=[0.0, 9.0, *goal[2:]]))
    group.publish(JointGroupCommand(name='arm', cmd=[math.nan] * 6))
    group.publish(JointGroupCommand(name='leg', cmd=goal))
    ros.wait(lambda: abs(states[-1].position[0]) < 0.01)
    assert states[-1].position[1] == pytest.approx(-0.8, abs=0.01)
    command = JointTrajectoryCommand(cmd_type='single', name='waist')
    for second, angle in ((0, 0.0), (1, 0.4)):
        point = JointTrajectoryPoint(positions=[angle])
        point.time_from_start.sec = second
        command.traj.points.append(point)
    path.publish(command)
    ros.wait(lambda: abs(states[-1].position[0] - 0.4) < 0.01)


def test_services_and_refusals(ros: Any) -> None:
    process = start(ros, 'sim:cameras:=[cam_high]')

    def call(kind: Any, service: str, **request: Any) -> Any:
        return ros.call(kind, f'{ARM}/{service}', kind.Request(**request))

    info = call(RobotInfo, 'get_robot_info', cmd_type='group', name='arm')
    assert list(info.joint_names) == JOINTS[:6] and info.num_joints == 6
    assert (info.mode, info.profile_type) == ('position', 'velocity')
    gripper = call(RobotInfo, 'get_robot_info', cmd_type='single', name='gripper')
    assert list(gripper.joint_names) == ['left_finger']
    assert list(gripper.joint_upper_limits) == pytest.approx([0.057])

    arm = {'cmd_type': 'group', 'name': 'arm'}
    call(RegisterValues, 'set_motor_registers', **arm, reg='Profile_Velocity', value=30)
    answer = call(RegisterValues, 'get_motor_registers', **arm, reg='Profile_Velocity')
    assert list(answer.values) == [30] * 6
    for register in ('Velocity_Limit', 'velocity_limit'):
        call(RegisterValues, 'set_motor_registers', **arm, reg=register, value=50)
    answer = call(RegisterValues, 'get_motor_registers', **arm, reg='Velocity_Limit')
    assert list(answer.values) == [131] * 6
    ros.wait(lambda: 'EEPROM' in process.output and 'no such register' in process.output)

    modes = {'mode': 'pwm', 'profile_type': 'time', 'profile_velocity': 500}
    call(OperatingModes, 'set_operating_modes', cmd_type='single', name='gripper', **modes)
    assert call(RobotInfo, 'get_robot_info', cmd_type='single', name='gripper').mode == 'pwm'
    call(TorqueEnable, 'torque_enable', **arm, enable=False)
    answer = call(RegisterValues, 'get_motor_registers', **arm, reg='Torque_Enable')
    assert list(answer.values) == [0] * 6
    assert call(RobotInfo, 'get_robot_info', cmd_type='group', name='leg').num_joints == 0

    compensation = '/leader_left/gravity_compensation_enable'
    assert ros.call(SetBool, compensation, SetBool.Request(data=True)).success


def test_overload_and_reboot(ros: Any) -> None:
    start(ros, 'sim:cameras:=[cam_high]')
    clock = ros.collect(Clock, '/clock')
    node = f'{ARM}/xs_sdk'
    assert set_fault(ros, node, 'overload', 'elbow').successful

    def elbow(register: str) -> int:
        request = RegisterValues.Request(cmd_type='single', name='elbow', reg=register)
        return int(ros.call(RegisterValues, f'{ARM}/get_motor_registers', request).values[0])

    assert (elbow('Hardware_Error_Status'), elbow('Torque_Enable')) == (32, 0)
    before = nanoseconds(clock[-1].clock)
    request = Reboot.Request(cmd_type='group', name='all', enable=True, smart_reboot=True)
    ros.call(Reboot, f'{ARM}/reboot_motors', request)
    assert nanoseconds(clock[-1].clock) - before >= 1_400_000_000
    assert (elbow('Hardware_Error_Status'), elbow('Torque_Enable')) == (0, 1)


def test_camera_faults_act_while_it_runs(ros: Any) -> None:
    start(ros)
    frames = {
        name: ros.collect(Image, f'/{name}/camera/color/image_rect_raw') for name in CAMERAS[:2]
    }
    clock = ros.collect(Clock, '/clock')
    high, wrist = frames.values()
    ros.wait(lambda: len(high) > 3 and len(wrist) > 3)
    assert set_fault(ros, '/cam_high/camera', 'stalled', True).successful
    stalled = nanoseconds(clock[-1].clock)
    count = len(wrist)
    ros.wait(lambda: len(wrist) > count + 10)
    assert all(nanoseconds(frame.header.stamp) <= stalled + 40_000_000 for frame in high)
    assert set_fault(ros, '/cam_high/camera', 'stalled', False).successful
    count = len(high)
    ros.wait(lambda: len(high) > count + 3)
    refused = set_fault(ros, '/cam_high/camera', 'drop', 1.5)
    assert not refused.successful


def test_a_vanished_arm_is_silent_until_it_returns(ros: Any) -> None:
    start(ros, 'sim:cameras:=[cam_high]')
    left = ros.collect(JointState, f'{ARM}/joint_states', RELIABLE)
    right = ros.collect(JointState, '/follower_right/joint_states', RELIABLE)
    ros.wait(lambda: left and right)
    assert set_fault(ros, f'{ARM}/xs_sdk', 'vanished', True).successful
    client = ros.node.create_client(RobotInfo, f'{ARM}/get_robot_info')
    ros.wait(client.service_is_ready)
    answer = client.call_async(RobotInfo.Request(cmd_type='group', name='arm'))
    count, last = len(right), left[-1].header.stamp
    ros.wait(lambda: len(right) > count + 50)
    assert not answer.done()
    assert nanoseconds(left[-1].header.stamp) - nanoseconds(last) < 100_000_000
    assert set_fault(ros, f'{ARM}/xs_sdk', 'vanished', False).successful
    ros.wait(answer.done)
    count = len(left)
    ros.wait(lambda: len(left) > count + 10)


def test_reset_scene_and_task_state(ros: Any) -> None:
    start(ros, 'sim:cameras:=[cam_high]', 'sim:seed:=5')
    truths = ros.collect(TaskState, '/task_state', LATCHED)
    ros.wait(lambda: truths)
    assert (truths[-1].task, truths[-1].seed, truths[-1].episode) == ('transfer_cube', 5, 1)
    assert list(truths[-1].objects) == ['cube'] and len(truths[-1].poses) == 1
    request = ResetScene.Request(task='peg_insertion', seed=7)
    assert ros.call(ResetScene, '/sim/reset_scene', request).accepted
    ros.wait(lambda: truths[-1].task == 'peg_insertion')
    assert (truths[-1].seed, truths[-1].episode) == (7, 2)
    assert list(truths[-1].objects) == ['peg', 'socket']
    for bad in (ResetScene.Request(task='juggle'), ResetScene.Request(task='', seed=1)):
        answer = ros.call(ResetScene, '/sim/reset_scene', bad)
        assert not answer.accepted and 'transfer_cube' in answer.message
    answer = ros.call(ResetScene, '/sim/reset_scene', ResetScene.Request(task='juggle', seed=-1))
    assert not answer.accepted
    count = len(truths)
    ros.wait(lambda: len(truths) > count)
    assert truths[-1].episode == 2
    stamps = [nanoseconds(truth.header.stamp) for truth in truths]
    assert stamps == sorted(stamps)


def test_leaders_can_be_left_out(ros: Any) -> None:
    start(ros, 'sim:cameras:=[cam_high]', 'sim:leaders:=false')
    states = ros.collect(JointState, f'{ARM}/joint_states', RELIABLE)
    ros.wait(lambda: states)
    topics = {name for name, _ in ros.node.get_topic_names_and_types()}
    assert f'{ARM}/joint_states' in topics and '/leader_left/joint_states' not in topics


def test_a_second_rig_refuses_to_start(ros: Any) -> None:
    first = start(ros, 'sim:cameras:=[cam_high]')
    clock = ros.collect(Clock, '/clock')
    ros.wait(lambda: clock)
    second = start(ros, 'sim:cameras:=[cam_high]')
    ros.wait(lambda: second.returncode is not None)
    assert second.returncode == 1
    assert 'only one simulated rig' in second.output
    assert first.returncode is None


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(ros: Any, number: signal.Signals) -> None:
    process = start(ros)
    frames = ros.collect(Image, '/cam_high/camera/color/image_rect_raw')
    ros.wait(lambda: frames)
    process.send(number)
    ros.wait(lambda: process.returncode is not None)
    assert process.returncode == 0
    assert 'Traceback' not in process.output and 'Exception' not in process.output


@pytest.mark.parametrize(
    ('parameter', 'reason'),
    [
        ('sim:speed:=1.0', "unknown parameter 'speed'"),
        ('sim:task:=juggle', 'transfer_cube'),
        ('sim:speed_factor:=-1.0', '0 to 100'),
        ('sim:rig:=aloha', 'not simulated'),
    ],
)
def test_bad_parameters_stop_it(ros: Any, parameter: str, reason: str) -> None:
    process = start(ros, parameter)
    ros.wait(lambda: process.returncode is not None)
    assert process.returncode == 1
    assert reason in process.output and 'Traceback' not in process.output


def test_without_a_gl_library_it_names_the_packages(ros: Any) -> None:
    # What mujoco's EGL back end refuses in the same way as a library that is missing.
    process = ros.start(
        'wam_sim', 'sim', environment={'MUJOCO_GL': '', 'PYOPENGL_PLATFORM': 'osmesa'}
    )
    ros.wait(lambda: process.returncode is not None)
    assert process.returncode == 1
    assert 'libegl1 libgl1-mesa-dri' in process.output and 'Traceback' not in process.output
