"""The teleop node with the simulated leaders: who has them, and what becomes of their joints."""

from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from interbotix_xs_msgs.msg import JointGroupCommand
from interbotix_xs_msgs.srv import RegisterValues
from sensor_msgs.msg import JointState
from wam_msgs.msg import EpisodeEvent, ExecutorState, JointTarget, Proprioception
from wam_msgs.srv import SetLeaders

from wam_bringup.config import config_directory, load_rig
from wam_core.joints import ARMS, GRIPPERS, SIDE_SLICES, Vector
from wam_core.motors import pick, split

RIG = load_rig('sim')
LEADERS = tuple(RIG.leaders.values())


class Leaders:
    """The simulated rig and the node; the test is the executor, and the person's hands."""

    def __init__(self, ros: Any, **parameters: Any) -> None:
        self.ros = ros
        config = config_directory()
        words = ['-p', 'sim:cameras:=[cam_high]', '-p', 'sim:speed_factor:=2.0']
        ros.start('wam_sim', 'sim', params_file=config / 'sim.yaml', arguments=words)
        timed = {'use_sim_time': True}
        ros.start('wam_nodes', 'proprioception', timed, config / 'proprioception.yaml')
        self.process = ros.start(
            'wam_nodes', 'teleop', {**timed, **parameters}, config / 'teleop.yaml'
        )
        self.targets: list[JointTarget] = ros.collect(JointTarget, '/joint_target')
        self.events: list[EpisodeEvent] = ros.collect(EpisodeEvent, '/episode_event')
        self.diagnostics = ros.collect(DiagnosticArray, '/diagnostics')
        self.position = np.full(14, np.nan)
        self.followers = np.full(14, np.nan)
        for side, robot in RIG.leaders.items():
            ros.node.create_subscription(
                JointState,
                f'/{robot}/joint_states',
                lambda message, side=side: self._leader(side, message),
                10,
            )
        ros.node.create_subscription(Proprioception, '/proprioception', self._follower, 10)
        self.hands = {
            side: ros.node.create_publisher(JointGroupCommand, f'/{robot}/hand', 10)
            for side, robot in RIG.leaders.items()
        }
        self.state = ExecutorState(state=ExecutorState.IDLE)
        self.states = ros.node.create_publisher(ExecutorState, '/executor_state', 10)
        ros.wait(lambda: np.isfinite(self.position).all(), what='the leaders')
        ros.wait(lambda: np.isfinite(self.followers).all(), what='the followers')
        ros.wait(self.states.get_subscription_count, what='the node')
        ros.wait(lambda: self.complaint() == 'ok', what='a node that complains of nothing')

    def _leader(self, side: str, message: JointState) -> None:
        angles = pick(message.name, message.position)
        angles[-1] = RIG.leader_calibration.opening(float(angles[-1]))
        self.position[SIDE_SLICES[side]] = angles

    def _follower(self, message: Proprioception) -> None:
        self.followers = np.array(message.position)
        self.state.header.stamp = message.header.stamp
        self.states.publish(self.state)

    @property
    def apart(self) -> float:
        """The leaders' arm joint that is furthest from its follower, rad."""
        return float(np.abs(self.position - self.followers)[ARMS].max())

    def become(self, state: str) -> Any:
        return self.ros.call(SetLeaders, '/teleop/set_leaders', SetLeaders.Request(state=state))

    def run(self, source: str) -> None:
        """The executor runs, from this source; empty: it is idle."""
        self.state.state = ExecutorState.RUNNING if source else ExecutorState.IDLE
        self.state.source = source
        self.state.generation += 1

    def hold(self, position: Vector) -> None:
        for side, angles in split(position, RIG.leader_calibration).items():
            self.hands[side].publish(JointGroupCommand(name='all', cmd=angles.tolist()))

    def torque(self, robot: str) -> list[int]:
        request = RegisterValues.Request(cmd_type='group', name='all', reg='Torque_Enable')
        answer = self.ros.call(RegisterValues, f'/{robot}/get_motor_registers', request)
        return list(answer.values)

    def fault(self, robot: str, name: str, value: Any) -> None:
        (result,) = self.ros.set_parameters(f'/{robot}/xs_sdk', **{name: value})
        assert result.successful, result.reason

    def complaint(self) -> str:
        """What the node says of itself; 'ok'; empty: nothing yet."""
        found = [
            status
            for each in self.diagnostics
            for status in each.status
            if status.name == 'teleop'
        ]
        if not found:
            return ''
        return 'ok' if found[-1].level == DiagnosticStatus.OK else str(found[-1].message)


def moved(position: Vector, joint: int, by: float) -> Vector:
    result = position.copy()
    result[joint] += by
    return result


def test_from_where_they_lie_to_a_person_who_begins_leads_and_ends(ros: Any) -> None:
    # On a loaded machine a leader is soon stale, and then has to be near again to lead.
    w = Leaders(ros, stale_after_s=5.0)
    assert w.apart > 0.5  # at rest
    answer = w.become('ready')
    assert answer.accepted, answer.message
    assert w.apart < 0.12
    for robot in LEADERS:  # all but the gripper
        assert w.torque(robot) == [1] * 6 + [0]
    assert w.position[list(GRIPPERS)] == pytest.approx([0.5, 0.5], abs=0.1)

    # The person closes both grippers; the arms can't be moved by hand.
    closed = moved(w.position, 0, 0.3)
    closed[list(GRIPPERS)] = 0.0
    w.hold(closed)
    ros.wait(lambda: [event.text for event in w.events] == ['begin'], what='the gesture')
    assert w.apart < 0.12
    assert w.targets == []

    assert w.become('lead').accepted
    assert [w.torque(robot) for robot in LEADERS] == [[0] * 7, [0] * 7]
    w.hold(w.position.copy())
    w.run('teleop')
    ros.wait(lambda: w.targets, what='a target')
    away = moved(w.followers, 1, 0.5)
    w.hold(away)
    ros.wait(lambda: w.targets[-1].position[1] > away[1] - 0.02, what='a target that was led to')
    assert {target.source for target in w.targets} == {'teleop'}
    stamps = np.array([t.header.stamp.sec * 10**9 + t.header.stamp.nanosec for t in w.targets])
    assert np.median(np.diff(stamps)) == 20_000_000

    refused = w.become('follow')
    assert not refused.accepted
    assert 'while the arms follow them' in refused.message
    opened = away.copy()
    opened[list(GRIPPERS)] = 1.0
    w.hold(opened)
    ros.wait(lambda: w.events[-1].text == 'end', what='the gesture')
    w.run('')
    assert w.become('follow').accepted
    assert w.apart < 0.12
    assert w.process.terminate_and_wait() == 0


def test_leaders_follow_a_policy_and_a_handover_gives_them_to_the_person(ros: Any) -> None:
    w = Leaders(ros, stale_after_s=5.0)
    w.run('policy')
    ros.wait(lambda: w.apart < 0.1, what='leaders where the arms are')
    assert w.torque(LEADERS[0]) == [1] * 7
    assert w.targets == []
    w.hold(w.position.copy())
    # A handover: the run stays the same.
    w.state.source = 'teleop'
    ros.wait(lambda: w.targets, what='a target')
    first = np.array(w.targets[0].position)
    assert np.abs(first - w.followers)[ARMS].max() < 0.1
    ros.wait(lambda: w.torque(LEADERS[1]) == [0] * 7, what='leaders without torque')
    w.state.source = 'policy'
    ros.wait(lambda: w.torque(LEADERS[1]) == [1] * 7, what='leaders with torque')
    count = len(w.targets)
    ros.wait(lambda: w.apart < 0.1, what='leaders where the arms are')
    assert len(w.targets) <= count + 2


def test_leaders_that_lie_elsewhere_move_nothing_and_the_person_is_told(ros: Any) -> None:
    w = Leaders(ros, follow_policy=False)
    w.run('teleop')
    ros.wait(lambda: 'nearer to the followers' in w.complaint(), what='the complaint')
    assert w.targets == []
    w.hold(moved(w.followers, 3, 0.2))
    ros.wait(lambda: w.targets, what='a target')
    ros.wait(lambda: w.complaint() == 'ok', what='the end of the complaint')
    w.hold(moved(w.followers, 1, 2.9))
    ros.wait(
        lambda: w.complaint() == 'beyond the followers: left_shoulder', what='what is out of range'
    )


def test_a_leader_that_vanishes_is_named_and_one_in_error_is_not_used(ros: Any) -> None:
    w = Leaders(ros, service_timeout_s=1.0)
    w.fault('leader_right', 'vanished', True)
    ros.wait(lambda: '/leader_right/joint_states is stale' in w.complaint(), what='the name')
    answer = w.become('ready')
    assert not answer.accepted
    assert 'leader_right' in answer.message
    w.fault('leader_right', 'vanished', False)
    ros.wait(lambda: 'stale' not in w.complaint(), what='the leader')
    w.fault('leader_left', 'overload', 'elbow')
    ros.wait(
        lambda: 'leader_left: elbow reports overload' in w.complaint(), what='the motor in error'
    )
    answer = w.become('ready')
    assert not answer.accepted
    assert 'leader_left: elbow reports overload' in answer.message
    assert "expected one of ['follow', 'ready', 'lead']" in w.become('loose').message


def test_leaders_can_float_instead_of_being_limp(ros: Any) -> None:
    w = Leaders(ros, gravity_compensation=True)
    assert w.become('ready').accepted
    assert w.become('lead').accepted
    lifted = w.position.copy()
    w.run('teleop')
    ros.wait(lambda: len(w.targets) > 50, what='targets for a second')
    # Nobody holds them: without compensation they would have sunk by now.
    assert w.position[ARMS] == pytest.approx(lifted[ARMS], abs=0.05)
    w.run('')
    assert w.become('follow').accepted
    assert w.torque(LEADERS[0]) == [1] * 7
