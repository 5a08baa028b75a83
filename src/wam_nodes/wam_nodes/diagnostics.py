"""What a node says about itself on /diagnostics: once per second, and at once when it must."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from wam_nodes.qos import EVERY


@dataclass(frozen=True)
class Report:
    """errors: what stops the node's work right now; faults: what is wrong but doesn't stop it.

    Both empty: all well. values: numbers for people.
    """

    faults: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)


class Diagnostics:
    """Publishes what ``collect`` reports; also while the ROS clock stands still."""

    def __init__(self, node: Node, collect: Callable[[], Report]) -> None:
        self._node = node
        self._collect = collect
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', EVERY)
        node.create_timer(1.0, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publishes a report now, between the regular ones."""
        report = self._collect()
        level = DiagnosticStatus.WARN if report.faults else DiagnosticStatus.OK
        status = DiagnosticStatus(
            level=DiagnosticStatus.ERROR if report.errors else level,
            name=self._node.get_name(),
            message='; '.join([*report.errors, *report.faults]) or 'ok',
            values=[KeyValue(key=key, value=str(value)) for key, value in report.values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
