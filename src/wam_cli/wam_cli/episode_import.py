"""``wam episodes import``: ALOHA HDF5 files and LeRobot data sets into recordings of ours."""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from wam_cli.text_argument import text
from wam_cli.usage import usage

if TYPE_CHECKING:
    from wam_data.importing.importer import Importer, Result, Settings

_SHOWN: Final = 5  # names of missing episodes
_SAID: Final = {
    'imported': 'imported',
    'known': 'imported before',
    'missing': 'missing',
    'failed': 'failed',
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = (
        'Makes recordings of ALOHA HDF5 files (raw or compressed) or of a LeRobot data set (v2.x, '
        'v3.0, or the first layout). What those files do not tell (true stamps, the outcome, ...) '
        'is marked as unknown. An episode that was imported before is left alone, so that an '
        'import that was cut off goes on where it was. SOURCE is never changed.'
    )
    parser.add_argument('source', type=Path, metavar='SOURCE', help='file or folder')
    parser.add_argument('--root', type=Path, default=Path('episodes'), help='(%(default)s)')
    parser.add_argument(
        '--only', nargs='+', default=[], metavar='NAME', help='episodes: numbers, or file names'
    )
    parser.add_argument('--list', action='store_true', help='only show the names of the episodes')
    parser.add_argument(
        '--task',
        type=text,
        default='',
        help="a task's name, or what was to be done; without: as SOURCE says",
    )
    parser.add_argument(
        '--rig',
        type=text,
        default='',
        help='which one it was, for its grippers, and for later checks of joint ranges',
    )
    _declare_reading(parser)
    parser.add_argument('--json', action='store_true', help='one JSON object instead of lines')
    parser.set_defaults(run=run)


def _declare_reading(parser: argparse.ArgumentParser) -> None:
    """How the numbers and pictures of SOURCE are meant."""
    from wam_core.gripper_scale import SCALES

    parser.add_argument(
        '--layout', type=Path, metavar='FILE', help='YAML: which numbers and cameras are ours'
    )
    parser.add_argument(
        '--rate', type=float, default=50.0, metavar='HZ', help='of HDF5 files (%(default)g)'
    )
    parser.add_argument(
        '--pixels',
        choices=('rgb', 'bgr'),
        default='rgb',
        help="order in HDF5 files, also before a JPEG was made; ACT's loader takes rgb",
    )
    states = (
        "angle: the motor's; finger: the finger's position by ALOHA's constants for ROS 1 (ACT, "
        'the data of the released Cosmos checkpoints); finger_ros2: by those of Interbotix/aloha; '
        'without: of a real ALOHA finger_ros2 if --rig has the gripper profile interbotix_ros2, '
        'else finger'
    )
    for part, usual in (('state', states), ('action', 'without: as is usual there')):
        parser.add_argument(
            f'--gripper-{part}',
            choices=SCALES,
            default='',
            help=f"what the grippers' 0..1 are linear in, in {part}s; {usual}",
        )
    parser.add_argument(
        '--jpeg-quality', type=int, default=95, metavar='Q', help='1 to 100 (%(default)s)'
    )


def run(arguments: argparse.Namespace) -> int:
    """Imports. Exit code 1 if an episode failed, or none is there in the end."""
    from wam_data.importing.importer import Importer, read_layout

    with usage():
        settings = _settings(arguments)
        layout = read_layout(arguments.layout)
    importer = Importer(arguments.source, arguments.root, layout, settings)
    if arguments.list:
        names = importer.names
        print(json.dumps({'episodes': names}) if arguments.json else '\n'.join(names))
        return 0
    results = _import(importer, arguments.only or importer.names, arguments.json)
    if arguments.json:
        print(json.dumps({'episodes': [result.as_json() for result in results]}))
    else:
        _summary(results)
    found = {result.status for result in results}
    return 1 if 'failed' in found or not found & {'imported', 'known'} else 0


def _settings(arguments: argparse.Namespace) -> 'Settings':
    from wam_bringup.config import load_rig, load_task, names, reference
    from wam_core.gripper_scale import recorded_scale
    from wam_data.importing.importer import Settings

    task, task_name = arguments.task, ''
    if task in names('tasks') or task.endswith('.yaml'):
        specification = load_task(task)
        task, task_name = specification.language, specification.name
    return Settings(
        task=task,
        task_name=task_name,
        rig=reference('rigs', arguments.rig) if arguments.rig else '',
        rate_hz=arguments.rate,
        rgb=arguments.pixels == 'rgb',
        jpeg_quality=arguments.jpeg_quality,
        gripper_state=arguments.gripper_state,
        gripper_action=arguments.gripper_action,
        recorded=recorded_scale(load_rig(arguments.rig).gripper_profile if arguments.rig else ''),
    )


def _import(importer: 'Importer', names: list[str], quiet: bool) -> 'list[Result]':
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        TextColumn('{task.completed}/{task.total}'),
        TimeRemainingColumn(),
    )
    results = []
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        episodes = progress.add_task('episodes', total=len(names))
        frames = progress.add_task('frames', total=None)

        def advance(done: int, total: int) -> None:
            progress.update(frames, completed=done, total=total)

        for result in importer.run(names, advance):
            results.append(result)
            progress.advance(episodes)
            if not quiet and result.status != 'missing':
                # Through the progress display, which would write over it.
                progress.print(_line(result), markup=False, highlight=False, soft_wrap=True)
    return results


def _line(result: 'Result') -> str:
    odd = f'; warning: {result.text}' if result.text else ''
    said = {'imported': f'{result.episode}{odd}', 'known': f'imported before: {result.episode}'}
    return f'{result.name}: {said.get(result.status, f"{result.status}: {result.text}")}'


def _summary(results: 'list[Result]') -> None:
    counts = Counter(result.status for result in results)
    missing = [result.name for result in results if result.status == 'missing']
    said = ', '.join(f'{number} {_SAID[status]}' for status, number in counts.items())
    print(said or 'no episode')
    if missing:
        some = ', '.join(missing[:_SHOWN]) + (', ...' if len(missing) > _SHOWN else '')
        print(f'missing: the metadata name them, their files are not there: {some}')
