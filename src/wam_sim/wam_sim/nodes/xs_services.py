"""The services of one simulated arm, as interbotix_xs_sdk offers them under /<name>.

They are coroutines: a reboot answers when the motors are back, and an arm off the bus not at all
until it returns, while the rig's one thread goes on.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import SetBool

from wam_sim import leader
from wam_sim.arm import SimArm
from wam_sim.nodes.clients import reachable
from wam_sim.registers import GAIN_REGISTERS

Callback = Callable[[Any, Any], Awaitable[Any]]

_REACHABLE_TICKS: Final = 300.0  # 3 s of simulated time; then it is answered anyway


class XsServices:
    """Offers the services on a node."""

    def __init__(self, node: Node, arm: SimArm) -> None:
        self._node, self._arm = node, arm
        self._tick = Future()
        services = {
            'torque_enable': (TorqueEnable, self._torque_enable),
            'reboot_motors': (Reboot, self._reboot_motors),
            'get_robot_info': (RobotInfo, self._get_robot_info),
            'set_operating_modes': (OperatingModes, self._set_operating_modes),
            'set_motor_pid_gains': (MotorGains, self._set_motor_pid_gains),
            'set_motor_registers': (RegisterValues, self._set_motor_registers),
            'get_motor_registers': (RegisterValues, self._get_motor_registers),
        }
        if leader.joints_of(arm):
            services['gravity_compensation_enable'] = (SetBool, self._gravity_compensation)
        # In rclpy's default group one that waits would stop all other callbacks of the node.
        group = ReentrantCallbackGroup()
        for name, (kind, callback) in services.items():
            path = f'/{arm.name}/{name}'
            node.create_service(kind, path, self._answering(path, callback), callback_group=group)

    def tick(self) -> None:
        """Called every 10 ms of simulated time: those that wait look again."""
        self._tick.set_result(None)
        self._tick = Future()

    async def _torque_enable(self, request: Any, response: Any) -> Any:
        self._arm.torque_enable(request.cmd_type, request.name, request.enable)
        return response

    async def _reboot_motors(self, request: Any, response: Any) -> Any:
        rebooted = self._arm.reboot(
            request.cmd_type, request.name, request.enable, request.smart_reboot
        )
        names = [motor.spec.name for motor in rebooted]
        # By name: a reset of the scene replaces the motors.
        await self._until(lambda: all(self._arm.motor(name).answering for name in names))
        return response

    async def _get_robot_info(self, request: Any, response: Any) -> Any:
        info = self._arm.info(request.cmd_type, request.name)
        if info is None:
            return response
        response.mode = info.mode
        response.profile_type = info.profile_type
        response.joint_names = list(info.joint_names)
        response.joint_ids = list(info.joint_ids)
        response.joint_lower_limits = list(info.lower)
        response.joint_upper_limits = list(info.upper)
        response.joint_velocity_limits = list(info.velocity)
        response.joint_sleep_positions = list(info.sleep)
        response.joint_state_indices = list(info.indices)
        response.num_joints = len(info.joint_names)
        response.name = list(info.names)
        return response

    async def _set_operating_modes(self, request: Any, response: Any) -> Any:
        self._arm.set_operating_modes(
            request.cmd_type,
            request.name,
            request.mode,
            request.profile_type,
            request.profile_velocity,
            request.profile_acceleration,
        )
        return response

    async def _set_motor_pid_gains(self, request: Any, response: Any) -> Any:
        gains = {field: getattr(request, field) for field in GAIN_REGISTERS}
        self._arm.set_gains(request.cmd_type, request.name, gains)
        return response

    async def _set_motor_registers(self, request: Any, response: Any) -> Any:
        self._arm.set_register(request.cmd_type, request.name, request.reg, request.value)
        return response

    async def _get_motor_registers(self, request: Any, response: Any) -> Any:
        response.values = self._arm.get_register(request.cmd_type, request.name, request.reg)
        return response

    async def _gravity_compensation(self, request: Any, response: Any) -> Any:
        leader.compensate_gravity(self._arm, request.data)
        response.success = True
        response.message = f'gravity compensation {"on" if request.data else "off"}'
        return response

    def _answering(self, path: str, callback: Callback) -> Callback:
        """The callback, called when its answer will arrive and the arm is on the bus."""

        async def answer(request: Any, response: Any) -> Any:
            await self._until(lambda: reachable(self._node, path), _REACHABLE_TICKS)
            await self._until(lambda: not self._arm.faults.vanished)
            return await callback(request, response)

        return answer

    async def _until(self, condition: Callable[[], bool], ticks: float = math.inf) -> None:
        while not condition() and ticks > 0:
            ticks -= 1
            await self._tick
