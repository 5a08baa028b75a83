"""Stand-in for message_filters: the filter base class and the subscription that feeds filters.

The names, arguments and order of callbacks are those of message_filters 4 (Humble, Jazzy).
"""

from collections.abc import Callable
from typing import Any

STAND_IN = True  # the real package has no such name: benchmarks and `wam doctor` look for it

__all__ = ['SimpleFilter', 'Subscriber']


class SimpleFilter:
    """Something with output that callbacks can be registered for."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., None], *args: Any) -> int:  # noqa: N802
        """Calls ``cb(*output, *args)`` for each output from now on; returns the connection."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:  # noqa: N802
        """Hands an output to every callback, in the order in which they were registered."""
        for callback, arguments in self.callbacks.values():
            callback(*msg, *arguments)


class Subscriber(SimpleFilter):
    """A subscription as a filter: ``Subscriber(node, msg_type, topic, **create_subscription)``.

    Further arguments go to ``Node.create_subscription``; ``qos_profile`` is 10 by default.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node, message_type, self.topic, *rest = args
        kwargs.setdefault('qos_profile', 10)
        self.sub = self.node.create_subscription(
            message_type, self.topic, *rest, self.callback, **kwargs
        )

    def callback(self, msg: Any) -> None:
        """Passes a message on."""
        self.signalMessage(msg)

    def getTopic(self) -> str:  # noqa: N802
        """The topic as it was given."""
        return str(self.topic)

    def __getattr__(self, key: str) -> Any:
        # Reached only for names that this object lacks. Without this check a failed construction
        # would look for `sub` in `sub`.
        if key == 'sub':
            raise AttributeError(key)
        return getattr(self.sub, key)
