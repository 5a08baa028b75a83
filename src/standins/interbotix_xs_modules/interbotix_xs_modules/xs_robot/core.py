"""The services of one xs_sdk node as methods.

The names, arguments and behaviour are those of interbotix_xs_modules of Humble and Jazzy: every
call waits for its answer, however long that takes, and no answer says whether it worked.
"""

from typing import Any

import rclpy
from interbotix_common_modules.common_robot.robot import (
    InterbotixRobotNode,
    create_interbotix_global_node,
)
from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.logging import LoggingSeverity, set_logger_level
from sensor_msgs.msg import JointState


class InterbotixRobotXSCore:
    """One robot. The constructor waits for its xs_sdk and for a first joint state."""

    def __init__(
        self,
        robot_model: str,
        robot_name: str | None = None,
        topic_joint_states: str = 'joint_states',
        logging_level: LoggingSeverity = LoggingSeverity.INFO,
        node_name: str = 'interbotix_robot_manipulation',
        node: InterbotixRobotNode | None = None,
        args: Any = None,
    ) -> None:
        self.robot_model = robot_model
        self.robot_name = robot_model if robot_name is None else robot_name
        self.node_name = node_name
        self.ns = f'/{self.robot_name}' if self.robot_name else ''
        self.robot_node = create_interbotix_global_node() if node is None else node
        set_logger_level(node_name, logging_level)
        self.topic_joint_states = topic_joint_states
        self.joint_states: JointState | None = None
        self._group = ReentrantCallbackGroup()
        self.srv_set_op_modes = self._client(OperatingModes, 'set_operating_modes')
        self.srv_set_pids = self._client(MotorGains, 'set_motor_pid_gains')
        self.srv_set_reg = self._client(RegisterValues, 'set_motor_registers')
        self.srv_get_reg = self._client(RegisterValues, 'get_motor_registers')
        self.srv_get_info = self._client(RobotInfo, 'get_robot_info')
        self.srv_torque = self._client(TorqueEnable, 'torque_enable')
        self.srv_reboot = self._client(Reboot, 'reboot_motors')
        self._wait_for_xs_sdk()
        self.sub_joint_states = self.robot_node.create_subscription(
            msg_type=JointState,
            topic=f'{self.ns}/{topic_joint_states}',
            callback=self._keep,
            qos_profile=10,
            callback_group=self._group,
        )
        while self.joint_states is None and rclpy.ok():
            rclpy.spin_once(self.robot_node)
        self.js_index_map = {name: index for index, name in enumerate(self._newest().name)}

    def get_node(self) -> InterbotixRobotNode:
        """The node that all this lives on."""
        return self.robot_node

    def robot_set_operating_modes(
        self,
        cmd_type: str,
        name: str,
        mode: str,
        profile_type: str = 'velocity',
        profile_velocity: int = 0,
        profile_acceleration: int = 0,
    ) -> None:
        """Mode and profile of a group or single motor; xs_sdk drops its torque for it.

        profile_type: time (ms) or velocity (0.229 rpm, 214.577 rev/min^2); 0: no profile.
        """
        request = OperatingModes.Request(
            cmd_type=cmd_type,
            name=name,
            mode=mode,
            profile_type=profile_type,
            profile_velocity=profile_velocity,
            profile_acceleration=profile_acceleration,
        )
        self._call(self.srv_set_op_modes, request)

    def robot_set_motor_registers(self, cmd_type: str, name: str, reg: str, value: int) -> None:
        """Writes the value to the register of a single motor, or of each one of a group."""
        request = RegisterValues.Request(cmd_type=cmd_type, name=name, reg=reg, value=value)
        self._call(self.srv_set_reg, request)

    def robot_get_motor_registers(self, cmd_type: str, name: str, reg: str) -> list[int]:
        """The register's values, one per motor that answered."""
        request = RegisterValues.Request(cmd_type=cmd_type, name=name, reg=reg)
        values: list[int] = self._call(self.srv_get_reg, request).values
        return values

    def robot_get_robot_info(self, cmd_type: str, name: str) -> RobotInfo.Response:
        """Joints, limits, mode and type of profile of a group or single motor."""
        return self._call(self.srv_get_info, RobotInfo.Request(cmd_type=cmd_type, name=name))

    def robot_torque_enable(self, cmd_type: str, name: str, enable: bool) -> None:
        """Torque of a group or single motor."""
        request = TorqueEnable.Request(cmd_type=cmd_type, name=name, enable=enable)
        self._call(self.srv_torque, request)

    def robot_reboot_motors(
        self, cmd_type: str, name: str, enable: bool, smart_reboot: bool = False
    ) -> None:
        """Reboots a group or single motor; smart_reboot: of a group, those in error.

        enable: torque after it.
        """
        request = Reboot.Request(
            cmd_type=cmd_type, name=name, enable=enable, smart_reboot=smart_reboot
        )
        self._call(self.srv_reboot, request)

    def robot_get_joint_states(self) -> JointState:
        """The newest joint states."""
        return self._newest()

    def _client(self, kind: Any, name: str) -> Any:
        path = f'{self.ns}/{name}'
        return self.robot_node.create_client(kind, path, callback_group=self._group)

    def _wait_for_xs_sdk(self) -> None:
        while not self.srv_set_op_modes.wait_for_service(timeout_sec=5.0) and rclpy.ok():
            self.robot_node.get_logger().error(f'no xs_sdk in namespace {self.ns!r}')
        for client in (
            self.srv_set_pids,
            self.srv_set_reg,
            self.srv_get_reg,
            self.srv_get_info,
            self.srv_torque,
            self.srv_reboot,
        ):
            client.wait_for_service()

    def _call(self, client: Any, request: Any) -> Any:
        future = client.call_async(request)
        self.get_node().wait_until_future_complete(future)
        return future.result()

    def _keep(self, message: JointState) -> None:
        self.joint_states = message

    def _newest(self) -> JointState:
        if self.joint_states is None:
            raise AttributeError(f'no joint states of {self.ns}')  # rclpy ended
        return self.joint_states
