"""``wam episodes``: list recordings, check them, recover them."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wam_core.errors import WamError

if TYPE_CHECKING:
    from wam_data.catalogue import Entry


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the commands and their arguments."""
    parser.description = (
        'Recordings are directories <root>/<task>/<UTC start>-<4 hex>; those that were not closed '
        'in order end in .partial.'
    )
    kinds = parser.add_subparsers(dest='kind', required=True, metavar='action')
    listing = kinds.add_parser(
        'list', help='one line for each recording', description=list_.__doc__
    )
    listing.add_argument(
        'root', nargs='?', type=Path, default=Path('episodes'), help='(%(default)s)'
    )
    listing.add_argument('--json', action='store_true', help='one JSON object instead of lines')
    listing.set_defaults(run=list_)
    checking = kinds.add_parser(
        'verify', help='check that recordings are whole', description=verify.__doc__
    )
    mending = kinds.add_parser(
        'recover', help='make a whole recording of a .partial one', description=recover.__doc__
    )
    for action, function in ((checking, verify), (mending, recover)):
        action.add_argument('episodes', nargs='+', type=Path, metavar='EPISODE')
        action.add_argument('--json', action='store_true', help='one JSON object instead of lines')
        action.set_defaults(run=function)


def list_(arguments: argparse.Namespace) -> int:
    """Lists the recordings below a directory, oldest first. Exit code 1 if one can't be read."""
    from wam_data.catalogue import list_episodes

    entries = list_episodes(arguments.root)
    if arguments.json:
        print(json.dumps({'episodes': [_entry(entry) for entry in entries]}))
    else:
        for entry in entries:
            print(_line(entry))
        print(f'{len(entries)} recordings in {arguments.root}', file=sys.stderr)
    return 1 if any(entry.problem for entry in entries) else 0


def verify(arguments: argparse.Namespace) -> int:
    """Reads recordings from end to end. Exit code 1 if one has a problem."""
    from wam_data.verify import verify as check

    return _each(arguments, check, lambda report: bool(report.ok))


def recover(arguments: argparse.Namespace) -> int:
    """Makes recordings that were cut off whole again. Exit code 1 if one can't be."""
    from wam_data.recover import recover as mend

    return _each(arguments, mend, lambda report: True)


def _each(arguments: argparse.Namespace, function: Any, good: Any) -> int:
    """Applies it to every episode; one that can't be read does not keep it from the others."""
    results, bad = [], 0
    for path in arguments.episodes:
        try:
            report = function(path)
        except (WamError, OSError) as error:
            bad += 1
            results.append({'episode': str(path), 'error': str(error)})
            print(f'{path}: {error}', file=sys.stderr)
            continue
        bad += not good(report)
        results.append(report.as_json())
        if not arguments.json:
            print(report.text())
    if arguments.json:
        print(json.dumps({'episodes': results}))
    return 1 if bad else 0


def _entry(entry: 'Entry') -> dict[str, object]:
    found: dict[str, object] = {'path': str(entry.path), 'partial': entry.partial}
    found['problem'] = entry.problem
    manifest = entry.manifest
    if manifest is not None:
        outcome = manifest.outcome
        found |= {
            'task': manifest.identity.task_name or manifest.identity.task,
            'policy': manifest.identity.policy,
            'seed': manifest.identity.seed,
            'outcome': outcome.result if outcome else '',
            'score': outcome.score if outcome else None,
            'duration_s': manifest.duration_s,
            'messages': manifest.messages,
            'complete': manifest.complete,
        }
    return found


def _line(entry: 'Entry') -> str:
    manifest = entry.manifest
    if manifest is None:
        return f'{entry.path}  {entry.problem or "being recorded, or cut off"}'
    outcome = manifest.outcome
    how = f'{outcome.result} {outcome.score:g}' if outcome else 'not labelled'
    state = 'partial' if entry.partial else '' if manifest.complete else 'not complete'
    policy = f'{manifest.identity.policy} seed {manifest.identity.seed}'
    return f'{entry.path}  {how}  {manifest.duration_s:.1f} s  {policy}  {state}'.rstrip()
