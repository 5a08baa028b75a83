"""SQL over the rows of the episode index, by DuckDB, in memory: it can read nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wam_core.errors import WamError
from wam_core.utf8 import check_text, escaped
from wam_data.row import COLUMNS, Row

try:
    import duckdb
except ImportError as error:  # ROS distributions don't have it
    raise WamError('SQL needs the Python package duckdb: pip install duckdb') from error

TABLE: Final = 'episodes'


@dataclass(frozen=True)
class Answer:
    """columns: names. rows: one tuple each."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def query(rows: Sequence[Row], sql: str) -> Answer:
    """The answer to one SELECT over the table ``episodes``. Raises WamError for anything else."""
    return _answer(rows, sql, sql)


def matching(rows: Sequence[Row], condition: str) -> list[Row]:
    """The rows for which a condition of SQL holds, in order. Raises WamError for a bad one."""
    # The line break ends a comment, so that one can't swallow the bracket.
    sql = f'SELECT path FROM {TABLE} WHERE ({condition}\n)'
    wanted = {path for (path,) in _answer(rows, sql, condition).rows}
    return [row for row in rows if escaped(row.path) in wanted]


def _answer(rows: Sequence[Row], sql: str, typed: str) -> Answer:
    """typed: what the user wrote of it."""
    check_text(typed, 'SQL')
    with _database(rows) as database:
        try:
            statements = database.extract_statements(sql)
            if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
                raise WamError(f'SQL {typed!r}: expected one SELECT over table {TABLE!r}')
            answer = database.execute(statements[0])
            names = tuple(column[0] for column in answer.description or ())
            return Answer(names, tuple(answer.fetchall()))
        except duckdb.Error as error:
            raise WamError(_explained(typed, error)) from error


def _database(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    settings: dict[str, Any] = {'python_enable_replacements': False, 'threads': 1}
    database = duckdb.connect(':memory:', config=settings)
    columns = ', '.join(f'"{name}" {kind}' for name, (kind, _) in COLUMNS.items())
    database.execute(f'CREATE TABLE {TABLE} ({columns})')
    values = ', '.join(f'unnest(?::{kind}[])' for kind, _ in COLUMNS.values())
    if rows:
        database.execute(
            f'INSERT INTO {TABLE} SELECT {values}',
            [[_held(getattr(row, name)) for row in rows] for name in COLUMNS],
        )
    database.execute('SET enable_external_access = false')
    database.execute('SET lock_configuration = true')
    return database


def _held(value: Any) -> Any:
    """As DuckDB can hold it: paths, and texts of older recordings, may not be UTF-8."""
    if isinstance(value, str):
        return escaped(value)
    return tuple(map(_held, value)) if isinstance(value, tuple) else value


def _explained(sql: str, error: duckdb.Error) -> str:
    where = (
        f' (columns: {", ".join(COLUMNS)})' if isinstance(error, duckdb.BinderException) else ''
    )
    return f'SQL {sql!r}: {str(error).strip().splitlines()[0]}{where}'
