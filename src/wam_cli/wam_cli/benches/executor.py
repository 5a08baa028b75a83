"""``wam bench executor``: how late the executor's ticks are, beside loops that people use now.

All at the same time, each in a process of its own, on the same machine and under the same load.
"""

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from typing import Any, Final

from wam_bringup.config import config_directory
from wam_cli.benches import peers
from wam_cli.benches.lateness import (
    behind_ms,
    drift_ms,
    figures,
    lost_periods,
    percentiles,
    slots_of_timer,
)
from wam_cli.benches.processes import (
    cpu_s,
    expect,
    finish,
    node_process,
    private_environment,
    process,
    progress,
    tell,
)
from wam_core.errors import WamError

LOADS: Final = ('none', 'cpu', 'io')
# Name -> whether it needs other people's packages.
PEERS: Final = {'rclpy_timer': False, 'openpi_runtime': True, 'lerobot_precise_sleep': True}
_RATE_HZ: Final = 25.0
_PERIOD_NS: Final = round(1e9 / _RATE_HZ)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own arguments."""
    parser.add_argument('--seconds', type=float, default=60.0, help='of ticks (default: 60)')
    parser.add_argument(
        '--load',
        choices=LOADS,
        default='none',
        help='beside it: nothing; one busy process per CPU; as many that sync a file in the '
        'temporary folder (TMPDIR) all the time (default: none)',
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """The figures: lateness, drift, missed ticks and CPU share of each loop.

    bare: the lateness of one that only sleeps, at the executor's priority: the machine's share.
    """
    if args.seconds < 1:
        raise WamError(f'--seconds {args.seconds:g}: a run takes at least 1 s')
    with ExitStack() as stack:
        variables = stack.enter_context(private_environment())
        node = stack.enter_context(
            node_process('wam_nodes', 'executor', _executor_arguments(), variables)
        )
        traffic = stack.enter_context(process('executor_traffic', [], variables))
        loops = {
            name: stack.enter_context(process('loops', [name, str(_RATE_HZ)], variables, python))
            for name, python in _pythons().items()
        }
        bare = stack.enter_context(process('bare', [str(_RATE_HZ)], variables))
        for started in (traffic, bare, *loops.values()):
            expect(started, 'ready')
        for _ in range(os.cpu_count() or 1 if args.load != 'none' else 0):
            stack.enter_context(process('load', [args.load], variables))
        for started in (traffic, bare, *loops.values()):
            tell(started, 'begin')
        used_s = cpu_s(node)
        progress('bench executor', args.seconds, lambda: _check(node))
        used_s = cpu_s(node) - used_s
        answers = {name: json.loads(finish(started)) for name, started in loops.items()}
        states = json.loads(finish(traffic))
        bare_ms = json.loads(finish(bare))['lateness_ms']
    ours = _ours(states, used_s / args.seconds)
    others = {name: _peer(name, answers[name]) if name in answers else None for name in PEERS}
    return {
        'ours': ours,
        'bare': {'lateness_ms': percentiles(bare_ms)},
        'peers': others,
        'scheduling': states['scheduling'],
        'load': args.load,
        'seconds': args.seconds,
    }


def _executor_arguments() -> list[str]:
    """As ``wam up`` starts it, on the wall clock."""
    rate = ['-p', f'command_rate_hz:={_RATE_HZ}', '-p', 'rig:=sim']
    return ['--params-file', str(config_directory() / 'executor.yaml'), *rate]


def _pythons() -> dict[str, str]:
    """Name -> interpreter of the peers that can run here."""
    found = {name: sys.executable for name, foreign in PEERS.items() if not foreign}
    try:
        python = str(peers.python())
    except WamError as error:
        absent = ', '.join(name for name in PEERS if name not in found)
        print(f'not measured: {absent}: {error}', file=sys.stderr)
        return found
    return {name: python if foreign else sys.executable for name, foreign in PEERS.items()}


def _check(node: 'subprocess.Popen[str]') -> None:
    if node.poll() is not None:
        raise WamError(f'the executor ended with exit code {node.returncode}: see its log above')


def _ours(answer: dict[str, Any], cpu_share: float) -> dict[str, object]:
    """Lateness as the node states it; the drift from its stamps and the ticks that it counts."""
    states = answer['states']
    if not states:
        raise WamError('/executor_state: nothing came in all that time')
    times_ns, lateness_ms, ticks, missed = zip(*states, strict=True)
    lost = ticks[-1] - ticks[0] + 1 - len(states)
    if lost:
        print(f"{lost} of the executor's states got lost on the way", file=sys.stderr)
    if answer['not_running']:
        print(f'{answer["not_running"]} of its ticks followed no chunk', file=sys.stderr)
    slots = [tick + skipped for tick, skipped in zip(ticks, missed, strict=True)]
    drift = drift_ms(behind_ms(times_ns, slots, _PERIOD_NS))
    return figures(lateness_ms, drift, missed[-1] - missed[0], cpu_share)


def _peer(name: str, answer: dict[str, Any]) -> dict[str, object]:
    """Behind the grid that its own first tick begins. A timer skips slots, the others slip."""
    times_ns = answer['times_ns']
    counted = list(range(len(times_ns)))
    missed = lost_periods(behind_ms(times_ns, counted, _PERIOD_NS), _PERIOD_NS)
    slots = slots_of_timer(times_ns, _PERIOD_NS) if name == 'rclpy_timer' else counted
    behind = behind_ms(times_ns, slots, _PERIOD_NS)
    return figures(behind, drift_ms(behind), missed, answer['cpu_share'])
