"""Asks the motors of all followers how they are, a little at a time."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import cycle, product
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from wam_msgs.msg import MotorHealth

from wam_core.errors import WamError
from wam_core.motor_status import HEALTH_REGISTERS, ArmHealth, HealthCycle, error_text
from wam_core.motors import MOTORS
from wam_nodes.arm_connection import ArmConnection
from wam_nodes.motor_node import Motors
from wam_nodes.qos import EVERY


class HealthPolls:
    """Publishes /motor_health, one message per arm and period.

    rate_hz: of each arm, on the ROS clock. The reads of all arms are spread evenly over the
    period: on the bus each one stands between two cycles of the driver.
    """

    def __init__(self, node: Node, arms: Sequence[ArmConnection], rate_hz: float) -> None:
        self._node = node
        self._arms = arms
        self._cycles = {arm.robot: HealthCycle() for arm in arms}
        self._newest: dict[str, ArmHealth] = {}
        self._counts: Counter[str] = Counter()
        self._turns = cycle(product(HEALTH_REGISTERS, arms))
        self._publisher = node.create_publisher(MotorHealth, '/motor_health', EVERY)
        node.create_timer(
            1.0 / (rate_hz * len(HEALTH_REGISTERS) * len(arms)),
            self._poll,
            # While one arm is silent, the polls of the other go on.
            callback_group=ReentrantCallbackGroup(),
        )

    @property
    def faults(self) -> tuple[str, ...]:
        """Motors in error, by arm and name."""
        return tuple(
            f'{robot}: {motor} reports {error_text(status)}'
            for robot, health in self._newest.items()
            for motor, status in zip(MOTORS, health.error_status, strict=True)
            if status
        )

    @property
    def values(self) -> dict[str, Any]:
        """Counts and the worst of each arm, for people."""
        found: dict[str, Any] = {}
        for arm in self._arms:
            found[f'{arm.robot} health messages'] = self._counts[arm.robot]
            found[f'{arm.robot} short answers'] = self._cycles[arm.robot].short
            found[f'{arm.robot} silences'] = arm.silences
        for robot, health in self._newest.items():
            found[f'{robot} hottest motor [C]'] = max(health.temperature)
            found[f'{robot} lowest voltage [V]'] = min(health.voltage)
        return found

    async def _poll(self) -> None:
        register, arm = next(self._turns)
        rounds = self._cycles[arm.robot]
        if not arm.idle:
            rounds.restart()
            return
        try:
            values = await arm.run(partial(_read, register))
        except WamError as error:
            self._counts['failed'] += 1
            self._node.get_logger().warning(str(error), throttle_duration_sec=10.0)
            rounds.restart()
            return
        health = rounds.add(register, values)
        if health is not None:
            self._take(arm.robot, health)

    def _take(self, robot: str, health: ArmHealth) -> None:
        before = self.faults
        self._newest[robot] = health
        self._counts[robot] += 1
        self._publisher.publish(self._message(robot, health))
        for fault in self.faults:
            if fault not in before:
                self._node.get_logger().error(fault)

    def _message(self, robot: str, health: ArmHealth) -> MotorHealth:
        message = MotorHealth(
            robot=robot,
            motors=list(MOTORS),
            error_status=list(health.error_status),
            temperature=list(health.temperature),
            voltage=list(health.voltage),
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        return message


def _read(register: str, motors: Motors) -> tuple[int, ...]:
    return motors.try_read(register)
