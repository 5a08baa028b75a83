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
    parser.set_defaults(run=show)


def show(arguments: argparse.Namespace) -> int:
    """Shows what happened in the newest recording, or in those that are named or fit the filters.

    Summary, verification, timeline of events, joints, grippers, streams; pictures on a page only.
    """
    from wam_data.report.gather import gather

    asked = episode_filters.selection(arguments)
    if asked == type(asked)(complete='any'):
        arguments.episodes = [episode_filters.LATEST]
    paths = episode_filters.chosen(arguments)
    if arguments.html:
        return _pages(paths, arguments.html)
    # A terminal shows no thumbnails, and a program can take the frames themselves.
    contents = (gather(path, shots=0) for path in paths)
    if arguments.json:
        from wam_data.report.as_json import as_json

        print(json.dumps({'episodes': [as_json(content) for content in contents]}))
    else:
        from wam_data.report.text import text

        for content in contents:
            print(text(content))
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
