"""``wam episodes rm``: deletes recordings, after a question."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wam_cli import episode_filters
from wam_cli.usage import UsageError, usage
from wam_core.errors import WamError

if TYPE_CHECKING:
    from wam_data.row import Row
    from wam_data.selection import Selection


_SHOWN: Final = 20


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = remove.__doc__
    episode_filters.add(parser, complete='any')
    parser.add_argument('--yes', action='store_true', help='do not ask')
    parser.set_defaults(run=remove)


def remove(arguments: argparse.Namespace) -> int:
    """Deletes recordings that are named or fit the filters; .partial ones only by their names."""
    from wam_cli.open_recording import check_closed
    from wam_data.removal import remove as delete
    from wam_data.selection import Selection

    asked = episode_filters.selection(arguments)
    if asked == Selection(complete='any'):
        raise UsageError('name the recordings to delete, or give a filter such as --outcome')
    rows = _targets(arguments, asked)
    if not _agreed(rows, yes=arguments.yes):
        print('nothing deleted', file=sys.stderr)
        return 1
    for row in rows:
        check_closed(Path(row.path))
    for row in rows:
        delete(Path(row.path))
        print(f'{row.path}: deleted')
    return 0


def _targets(arguments: argparse.Namespace, asked: 'Selection') -> 'list[Row]':
    """Partial and unreadable ones only where they were named themselves."""
    from wam_data.selection import matching_rows, rows_of, usable

    with episode_filters.indexing() as progress:
        rows = rows_of(arguments.root, asked.episodes, progress)
    named = {path.resolve() for path in asked.episodes}
    with usage():
        found = matching_rows(rows, asked)
    found = [row for row in found if usable(row) or Path(row.path).resolve() in named]
    if not found:
        raise WamError('no such recording: nothing to delete')
    return found


def _agreed(rows: 'list[Row]', *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError('there is nobody to ask here: give --yes to delete')
    for row in rows[:_SHOWN]:
        print(f'{row.path}  {row.outcome or "not labelled"}  {row.duration_s:.1f} s')
    if len(rows) > _SHOWN:
        print(f'... and {len(rows) - _SHOWN} more')
    megabytes = sum(row.bytes for row in rows) / 1e6
    return input(f'delete {len(rows)} recordings, {megabytes:.0f} MB? [y/N] ').lower() == 'y'
