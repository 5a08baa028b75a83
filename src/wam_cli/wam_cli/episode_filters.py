"""Options that say which episodes are meant, the same for every command that takes some."""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wam_cli.usage import usage

if TYPE_CHECKING:
    from wam_data.progress import Progress
    from wam_data.selection import Selection

_FEW: Final = 200  # manifests, read in about a quarter of a second
LATEST: Final = 'latest'
_TEXTS: Final = {
    'task': 'name, instruction or folder',
    'policy': 'name of the policy',
    'rig': 'name or path of the rig',
    'operator': 'who teleoperated or supervised',
    'since': 'started then or later: ISO 8601 date or time, UTC',
    'until': 'started then or earlier; a date is included whole',
}


def add(parser: argparse.ArgumentParser, *, complete: str = 'yes') -> None:
    """Declares EPISODE..., --root and the filters. complete: default of --complete."""
    from wam_data.identity import KINDS
    from wam_data.selection import COMPLETENESS, OUTCOMES

    parser.add_argument(
        'episodes',
        nargs='*',
        metavar='EPISODE',
        help=f"directory of an episode or of many, or '{LATEST}' (default: all of the root)",
    )
    group = parser.add_argument_group('which episodes')
    group.add_argument('--root', type=Path, default=Path('episodes'), help='(%(default)s)')
    group.add_argument('--kind', choices=KINDS, default='')
    group.add_argument('--outcome', choices=OUTCOMES, default='', help='none: not labelled')
    for name, text in _TEXTS.items():
        group.add_argument(f'--{name}', default='', help=text)
    group.add_argument(
        '--complete',
        choices=COMPLETENESS,
        default=complete,
        help='nothing dropped and closed in order (%(default)s)',
    )
    group.add_argument(
        '--where',
        dest='sql',
        default='',
        metavar='CONDITION',
        help='in SQL over the index, e.g. "score > 50 AND duration_s < 20"; '
        'its columns: wam episodes list --columns',
    )


def selection(arguments: argparse.Namespace) -> 'Selection':
    """What the options ask for. Raises UsageError for a bad value."""
    from wam_data.catalogue import newest_episode
    from wam_data.selection import Selection

    given = {field.name: getattr(arguments, field.name) for field in fields(Selection)}
    paths = [
        newest_episode(arguments.root) if word == LATEST else Path(word)
        for word in arguments.episodes
    ]
    with usage():
        return Selection(**given | {'episodes': tuple(paths)})


def chosen(arguments: argparse.Namespace) -> tuple[Path, ...]:
    """The finished episodes that are meant, oldest first. Raises WamError where there are none.

    Ones that can't be read are named on standard error.
    """
    from wam_data.selection import select

    asked = selection(arguments)
    with indexing() as progress:
        return select(arguments.root, asked, progress, _left_out)


def _left_out(problem: str) -> None:
    print(f'left out: {problem}', file=sys.stderr)


@contextmanager
def indexing() -> 'Iterator[Progress]':
    """What ``read_index`` calls: a bar on a terminal, once there is more to read than a few."""
    with ExitStack() as stack:
        show: list[Callable[[int, int], None]] = []
        read = itertools.count(1)

        def progress(done: int, total: int) -> None:
            if next(read) == _FEW and sys.stderr.isatty():
                show.append(_bar(stack))
            for each in show:
                each(done, total)

        yield progress


def _bar(stack: ExitStack) -> 'Progress':
    from rich.console import Console
    from rich.progress import Progress as Bar

    bar = stack.enter_context(Bar(console=Console(stderr=True), transient=True))
    task = bar.add_task('reading manifests')
    return lambda done, total: bar.update(task, completed=done, total=total)
