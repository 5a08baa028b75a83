"""``wam episodes verify``: reads recordings from end to end and says what is wrong with them."""

import argparse
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

from wam_cli import episode_filters
from wam_cli.usage import UsageError, usage
from wam_core.errors import WamError

if TYPE_CHECKING:
    from wam_data.checks.thresholds import Thresholds
    from wam_data.row import Row
    from wam_data.verify import VerificationReport


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    from wam_data.checks.thresholds import BOUNDS, Thresholds

    parser.description = verify.__doc__
    episode_filters.add(parser, complete='any')
    parser.add_argument('--json', action='store_true', help='one JSON object instead of lines')
    parser.add_argument(
        '--jobs', type=int, default=os.cpu_count() or 1, help='recordings at once (%(default)s)'
    )
    group = parser.add_argument_group('what is allowed')
    group.add_argument('--label', action='store_true', help='one without an outcome is flawed')
    defaults = Thresholds()
    for name, about in BOUNDS.items():
        text = f'{about["unit"]}, {about["meaning"]} (%(default)s: {about["reason"]})'
        group.add_argument(
            f'--{name}', type=float, default=getattr(defaults, name), metavar='X', help=text
        )
    parser.set_defaults(run=verify)


def verify(arguments: argparse.Namespace) -> int:
    """Reads recordings from end to end. Exit code 1 if one has a problem or a flaw.

    A problem: the recording is not what it says that it is. A flaw: it is, but beyond what is
    allowed below, so that a policy should not learn from it. A note: good to know.
    """
    from wam_data.checks.thresholds import BOUNDS, Thresholds

    if arguments.jobs < 1:
        raise UsageError(f'--jobs {arguments.jobs}, expected 1 or more')
    with usage():
        bounds = Thresholds(
            label=arguments.label, **{name: getattr(arguments, name) for name in BOUNDS}
        )
    paths = _paths(arguments)
    results: list[dict[str, object]] = []
    bad = 0
    for path, report in _reports(paths, bounds, arguments.jobs):
        if isinstance(report, str):
            bad += 1
            results.append({'episode': str(path), 'error': report})
            print(f'{path}: {report}', file=sys.stderr)
            continue
        bad += not report.clean
        results.append(report.as_json())
        if not arguments.json:
            print(report.text())
    if arguments.json:
        print(json.dumps({'episodes': results}))
    elif len(paths) > 1:
        print(f'{len(paths)} recordings, {bad} with a problem or a flaw', file=sys.stderr)
    return 1 if bad else 0


def _paths(arguments: argparse.Namespace) -> list[Path]:
    """Episodes that fit; and what was named and is none, for the report to say so."""
    from wam_data.selection import matching_rows, rows_of

    asked = episode_filters.selection(arguments)
    odd = [path for path in asked.episodes if not path.is_dir() or not rows_of(path, (path,))]
    rest = tuple(path for path in asked.episodes if path not in odd)
    rows: list[Row] = []
    if rest or not odd:
        with episode_filters.indexing() as progress:
            rows = rows_of(arguments.root, rest, progress)
    with usage():
        found = matching_rows(rows, asked)
    if not found and not odd:
        raise WamError('no recording fits: nothing to verify')
    return [*odd, *(Path(row.path) for row in found)]


def _reports(
    paths: Sequence[Path], bounds: 'Thresholds', jobs: int
) -> 'Iterator[tuple[Path, VerificationReport | str]]':
    """In the order of the paths. A text: why there is no report."""
    check = partial(_report, bounds=bounds)
    # A process takes as long to start as a short recording to check.
    workers = min(jobs, len(paths) // 2)
    if workers < 2:
        yield from zip(paths, map(check, paths), strict=True)
        return
    # Not forked: a copy of a process with threads, as libraries start them, may hang.
    context = multiprocessing.get_context('spawn')
    # Ctrl-C reaches every process; this one ends the others.
    with ProcessPoolExecutor(
        workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        done = track(
            pool.map(check, paths),
            'verifying',
            len(paths),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        try:
            yield from zip(paths, done, strict=True)
        except BrokenProcessPool as error:
            raise WamError('a process was killed, maybe for its memory: try --jobs 1') from error


def _report(path: Path, bounds: 'Thresholds') -> 'VerificationReport | str':
    from wam_data.verify import verify as check

    try:
        return check(path, bounds)
    except WamError as error:
        return str(error)
