"""There is one simulated rig in a ROS domain: two would both own /clock and the arms."""

import time
from typing import Final

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from wam_core.errors import WamError

_NAME: Final = ('sim', '/')
_SETTLE_S: Final = 1.0  # discovery on one machine takes 0.1 to 0.5 s, unless it is busy
_WATCH_S: Final = 15.0
_LEASE_S: Final = 30.0  # a killed participant stays in the graph for its lease of 20 s
_QOS: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def require_alone() -> None:
    """Waits until there is no node /sim, and listens whether anybody has the time.

    To be called before there is a node /sim of this process. Raises WamError when somebody is
    heard on /clock, or a node /sim stays in the graph in silence: that of a killed one vanishes.
    """
    probe = rclpy.create_node('sim_probe', use_global_arguments=False)
    heard: list[Clock] = []
    probe.create_subscription(Clock, '/clock', heard.append, _QOS)
    start = time.monotonic()
    try:
        while (waited := time.monotonic() - start) < _SETTLE_S or _rigs(probe):
            if heard or waited > _LEASE_S:
                raise _error(probe, 'somebody publishes /clock' if heard else 'a silent node /sim')
            rclpy.spin_once(probe, timeout_sec=0.05)
    finally:
        probe.destroy_node()


class Watch:
    """Listens for a rig that was discovered late; of two the younger one gives way."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._end = time.monotonic() + _WATCH_S
        self._newest_ns = 0
        self._subscription = node.create_subscription(Clock, '/clock', self._on_clock, _QOS)

    def check(self, now_ns: int) -> None:
        """Raises WamError when somebody's /clock is ahead of ours, ``now_ns``."""
        if self._subscription is None:
            return
        if self._newest_ns > now_ns:
            raise _error(self._node, 'somebody publishes /clock')
        if time.monotonic() > self._end:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _on_clock(self, message: Clock) -> None:
        time_ns = message.clock.sec * 1_000_000_000 + message.clock.nanosec
        self._newest_ns = max(self._newest_ns, time_ns)


def _rigs(node: Node) -> int:
    return [tuple(each[:2]) for each in node.get_node_names_and_namespaces()].count(_NAME)


def _error(node: Node, found: str) -> WamError:
    return WamError(
        f'ROS domain {node.context.get_domain_id()} has a time source already: {found}. There may '
        'be only one simulated rig: stop the other one, or set another ROS_DOMAIN_ID'
    )
