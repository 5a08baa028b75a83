"""``wam episodes export``: recordings in the formats of other projects."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from wam_cli import episode_filters
from wam_cli.interruption import Interruption
from wam_cli.usage import UsageError, usage

if TYPE_CHECKING:
    from wam_data.export.grid import Resampling
    from wam_data.export.runner import Exported
    from wam_data.export.runner import Progress as Report

_TITLES = {'read': 'reading', 'write': 'writing'}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    from wam_core.gripper_scale import SCALES
    from wam_data.export.formats import FORMATS
    from wam_data.export.plan import MIXED
    from wam_data.export.settings import ACTIONS, METHODS, SPANS, ExportSettings

    default = ExportSettings()
    parser.description = export.__doc__
    parser.epilog = 'Formats, their options, and what a row is: docs/exporting.md'
    add = parser.add_argument
    add('--format', required=True, choices=sorted(FORMATS))
    add('--out', required=True, type=Path, help='folder of the data set; must not exist')
    add('--rate', type=float, default=default.rate_hz, help='rows per second (%(default)g)')
    add('--method', choices=METHODS, default=default.method, help='of observations (%(default)s)')
    hold = 'refuse samples further than this from their row, s (%(default)g)'
    add('--max-hold', type=float, default=default.max_hold_s, help=hold)
    add('--cameras', default='', help='which, with commas between (default: all)')
    action = 'what was sent to the arms, or requested of the executor (%(default)s)'
    add('--action', dest='commands', choices=ACTIONS, default=default.action, help=action)
    span = 'while somebody did the task, or all that was recorded (%(default)s)'
    add('--span', choices=SPANS, default=default.span, help=span)
    scale = (
        "what the grippers' 0 to 1 is linear in, in states: the motor's angle; finger: the "
        "finger's position by ALOHA's constants for ROS 1 (ACT, the data of the released Cosmos "
        'checkpoints); finger_ros2: by those of Interbotix/aloha (%(default)s)'
    )
    add('--gripper-state', choices=SCALES, default=default.gripper_state, help=scale)
    option = 'of the format; may be given again'
    add('--option', action='append', default=[], metavar='NAME=VALUE', help=option)
    mixed = 'may differ between the episodes; may be given again'
    add('--allow-mixed', action='append', default=[], choices=MIXED, help=mixed)
    add('--skip-bad', action='store_true', help='leave out what cannot be exported')
    jobs = 'episodes at a time (default: one for each core)'
    add('--jobs', type=int, default=len(os.sched_getaffinity(0)), help=jobs)
    add('--json', action='store_true', help='one JSON object instead of a table')
    episode_filters.add(parser)
    parser.set_defaults(run=export)


def export(arguments: argparse.Namespace) -> int:
    """Writes recordings as one data set, each as rows on a regular grid of time. What an earlier
    attempt wrote, or one that was cut off, is taken up where it ended.
    """
    from wam_data.export.formats import make_format
    from wam_data.export.runner import Choice
    from wam_data.export.runner import export as write
    from wam_data.export.settings import ExportSettings

    with usage():
        settings = ExportSettings(
            rate_hz=arguments.rate,
            method=arguments.method,
            max_hold_s=arguments.max_hold,
            cameras=tuple(name for name in arguments.cameras.split(',') if name),
            action=arguments.commands,
            span=arguments.span,
            gripper_state=arguments.gripper_state,
        )
        made = make_format(arguments.format, dict(map(_option, arguments.option)))
        choice = Choice(tuple(arguments.allow_mixed), arguments.skip_bad, arguments.jobs)
    paths = episode_filters.chosen(arguments)
    try:
        with Interruption() as interruption, _bars(interruption) as progress:
            done = write(made, paths, arguments.out, settings, choice, progress)
    except KeyboardInterrupt:
        print(
            f'stopped; what is written lies in {arguments.out}.partial, and the same command goes '
            'on from there',
            file=sys.stderr,
        )
        raise
    if arguments.json:
        print(json.dumps(_contents(done)))
    else:
        _show(done)
    return 0


def _option(word: str) -> tuple[str, str]:
    name, equals, value = word.partition('=')
    if not equals:
        raise UsageError(f'--option {word!r}, expected NAME=VALUE')
    return name, value


@contextmanager
def _bars(interruption: Interruption) -> Iterator['Report']:
    """Progress on standard error; whoever reports it is where an interrupt comes through."""
    columns = TextColumn('{task.description}'), BarColumn(), TextColumn('{task.percentage:3.0f} %')
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            interruption.check()
            if what not in tasks:
                tasks[what] = bar.add_task(_TITLES[what])
            bar.update(tasks[what], completed=done, total=total)

        yield tell


def _contents(done: 'Exported') -> dict[str, object]:
    plan = done.plan
    return {
        'folder': str(done.folder),
        'format': plan.format.name,
        'episodes': len(plan.episodes),
        'resumed': done.resumed,
        'rows': sum(episode.rows for episode in plan.episodes),
        'left_out': [{'episode': name, 'why': why} for name, why in plan.left_out],
        'streams': {
            stream: _together([found for _, found in reports])
            for stream, reports in _streams(done).items()
        },
    }


def _streams(done: 'Exported') -> dict[str, list[tuple[str, 'Resampling']]]:
    """Stream -> (episode, what the grid did to it) of all episodes."""
    found: dict[str, list[tuple[str, Resampling]]] = {}
    for episode in done.plan.episodes:
        for report in episode.report:
            found.setdefault(report.stream, []).append((episode.name, report))
    return found


def _together(reports: list['Resampling']) -> dict[str, object]:
    return {
        'unused': sum(report.unused for report in reports),
        'late': sum(report.late for report in reports),
        'holds': sum(report.holds for report in reports),
        'largest_hold': max(report.largest_hold for report in reports),
        'max_age_ms': max(report.max_age_ms for report in reports),
    }


def _show(done: 'Exported') -> None:
    contents = _contents(done)
    table = Table('stream', 'holds', 'longest', 'oldest ms', 'late', 'worst episode', box=None)
    for stream, reports in _streams(done).items():
        sums = _together([found for _, found in reports])
        worst = max(reports, key=lambda pair: (pair[1].holds, pair[1].max_age_ms))[0]
        numbers = (sums[key] for key in ('holds', 'largest_hold', 'max_age_ms', 'late'))
        table.add_row(stream, *map(str, numbers), worst if sums['holds'] else '')
    Console().print(table)
    for name, why in done.plan.left_out:
        print(f'left out {name}: {why}')
    resumed = f', {done.resumed} of them written before' if done.resumed else ''
    print(
        f'{contents["episodes"]} episodes{resumed}, {contents["rows"]} rows: {done.folder} '
        f'({done.plan.format.name})'
    )
