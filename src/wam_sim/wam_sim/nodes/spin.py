"""Serves the nodes of the rig and steps it, in one thread: nothing sees half a step."""

from collections.abc import Callable, Sequence
from typing import Final

from rclpy.executors import SingleThreadedExecutor, TimeoutException
from rclpy.node import Node

from wam_sim.nodes.pace import Pace

# Callbacks between two steps at most: a flood of messages must not stop the time.
_CALLBACKS: Final = 100


def spin(
    nodes: Sequence[Node], step: Callable[[], None], pace: Pace, stopped: Callable[[], bool]
) -> None:
    """Runs callbacks as they come, and ``step`` whenever ``pace`` says so, until ``stopped``."""
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    while not stopped():
        _serve(executor, pace)
        if pace.left_s() == 0.0:
            step()
    executor.shutdown()


def _serve(executor: SingleThreadedExecutor, pace: Pace) -> None:
    """Runs what is ready, and what gets ready until the next step is due."""
    for _ in range(_CALLBACKS):
        try:
            handler, _, _ = executor.wait_for_ready_callbacks(timeout_sec=pace.left_s())
        except TimeoutException:
            return
        handler()
        if handler.exception() is not None:
            raise handler.exception()
