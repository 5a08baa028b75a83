"""The motors of one arm through interbotix_xs_modules, with an end to every wait.

The package's own waits have none, poll on the ROS clock, and spin rclpy's global executor, which
two arms and a node can't share. It waits through the node that it is given, so that one of ours
decides: it spins itself, on whatever thread calls, and only while a call is under way.
"""

import time
from collections.abc import Callable
from threading import Event
from typing import Any, Final

from interbotix_common_modules.common_robot.robot import InterbotixRobotNode
from interbotix_xs_modules.xs_robot.core import InterbotixRobotXSCore
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future

from wam_core.errors import WamError
from wam_core.motors import MOTORS

_SLICE_S: Final = 0.1
_SERVICES: Final = (
    'set_operating_modes',
    'set_motor_pid_gains',
    'set_motor_registers',
    'get_motor_registers',
    'get_robot_info',
    'torque_enable',
    'reboot_motors',
)


class SilentError(WamError):
    """An arm does not answer."""


class MotorNode(InterbotixRobotNode):
    """The node that the package's core of one arm lives on.

    timeout_s: wall time for an answer. stopped: ends every wait. settings: where that time is set.
    """

    def __init__(self, robot: str, timeout_s: float, stopped: Event, settings: str) -> None:
        # Without the process's arguments: on the wall clock, and under its own name.
        super().__init__(
            node_name=f'arms_{robot}', use_global_arguments=False, start_parameter_services=False
        )
        self._robot = robot
        self._timeout_s = timeout_s
        self._stopped = stopped
        self._settings = settings
        self._spinner = SingleThreadedExecutor(context=self.context)
        self._spinner.add_node(self)

    def destroy_node(self) -> None:
        """Ends its executor too."""
        self._spinner.shutdown()
        super().destroy_node()

    def missing_services(self) -> list[str]:
        """Those of the arm's xs_sdk that nobody offers."""
        offered = {name for name, _ in self.get_service_names_and_types()}
        return [name for name in _SERVICES if f'/{self._robot}/{name}' not in offered]

    def create_subscription(
        self, msg_type: Any, topic: str, callback: Callable[[Any], None], *args: Any, **kwargs: Any
    ) -> Any:
        """Comes back with the first message: the core spins the global executor until it has one.

        Raises SilentError when there is none in time.
        """
        heard: list[Any] = []

        def hear(message: Any) -> None:
            callback(message)
            heard.append(message)

        subscription = super().create_subscription(msg_type, topic, hear, *args, **kwargs)
        self._spin_until(lambda: bool(heard), f'no message on {topic}')
        # Once is enough: 100 messages a second would only cost time.
        self.destroy_subscription(subscription)
        return subscription

    def wait_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Waits for an answer. Raises SilentError when there is none within the time of the node.

        timeout_sec: another limit, after which it only returns, as in the package.
        """
        try:
            self._spin_until(future.done, 'no answer', timeout_sec)
        except SilentError:
            for client in self.clients:
                client.remove_pending_request(future)
            if timeout_sec is None or timeout_sec < 0:
                raise

    def _spin_until(
        self, done: Callable[[], bool], what: str, timeout_s: float | None = None
    ) -> None:
        limit_s = self._timeout_s if timeout_s is None or timeout_s < 0 else timeout_s
        deadline = time.monotonic() + limit_s
        while not done():
            if self._stopped.is_set() or not self.context.ok():
                raise SilentError(f'{self._robot}: the node ends')
            if time.monotonic() > deadline:
                raise SilentError(
                    f'{self._robot}: {what} within {limit_s:g} s '
                    f'(service_timeout_s of {self._settings}). Is the arm powered and plugged in, '
                    'and does its xs_sdk run?'
                )
            self._spinner.spin_once(timeout_sec=_SLICE_S)


class Motors:
    """What the stack does with the motors of one arm. Every method may raise SilentError.

    motor: a name of MOTORS; empty: all of them, in that order.
    """

    def __init__(
        self, robot: str, core: InterbotixRobotXSCore, timeout_s: float, stopped: Event
    ) -> None:
        self.robot = robot
        self._core = core
        self._timeout_s = timeout_s
        self._stopped = stopped

    def try_read(self, register: str, motor: str = '') -> tuple[int, ...]:
        """The register's values; of an arm with a rebooting motor fewer than motors, or none."""
        found = self._call('get_reg').robot_get_motor_registers(*_target(motor), register)
        return tuple(int(value) for value in found or ())

    def read(self, register: str, motor: str = '') -> tuple[int, ...]:
        """The register's values, one per motor. Raises WamError when there are fewer."""
        values = self.try_read(register, motor)
        count = 1 if motor else len(MOTORS)
        if len(values) != count:
            raise WamError(
                f'{self.robot}: {len(values)} values of {register} instead of {count}: '
                'does a motor reboot, or not answer? Look at the log of its xs_sdk'
            )
        return values

    def write(self, register: str, value: int, cmd_type: str, name: str) -> None:
        """Writes a register of a group or one motor; whether that worked only a read can tell."""
        self._call('set_reg').robot_set_motor_registers(cmd_type, name, register, value)

    def mode(self, cmd_type: str, name: str) -> str:
        """The operating mode of a group or a single motor."""
        return str(self._call('get_info').robot_get_robot_info(cmd_type, name).mode)

    def range(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Lower and upper limits of the arm's joints, rad, as its driver has them."""
        info = self._call('get_info').robot_get_robot_info('group', 'arm')
        return tuple(info.joint_lower_limits), tuple(info.joint_upper_limits)

    def set_mode(self, cmd_type: str, name: str, mode: str) -> None:
        """Sets a mode without a profile; the motors are without torque for a moment."""
        core = self._call('set_op_modes')
        core.robot_set_operating_modes(cmd_type, name, mode, 'velocity', 0, 0)

    def torque(self, on: bool, motor: str = '') -> None:
        """Torque on or off."""
        self._call('torque').robot_torque_enable(*_target(motor), on)

    def reboot(self, motor: str) -> None:
        """Reboots one motor and waits until it answers again, with its torque on."""
        self._call('reboot').robot_reboot_motors('single', motor, True)
        deadline = time.monotonic() + self._timeout_s
        while len(self.try_read('Torque_Enable', motor)) != 1:
            if time.monotonic() > deadline or self._stopped.wait(_SLICE_S):
                raise SilentError(f'{self.robot}: {motor} does not come back from its reboot')

    def _call(self, client: str) -> InterbotixRobotXSCore:
        """The core, when somebody offers the service of that client (``srv_<client>``)."""
        if not getattr(self._core, f'srv_{client}').service_is_ready():
            raise SilentError(f'{self.robot}: no xs_sdk offers its services any more')
        return self._core


def _target(motor: str) -> tuple[str, str]:
    return ('single', motor) if motor else ('group', 'all')
