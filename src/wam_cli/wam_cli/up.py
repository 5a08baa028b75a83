"""``wam up``: runs a graph as processes of this machine, without a ROS install's ``launch``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wam_bringup.graph import GRAPHS, graph, parse_arguments
from wam_bringup.node_spec import NodeSpec
from wam_cli import dead_segments, parking
from wam_cli.usage import usage
from wam_core.errors import WamError

if TYPE_CHECKING:
    from wam_cli.node_log import NodeLog
    from wam_cli.stop_key import StopKey
    from wam_cli.supervisor import Process, Supervisor

_KEYS_S: Final = 0.05


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the command and its arguments."""
    parser.description = (
        'Runs the nodes of a graph until Ctrl-C, as `ros2 launch wam_bringup <graph>.launch.py` '
        'does in a ROS install. Exit code 1 when a required node dies. On a terminal the space '
        'key stops the arms (latched: `wam arms reset` lifts it).'
    )
    parser.epilog = _manual()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument('graph', choices=[*GRAPHS])
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='see below')
    parser.add_argument(
        '--log-directory', type=Path, metavar='DIRECTORY', help='also write <node>.log files there'
    )
    parser.add_argument('--park', choices=parking.CHOICES, default='auto', help=parking.HELP)
    parser.add_argument('--quiet', action='store_true', help='no logs on the terminal')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the graph. Returns the exit code."""
    with usage():
        specs = graph(arguments.graph).resolve(parse_arguments(arguments.arguments))
        parks = parking.parks(arguments.park, specs)
    # These take 0.2 s, which the help text and the usage errors need not wait for.
    try:
        from wam_cli.node_log import NodeLog
        from wam_cli.supervisor import Supervisor
    except ModuleNotFoundError as error:
        raise WamError(
            f'{error}: `wam up` needs circus (pip install circus==0.19.0); '
            f'`ros2 launch wam_bringup {arguments.graph}.launch.py` does not'
        ) from error

    log = NodeLog(arguments.log_directory, echo=not arguments.quiet)
    dead_segments.sweep(log.say)
    supervisor = Supervisor(_processes(specs, parks), log, os.environ)
    stoppable = sys.stdin.isatty() and any(spec.name == 'executor' for spec in specs)
    running = _run_with_key(supervisor, log) if stoppable else supervisor.run()
    return 1 if asyncio.run(running) else 0


def _processes(specs: Sequence[NodeSpec], parks: bool) -> 'list[Process]':
    from wam_cli.supervisor import Process

    processes = []
    for spec in specs:
        processes.append(Process(spec.name, tuple(command(spec)), spec.respawn, spec.required))
        if parks and spec.name == parking.AFTER:
            processes.append(
                Process(parking.NAME, tuple(parking.command()), required=False, at_end=True)
            )
    return processes


async def _run_with_key(supervisor: 'Supervisor', log: 'NodeLog') -> str:
    """Runs it with the space key as a stop for the arms."""
    from wam_cli.executor_client import Participant
    from wam_cli.stop_key import REASON, StopKey

    with Participant('wam_up') as participant:
        stop = partial(participant.switch.press, REASON.format('up'))
        with StopKey(stop, log.say) as key:
            log.say('space: stop the arms, latched; Ctrl-C: end')
            polling = asyncio.create_task(_poll(key))
            try:
                return await supervisor.run()
            finally:
                polling.cancel()


async def _poll(key: 'StopKey') -> None:
    while True:
        key.poll()
        await asyncio.sleep(_KEYS_S)


def command(spec: NodeSpec) -> Sequence[str]:
    """Program and arguments of a node. Raises WamError when its package is not installed."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        prefix = get_package_prefix(spec.package)
    except PackageNotFoundError as error:
        raise WamError(
            f'node {spec.name}: package {spec.package} is not in AMENT_PREFIX_PATH '
            f'({os.environ.get("AMENT_PREFIX_PATH", "")}); build and source the workspace'
        ) from error
    executable = Path(prefix) / 'lib' / spec.package / spec.executable
    return [*spec.prefix, str(executable), '--ros-args', *spec.ros_arguments()]


def _manual() -> str:
    lines = []
    for found in GRAPHS.values():
        lines.append(f'graph {found.name}: {found.description}')
        for item in found.arguments:
            choices = f' [{", ".join(item.choices)}]' if item.choices else ''
            lines.append(f'  {item.name}:=... {item.text()}{choices} (default: {item.default!r})')
    return '\n'.join(lines)
