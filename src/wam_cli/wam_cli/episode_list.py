"""``wam episodes list``: the index of recordings, as lines, as JSON, or asked by SQL."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wam_cli import episode_filters
from wam_cli.usage import usage

if TYPE_CHECKING:
    from wam_data.row import Row


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = list_.__doc__
    episode_filters.add(parser, complete='any')
    parser.add_argument(
        '--sql',
        dest='query',
        metavar='QUERY',
        help='show the answer to a SELECT over table episodes, e.g. '
        '"SELECT task_name, count(*), avg(score) FROM episodes GROUP BY ALL"',
    )
    parser.add_argument('--columns', action='store_true', help='what SQL can ask for')
    parser.add_argument('--json', action='store_true', help='one JSON object instead of lines')
    parser.set_defaults(run=list_)


def list_(arguments: argparse.Namespace) -> int:
    """Lists recordings, oldest first. Exit code 1 if the manifest of one can't be read."""
    if arguments.columns:
        return _columns(arguments)
    from wam_data.selection import matching_rows, rows_of

    asked = episode_filters.selection(arguments)
    with episode_filters.indexing() as progress:
        rows = rows_of(arguments.root, asked.episodes, progress)
    with usage():
        found = matching_rows(rows, asked)
    if arguments.query:
        return _answer(arguments, found)
    if arguments.json:
        print(json.dumps({'episodes': [asdict(row) for row in found]}))
    else:
        _print(['EPISODE', 'OUTCOME', 'SECONDS', 'BY', 'SEED', 'STATE'], map(_line, found))
        left = f' ({len(rows) - len(found)} others do not fit)' if len(found) < len(rows) else ''
        print(f'{len(found)} recordings{left}', file=sys.stderr)
    return 1 if any(row.problem for row in found) else 0


def _answer(arguments: argparse.Namespace, rows: 'Sequence[Row]') -> int:
    from wam_data.query import query

    with usage():
        answer = query(rows, arguments.query)
    if arguments.json:
        found = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        print(json.dumps({'rows': found}, default=str))
    else:
        _print(answer.columns, ([_text(value) for value in row] for row in answer.rows))
    return 0


def _columns(arguments: argparse.Namespace) -> int:
    from wam_data.row import COLUMNS

    if arguments.json:
        print(json.dumps({name: {'type': c[0], 'meaning': c[1]} for name, c in COLUMNS.items()}))
    else:
        lines = ([name, kind, meaning] for name, (kind, meaning) in COLUMNS.items())
        _print(['COLUMN', 'TYPE', 'MEANING'], lines)
    return 0


def _line(row: 'Row') -> list[str]:
    if row.problem:
        return [row.path, '', '', '', '', row.problem]
    score = '' if row.score is None else f' {row.score:g}'
    state = 'partial' if row.partial else '' if row.complete else 'not complete'
    taken = f'{row.interventions} interventions' if row.interventions else ''
    return [
        row.path,
        f'{row.outcome or "not labelled"}{score}',
        f'{row.duration_s:.1f}',
        row.policy or row.operator or row.origin or row.kind,
        '' if row.seed < 0 else str(row.seed),
        ', '.join(filter(None, (state, taken))),
    ]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.6g}'
    return '' if value is None else ' '.join(str(value).split())


def _print(heads: Sequence[str], lines: Any) -> None:
    """Columns as wide as their contents; the last one without padding."""
    table = [list(heads), *(list(line) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print('  '.join(cells).rstrip())
