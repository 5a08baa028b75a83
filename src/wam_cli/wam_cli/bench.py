"""``wam bench``: measures parts of the stack on this machine."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

BENCHES: Final = {
    'executor': 'the control loop: lateness, drift and missed ticks, beside other loops',
    'export': 'frames per second of each export format, beside the writer of LeRobot',
    'policy': 'Cosmos Policy on a device: stages, share of its peak, beside the eager path',
    'recorder': 'episodes: messages lost, cores, memory, the executor beside it; other writers',
    'rollout': 'executors behind slow inference: standing still, jumps, successes',
    'splices': 'pictures of three splices in each execution mode',
    'sync': 'frame matching: sets per second, CPU, latency, drops',
    'transport': 'images from camera topic to policy input: latency and loss',
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the benches: modules of wam_cli.benches with ``add_arguments`` and ``run``."""
    parser.description = 'Measures parts of the stack on this machine.'
    benches = parser.add_subparsers(dest='bench', required=True, metavar='bench')
    for name, text in BENCHES.items():
        bench = benches.add_parser(name, help=text, description=text)
        import_module(f'wam_cli.benches.{name}').add_arguments(bench)
        bench.add_argument(
            '--json', metavar='PATH', default='-', help='where to write the numbers; -: print them'
        )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the bench and writes one JSON object."""
    numbers = import_module(f'wam_cli.benches.{arguments.bench}').run(arguments)
    text = json.dumps(numbers, indent=2)
    if arguments.json == '-':
        print(text)
    else:
        Path(arguments.json).write_text(f'{text}\n', encoding='utf-8')
        print(f'written to {arguments.json}', file=sys.stderr)
    return 0
