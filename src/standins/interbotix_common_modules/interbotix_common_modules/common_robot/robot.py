"""One node for all robots of a process, and who spins it.

The names, arguments and behaviour are those of interbotix_common_modules of Humble and Jazzy:
until ``robot_startup`` whoever waits for an answer spins the node, after it a thread does.
"""

from threading import Thread
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

from interbotix_common_modules.common_robot.exceptions import InterbotixException

NAME = 'interbotix_robot_manipulation'


class _Interface:
    """What is global in a process."""

    node: 'InterbotixRobotNode | None' = None
    thread: Thread | None = None


class InterbotixRobotNode(Node):
    """A node with which one can wait for an answer."""

    def __init__(
        self, node_name: str = NAME, namespace: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        self.node_name = node_name
        self.namespace = namespace
        super().__init__(node_name, *args, namespace=namespace, **kwargs)

    def wait_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Blocks until the future is done, or for timeout_sec; None or negative: for ever.

        After ``robot_startup`` it looks 20 times per second of the ROS clock.
        """
        if not interbotix_is_up():
            rclpy.spin_until_future_complete(self, future, timeout_sec=timeout_sec)
            return
        rate = self.create_rate(20.0)
        start = self.get_clock().now()
        bounded = timeout_sec is not None and timeout_sec >= 0
        limit = Duration(seconds=timeout_sec) if bounded else None
        while not future.done():
            if limit is not None and self.get_clock().now() - start >= limit:
                return
            rate.sleep()


def robot_startup(
    node: InterbotixRobotNode | None = None, node_name: str = NAME, namespace: str | None = None
) -> None:
    """Spins the node, by default the global one, on a thread of its own from now on."""
    if interbotix_is_up():
        raise InterbotixException('robot_startup was called twice')
    if node is None:
        node = _Interface.node or create_interbotix_global_node(node_name, namespace)
    executor = MultiThreadedExecutor()
    executor.add_node(node)
    _Interface.thread = Thread(target=executor.spin, daemon=True)
    _Interface.thread.start()


def robot_shutdown(node: InterbotixRobotNode | None = None) -> None:
    """Destroys the node, by default the global one, and ends rclpy and the thread."""
    (node or get_interbotix_global_node()).destroy_node()
    rclpy.shutdown()
    if _Interface.thread is not None:
        _Interface.thread.join()
        _Interface.thread = None


def create_interbotix_global_node(
    node_name: str = NAME, namespace: str | None = None, *args: Any, **kwargs: Any
) -> InterbotixRobotNode:
    """Makes the process's one node, and initialises rclpy where nobody has."""
    if _Interface.node is not None:
        raise InterbotixException('there is a global node already')
    if not rclpy.ok():
        rclpy.init(*args, **kwargs)
    _Interface.node = InterbotixRobotNode(node_name, namespace, *args, **kwargs)
    return _Interface.node


def get_interbotix_global_node() -> InterbotixRobotNode:
    """The process's one node. NameError before there is one, as in the real package."""
    if _Interface.node is None:
        raise NameError('there is no global node')
    return _Interface.node


def interbotix_is_up() -> bool:
    """Whether ``robot_startup`` was called."""
    return _Interface.thread is not None
