"""Asks the motors of several arms how they are, a little at a time."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from typing import Any, Final

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from wam_msgs.msg import MotorHealth

from wam_core.errors import WamError
from wam_core.motor_status import HEALTH_REGISTERS, ArmHealth, HealthCycle, error_text
from wam_core.motors import MOTORS
from wam_nodes.arm_connection import ArmConnection
from wam_nodes.motor_node import Motors
from wam_nodes.qos import EVERY

# Without health, of an arm that has no fault: periods, and seconds at least.
_OVERDUE: Final = 4
_OVERDUE_S: Final = 4.0


class _Rounds:
    """Where the polls of one arm are. heard_ns: of its last health, or of its last fault."""

    def __init__(self, now_ns: int) -> None:
        self.registers = cycle(HEALTH_REGISTERS)
        self.values = HealthCycle()
        self.jobs = 0
        self.heard_ns = now_ns

    def age_ns(self, now_ns: int) -> int:
        """Since ``heard_ns``; a ROS clock that starts, or is set back, starts it again."""
        self.heard_ns = min(self.heard_ns or now_ns, now_ns)
        return now_ns - self.heard_ns


class HealthPolls:
    """Publishes /motor_health, one message per arm and period; less often for a slow arm.

    rate_hz: of each arm, on the ROS clock. The reads of all arms are spread evenly over the
    period: on the bus each one stands between two cycles of the driver. settings: where rate_hz
    is set, for error messages.
    """

    def __init__(
        self,
        node: Node,
        arms: Sequence[ArmConnection],
        rate_hz: float,
        settings: str = 'config/arms.yaml',
    ) -> None:
        self._node = node
        self._settings = settings
        self._arms = arms
        self._rounds = {arm.robot: _Rounds(self._now_ns()) for arm in arms}
        self._newest: dict[str, ArmHealth] = {}
        self._counts: Counter[str] = Counter()
        self._turns = cycle(arms)
        self._period_s = 1.0 / rate_hz
        self._publisher = node.create_publisher(MotorHealth, '/motor_health', EVERY)
        node.create_timer(
            self._period_s / (len(HEALTH_REGISTERS) * len(arms)),
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
    def overdue(self) -> tuple[str, ...]:
        """Arms without a fault of which no health comes, and what their threads are at instead."""
        limit_s = max(_OVERDUE * self._period_s, _OVERDUE_S)
        found = []
        for arm in self._arms:
            rounds = self._rounds[arm.robot]
            age_s = rounds.age_ns(self._now_ns()) * 1e-9
            if age_s > limit_s and not arm.fault:
                found.append(
                    f'{arm.robot}: no health for {age_s:.1f} s, allowed {limit_s:g} '
                    f'(health_rate_hz of {self._settings}); under way: {arm.activity}; '
                    f'answers that lacked motors: {rounds.values.short}'
                )
        return tuple(found)

    @property
    def values(self) -> dict[str, Any]:
        """Counts and the worst of each arm, for people."""
        found: dict[str, Any] = {}
        for arm in self._arms:
            found[f'{arm.robot} health messages'] = self._counts[arm.robot]
            found[f'{arm.robot} short answers'] = self._rounds[arm.robot].values.short
            found[f'{arm.robot} silences'] = arm.silences
        for robot, health in self._newest.items():
            found[f'{robot} hottest motor [C]'] = max(health.temperature)
            found[f'{robot} lowest voltage [V]'] = min(health.voltage)
        return found

    async def _poll(self) -> None:
        arm = next(self._turns)
        rounds = self._rounds[arm.robot]
        if arm.fault:
            rounds.heard_ns = self._now_ns()
        if not arm.idle:
            # The same register is asked at the next turn: an arm whose answers take longer than
            # the time between two of them has health too.
            return
        if arm.jobs != rounds.jobs:
            # An opening came in between, so that what was read before may no longer be so.
            rounds.values.restart()
        rounds.jobs = arm.jobs + 1
        register = next(rounds.registers)
        try:
            values = await arm.run(partial(_read, register), f'reading {register}')
        except WamError as error:
            self._counts['failed'] += 1
            self._node.get_logger().warning(str(error), throttle_duration_sec=10.0)
            rounds.values.restart()
            return
        health = rounds.values.add(register, values)
        if health is not None:
            self._take(arm.robot, health)

    def _take(self, robot: str, health: ArmHealth) -> None:
        before = self.faults
        self._newest[robot] = health
        self._rounds[robot].heard_ns = self._now_ns()
        self._counts[robot] += 1
        self._publisher.publish(self._message(robot, health))
        for fault in self.faults:
            if fault not in before:
                self._node.get_logger().error(fault)

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

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
