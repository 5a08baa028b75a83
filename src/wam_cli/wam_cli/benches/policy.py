"""``wam bench policy``: Cosmos Policy on a device, beside the plain eager path of its model."""

import argparse
from typing import Any

from rich.console import Console

from wam_policy.cosmos.benchmark import Case, measure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own arguments."""
    add = parser.add_argument
    add('--config', choices=('tiny', '2b'), default='tiny', help='sizes; random weights')
    add('--device', default='auto', help='auto (default), cpu, cuda, cuda:1, ...')
    add(
        '--mode',
        choices=('direct', 'plan'),
        default='direct',
        help="direct: one chunk; plan: best of 8 with the paper's ensembles",
    )
    add('--steps', type=int, default=Case.steps, help='network evaluations for the action')
    add('--calls', type=_count, default=Case.calls, help='timed calls, after the warm-up')
    add('--eager-calls', type=_count, default=Case.eager_calls, help='of the plain path')
    add('--candidates', type=int, default=Case.candidates, help='of a plan')
    add('--batch', type=int, default=Case.batch, help='sequences in one evaluation of a plan')
    add('--dtype', choices=('bfloat16', 'float32'), default=Case.dtype, help='of the network')
    add('--fp8', action='store_true', help='matrix products in FP8')


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text}, allowed whole numbers from 1')
    return int(text)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures. Raises WamError."""
    case = Case(
        config=arguments.config,
        device=arguments.device,
        mode=arguments.mode,
        steps=arguments.steps,
        calls=arguments.calls,
        eager_calls=arguments.eager_calls,
        candidates=arguments.candidates,
        batch=arguments.batch,
        dtype=arguments.dtype,
        fp8=arguments.fp8,
    )
    console = Console(stderr=True)
    with console.status('bench policy') as status:
        return measure(case, lambda text: status.update(f'bench policy: {text} ...'))
