"""Subscriptions whose messages nobody waits for: their owner takes what has come when it wants to.

rclpy's executor builds a set of all that it waits for, anew for every message: at hundreds of
messages per second that takes longer than the messages, and it happens when they come.
"""

from collections.abc import Iterator
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile


class Unattended:
    """A subscription. raw: to the serialized bytes. What does not fit into the middleware's queue,
    the depth of its qos, replaces what is oldest there."""

    def __init__(
        self, node: Node, kind: type[Any], topic: str, qos: QoSProfile, raw: bool = False
    ) -> None:
        self._kind, self._raw, self._depth = kind, raw, qos.depth
        group = _Nobody()
        self._subscription = node.create_subscription(
            kind, topic, _unused, qos, callback_group=group, raw=raw
        )

    def take(self) -> Iterator[tuple[Any, Any]]:
        """What has come, oldest first, and what the middleware says of each: at most a queue of
        it, so that a flood has an end. Not to be used by two threads at once."""
        with self._subscription.handle:
            take = self._subscription.handle.take_message
            for _ in range(self._depth):
                found = take(self._kind, self._raw)
                if found is None:
                    return
                yield found


class _Nobody(CallbackGroup):
    """Keeps rclpy's executor from them."""

    def can_execute(self, entity: Any) -> bool:
        """Never by it."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Never by it."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing began."""


def _unused(_: Any) -> None:
    """Nobody calls it."""
