"""The ends of a policy's life: loaded before its node answers anybody, and left at any time."""

import os
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Final, NoReturn

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from wam_core.errors import WamError
from wam_core.policy import PolicyConfig
from wam_nodes.worker import Worker
from wam_policy.policy import Policy
from wam_policy.registry import load

_TELL_S: Final = 1.0


def load_on(
    worker: Worker, node: Node, config: PolicyConfig, tell: Callable[[float], None]
) -> Policy:
    """The policy, loaded by the worker: what torch captures belongs to the thread that calls it.

    tell: called once per second with the seconds so far; a large model takes minutes. Ends the
    process when that is told to end. Raises WamError, whatever the policy's constructor raised.
    """
    start = told = time.monotonic()

    def look() -> None:
        nonlocal told
        if not node.context.ok():
            raise ExternalShutdownException
        if (now := time.monotonic()) - told >= _TELL_S:
            told = now
            tell(now - start)

    try:
        outcome = worker.first(partial(load, config), look)
    except (KeyboardInterrupt, ExternalShutdownException):
        leave(node)
    error = outcome.exception()
    if error is None:
        policy: Policy = outcome.result()
        return policy
    if isinstance(error, WamError):
        raise error
    node.get_logger().error(''.join(traceback.format_exception(error)))
    what = f'policy {config.spec.name!r} ({config.source}) cannot be loaded'
    raise WamError(f'{what}: {type(error).__name__}: {error}') from error


def leave(node: Node) -> NoReturn:
    """Ends the process under a job of its worker, which can't be interrupted.

    Python would wait for it, or tear torch down under it. Nothing is open but ROS.
    """
    Node.destroy_node(node)  # the node's own waits for the worker
    rclpy.try_shutdown(context=node.context)
    os._exit(0)
