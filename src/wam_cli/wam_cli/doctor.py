"""``wam doctor``: whether this machine can run the stack, and what would be better."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from wam_cli.finding import BAD, CHECKS, GOOD, Finding

_COLOURS = {GOOD: 'green', BAD: 'red'}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the command and its arguments."""
    parser.description = (
        'Checks Python, ROS, middleware, image transport, rendering, GPU, real-time permission '
        'and disk. Exit code 1 when something that is needed is missing.'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the findings. Returns the exit code."""
    findings = [check() for check in CHECKS]
    good = all(finding.level != BAD for finding in findings)
    if arguments.json:
        print(json.dumps({'ok': good, 'findings': [asdict(finding) for finding in findings]}))
    else:
        _print(findings)
    return 0 if good else 1


def _print(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ('', 'what', 'found', 'what it means'):
        table.add_column(title, overflow='fold')
    for finding in findings:
        level = f'[{_COLOURS.get(finding.level, "yellow")}]{finding.level}[/]'
        table.add_row(level, finding.name, finding.found, finding.meaning)
    Console(highlight=False).print(table)
