"""The ``main`` of every node: start, spin, and an orderly end with an exit code that says how."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wam_bringup.node_spec import REFUSED
from wam_core.errors import WamError
from wam_nodes.qos import EVERY

_SETTLE_S: Final = 2.0  # discovery on one machine takes 0.1 to 0.5 s
_LOOK_S: Final = 0.2  # for a signal, at most this late
_LEASE_S: Final = 30.0  # a killed participant stays in the graph for its lease of 20 s


def run(make: Callable[[], Node], heartbeat: tuple[Any, str] | None = None) -> int:
    """Runs a node until SIGINT, SIGTERM or a fatal error; the exit code of the process.

    0: told to end. 1: it failed. 2: it refused to start, for what its files or parameters say.
    heartbeat: message type and topic of what the node publishes all the time, for a node of which
    there may be only one in a domain: a second one refuses to start.
    """
    node: Node | None = None
    try:
        rclpy.init()
        node = make()
        if heartbeat is not None:
            refuse_second(node, *heartbeat)
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except WamError as error:
        get_logger('wam').fatal(str(error))
        return REFUSED if node is None else 1
    except rclpy_implementation.RCLError as error:
        # rclpy's signal handler ends the context at once: a callback that is publishing then
        # fails, and that is no fault. Without a node it is one: a file that rcl can't read.
        if node is None or rclpy.ok():
            get_logger('wam').fatal(str(error))
            return 1
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def run_to_rest(
    make: Callable[[], Node],
    finish: Callable[[Any], Callable[[], bool]],
    heartbeat: tuple[Any, str],
) -> int:
    """As ``run``, for a node that has something to bring to an end before it goes.

    finish: called with the node when SIGINT or SIGTERM has come. The node spins on, which a /clock
    needs to move, until what this returns says that it may go.
    """
    told: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        told.append(number)

    node: Node | None = None
    try:
        # rclpy's own handlers would end the context at once.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        node = make()
        refuse_second(node, *heartbeat, lambda: bool(told))
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not told:
            executor.spin_once(timeout_sec=_LOOK_S)
        finished = finish(node)
        while not finished():
            executor.spin_once(timeout_sec=_LOOK_S)
    except WamError as error:
        get_logger('wam').fatal(str(error))
        return REFUSED if node is None else 1
    except rclpy_implementation.RCLError as error:
        get_logger('wam').fatal(str(error))
        return 1
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def refuse_second(
    node: Node, kind: Any, topic: str, told_to_end: Callable[[], bool] = lambda: False
) -> None:
    """Waits until the node is alone in its domain. Raises WamError when it isn't.

    Another one that is heard on its heartbeat topic is alive. One that is silent may be a killed
    process that the graph still shows, or wait for a paused clock: the first vanishes in time.
    """
    probe = rclpy.create_node(f'{node.get_name()}_probe')
    heard: list[Any] = []
    probe.create_subscription(kind, topic, heard.append, EVERY)
    start = time.monotonic()
    try:
        while (others := _namesakes(node)) or time.monotonic() - start < _SETTLE_S:
            if told_to_end():
                return
            waited = time.monotonic() - start
            if others and (heard or waited > _LEASE_S):
                raise WamError(
                    f'{node.get_fully_qualified_name()}: another node of this name '
                    f'{"publishes on " + topic if heard else "is silent but present"} in ROS '
                    f'domain {node.context.get_domain_id()}: there may be only one. '
                    'Stop the other one, or set another ROS_DOMAIN_ID'
                )
            rclpy.spin_once(probe, timeout_sec=0.1)
    finally:
        probe.destroy_node()


def _namesakes(node: Node) -> int:
    own = (node.get_name(), node.get_namespace())
    return [tuple(found) for found in node.get_node_names_and_namespaces()].count(own) - 1
