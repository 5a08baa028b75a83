"""The simulated rig, the node that opens its arms, and an executor."""

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from interbotix_xs_msgs.srv import RegisterValues, RobotInfo
from std_srvs.srv import Trigger
from wam_msgs.msg import ExecutorState, MotorHealth
from wam_msgs.srv import GoToPose

from wam_bringup.config import config_directory

FOLLOWERS = ('follower_left', 'follower_right')


class FakeExecutor:
    """Takes the arms to poses by saying so. poses: what it was asked for."""

    def __init__(self, ros: Any) -> None:
        self.poses: list[str] = []
        self.state = ExecutorState(state=ExecutorState.IDLE)
        self.refusal = ''
        self.arriving = True
        self._ticks = 0
        self._publisher = ros.node.create_publisher(ExecutorState, '/executor_state', 10)
        ros.node.create_service(GoToPose, '/executor/go_to_pose', self._go_to_pose)
        ros.node.create_timer(0.04, self._tick)

    def _go_to_pose(self, request: Any, response: Any) -> Any:
        response.message = self.refusal
        response.accepted = not self.refusal
        if response.accepted:
            self.poses.append(request.pose)
            self.state.state, self.state.source = ExecutorState.RUNNING, 'homing'
            self.state.pose = ''
            self.state.generation += 1
            self._ticks = 5
        response.generation = self.state.generation
        response.duration_s = 0.2
        return response

    def _tick(self) -> None:
        self._ticks -= 1
        if self._ticks == 0 and self.arriving:
            self.state.state = ExecutorState.IDLE
            self.state.pose = self.poses[-1]
        self._publisher.publish(self.state)


class Rig:
    """The simulated rig, the node, and an executor."""

    def __init__(self, ros: Any, modes: str = 'aloha', **parameters: Any) -> None:
        self.ros = ros
        start_sim(ros, modes)
        self.arms = start_arms(ros, **parameters)
        self.executor = FakeExecutor(ros)
        self.health = ros.collect(MotorHealth, '/motor_health')
        self.diagnostics = ros.collect(DiagnosticArray, '/diagnostics')

    def wait_until_found(self) -> None:
        self.ros.wait(lambda: {each.robot for each in self.health} == {*FOLLOWERS})

    def call(self, name: str) -> Any:
        return self.ros.call(Trigger, f'/arms/{name}', Trigger.Request())

    def fault(self, robot: str, name: str, value: Any) -> None:
        (result,) = self.ros.set_parameters(f'/{robot}/xs_sdk', **{name: value})
        assert result.successful, result.reason

    def register(self, robot: str, name: str) -> list[int]:
        request = RegisterValues.Request(cmd_type='group', name='all', reg=name)
        answer = self.ros.call(RegisterValues, f'/{robot}/get_motor_registers', request)
        return list(answer.values)

    def mode(self, robot: str, cmd_type: str, name: str) -> str:
        request = RobotInfo.Request(cmd_type=cmd_type, name=name)
        return str(self.ros.call(RobotInfo, f'/{robot}/get_robot_info', request).mode)

    def complaint(self) -> str:
        """The node's newest errors and faults."""
        found = [
            status for each in self.diagnostics for status in each.status if status.name == 'arms'
        ]
        if not found or found[-1].level == DiagnosticStatus.OK:
            return ''
        return str(found[-1].message)


def start_sim(ros: Any, modes: str = 'aloha') -> Any:
    words = ['sim:cameras:=[cam_high]', 'sim:leaders:=false', f'sim:modes:={modes}']
    arguments = [word for each in words for word in ('-p', each)]
    return ros.start(
        'wam_sim', 'sim', params_file=config_directory() / 'sim.yaml', arguments=arguments
    )


def start_arms(ros: Any, **parameters: Any) -> Any:
    return ros.start(
        'wam_nodes',
        'arms',
        {'use_sim_time': True, **parameters},
        params_file=config_directory() / 'arms.yaml',
    )
