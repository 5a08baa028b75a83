"""``wam episodes recover``: makes whole recordings of those that were cut off or damaged."""

import argparse
import json
import sys
from pathlib import Path

from wam_core.errors import WamError


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = recover.__doc__
    parser.add_argument('episodes', nargs='+', type=Path, metavar='EPISODE')
    parser.add_argument(
        '--out', type=Path, help='root folder for the new recordings; then no other is touched'
    )
    parser.add_argument('--json', action='store_true', help='one JSON object instead of lines')
    parser.set_defaults(run=recover)


def recover(arguments: argparse.Namespace) -> int:
    """Makes whole recordings of those that were cut off or damaged. Exit code 1 if one can't be.

    A .partial one is mended where it is. One that was finished and damaged later stays as it is:
    what can be saved becomes a new one beside it. One that is sound is refused, and so is one that
    is being recorded on this machine.
    """
    from wam_cli.open_recording import check_closed
    from wam_data.recover import recover as mend

    results: list[dict[str, object]] = []
    bad = 0
    for path in arguments.episodes:
        try:
            check_closed(path)
            report = mend(path, out=arguments.out)
        except (WamError, OSError) as error:
            bad += 1
            results.append({'episode': str(path), 'error': str(error)})
            print(f'{path}: {error}', file=sys.stderr)
            continue
        results.append(report.as_json())
        if not arguments.json:
            print(report.text())
    if arguments.json:
        print(json.dumps({'episodes': results}))
    return 1 if bad else 0
