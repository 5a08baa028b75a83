"""How old a node's input streams are, for whoever acts on them."""

from collections.abc import Callable, Mapping
from typing import Final

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from wam_msgs.msg import StreamStatus

from wam_nodes.conversions import time_message
from wam_nodes.qos import EVERY

_PERIOD_S: Final = 0.1


class StreamStatusPublisher:
    """Publishes the newest stamps of a node's streams on /stream_status, ten times per second.

    kind: 'camera' or 'arm'. newest: name -> ns on the ROS clock; None: nothing has come yet.
    """

    def __init__(
        self, node: Node, kind: str, newest: Callable[[], Mapping[str, int | None]]
    ) -> None:
        self._node = node
        self._kind = kind
        self._newest = newest
        self._publisher = node.create_publisher(StreamStatus, '/stream_status', EVERY)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_PERIOD_S, self._publish, clock=steady)

    def _publish(self) -> None:
        newest = self._newest()
        message = StreamStatus(kind=self._kind, names=list(newest))
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.newest = [time_message(max(stamp_ns or 0, 0)) for stamp_ns in newest.values()]
        self._publisher.publish(message)
