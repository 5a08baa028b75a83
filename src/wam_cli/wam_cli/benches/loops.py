"""Other people's control loops, each as a process: ``python -m …loops NAME RATE_HZ``.

Prints ``ready``, begins with a line on its standard input, and at the end of that prints one JSON
object: ``times_ns``, the start of each tick on CLOCK_MONOTONIC, and ``cpu_share``. Every tick does
what the executor's does at the least: it publishes the followers' four commands.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import rclpy
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wam_cli.benches.lerobot import precise_sleep


class Ticks:
    """The work of a tick, and the times at which it began."""

    def __init__(self, node: Node) -> None:
        self.times_ns: list[int] = []
        self.over = False
        arm = JointGroupCommand(name='arm', cmd=[0.0] * 6)
        finger = JointSingleCommand(name='gripper')
        self._commands = []
        for side in ('left', 'right'):
            for message, topic in ((arm, 'joint_group'), (finger, 'joint_single')):
                name = f'/{node.get_name()}/{side}/commands/{topic}'
                self._commands.append((node.create_publisher(type(message), name, 10), message))

    def begin(self) -> None:
        """Notes the time: the first thing in a tick."""
        self.times_ns.append(time.monotonic_ns())

    def send(self) -> None:
        """Publishes the commands."""
        for publisher, message in self._commands:
            publisher.publish(message)


def rclpy_timer(node: Node, ticks: Ticks, rate_hz: float) -> None:
    """A timer on rclpy's executor."""

    def tick() -> None:
        ticks.begin()
        ticks.send()

    node.create_timer(1 / rate_hz, tick)
    while not ticks.over:
        rclpy.spin_once(node, timeout_sec=1.0)


def openpi_runtime(node: Node, ticks: Ticks, rate_hz: float) -> None:
    """openpi-client's Runtime, which asks for an observation first in each step."""
    agent, environment, runtime = (
        import_module(f'openpi_client.runtime.{name}')
        for name in ('agent', 'environment', 'runtime')
    )

    class Rig(environment.Environment):  # type: ignore[name-defined]
        def reset(self) -> None:
            pass

        def is_episode_complete(self) -> bool:
            return ticks.over

        def get_observation(self) -> dict[str, Any]:
            ticks.begin()
            return {}

        def apply_action(self, action: dict[str, Any]) -> None:
            ticks.send()

    class Still(agent.Agent):  # type: ignore[name-defined]
        def get_action(self, observation: dict[str, Any]) -> dict[str, Any]:
            return {}

        def reset(self) -> None:
            pass

    runtime.Runtime(Rig(), Still(), [], max_hz=rate_hz).run()


def lerobot_precise_sleep(node: Node, ticks: Ticks, rate_hz: float) -> None:
    """LeRobot's way of keeping a rate, as in its teleoperation and recording."""
    sleep = precise_sleep()
    while not ticks.over:
        start_s = time.perf_counter()
        ticks.begin()
        ticks.send()
        sleep(max(1 / rate_hz - (time.perf_counter() - start_s), 0.0))


LOOPS: dict[str, Callable[[Node, Ticks, float], None]] = {
    'rclpy_timer': rclpy_timer,
    'openpi_runtime': openpi_runtime,
    'lerobot_precise_sleep': lerobot_precise_sleep,
}


def main() -> int:
    """Runs the loop until standard input ends."""
    name, rate_hz = sys.argv[1], float(sys.argv[2])
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node(f'bench_{name}')
    ticks = Ticks(node)
    print('ready', flush=True)
    sys.stdin.readline()

    def end() -> None:
        sys.stdin.read()
        ticks.over = True

    threading.Thread(target=end, daemon=True).start()
    start_s, used_s = time.monotonic(), time.process_time()
    LOOPS[name](node, ticks, rate_hz)
    share = (time.process_time() - used_s) / (time.monotonic() - start_s)
    print(json.dumps({'times_ns': ticks.times_ns, 'cpu_share': share}), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
