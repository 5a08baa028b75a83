"""``wam episodes show``: what happened in recordings, on the terminal or as a page."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wam_cli import episode_filters
from wam_cli.usage import UsageError
from wam_core.errors import WamError

if TYPE_CHECKING:
    from wam_data.report.content import Content


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = show.__doc__
    episode_filters.add(parser, complete='any')
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        '--html',
        type=Path,
        metavar='FILE',
        help='one self-contained page; for several recordings: a folder of such pages',
    )
    how.add_argument('--json', action='store_true', help='one JSON object')
    parser.add_argument(
        '--pictures',
        choices=('auto', 'yes', 'no'),
        default='auto',
        help='thumbnails of each camera below the text; auto: on a terminal with 256 colours or '
        'more, unless NO_COLOR is set; yes: also for `less -R`',
    )
    parser.set_defaults(run=show)


def show(arguments: argparse.Namespace) -> int:
    """Shows what happened in the newest recording, or in those that are named or fit the filters.

    Summary, verification, timeline of events, joints, grippers, streams, pictures.
    """
    asked = episode_filters.selection(arguments)
    if asked == type(asked)(complete='any'):
        arguments.episodes = [episode_filters.LATEST]
    if arguments.pictures != 'auto' and (arguments.html or arguments.json):
        raise UsageError(
            f'--pictures {arguments.pictures}: for the terminal only; a page always has pictures, '
            'JSON never'
        )
    paths = episode_filters.chosen(arguments)
    if arguments.html:
        return _pages(paths, arguments.html)
    return _json(paths) if arguments.json else _texts(paths, arguments.pictures)


def _json(paths: Sequence[Path]) -> int:
    from wam_data.report.as_json import as_json
    from wam_data.report.gather import gather

    # A program can take the frames themselves.
    episodes = [as_json(gather(path, shots=0)) for path in paths]
    print(json.dumps({'episodes': episodes}))
    return 0


def _texts(paths: Sequence[Path], pictures: str) -> int:
    from wam_cli.contact_sheet import contact_sheet, per_row, screen
    from wam_data.report.gather import gather
    from wam_data.report.text import text

    console = screen(pictures)
    for path in paths:
        content = gather(path, shots=per_row(console.width) if console else 0)
        print(text(content))
        if console:
            console.print(contact_sheet(content, console.width))
    return 0


def _pages(paths: Sequence[Path], target: Path) -> int:
    from wam_data.report.gather import gather

    several = len(paths) > 1 or target.is_dir()
    if several and target.is_file():
        raise UsageError(f'--html {target}: {len(paths)} recordings need a folder')
    for path in paths:
        file = target / f'{path.parent.name}-{path.name}.html' if several else target
        _write(file, gather(path))
        print(file)
    return 0


def _write(file: Path, content: 'Content') -> None:
    from wam_data.report.page import page

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page(content), encoding='utf-8')
    except OSError as error:
        raise WamError(f'{file}: cannot be written: {error.strerror}') from error
