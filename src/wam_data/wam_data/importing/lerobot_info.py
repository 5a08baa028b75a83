"""meta/info.json of a LeRobotDataset, and its tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wam_core.errors import WamError
from wam_core.mapping import Section
from wam_core.policy import Matrix
from wam_data.importing.vectors import Feature

INFO: Final = 'meta/info.json'
_PICTURES: Final = ('video', 'image')
_DEPTH: Final = 'video.is_depth_map'


@dataclass(frozen=True)
class Column:
    """A feature. dtype: of NumPy, or video, image, string. names: of its numbers. depth: no
    colours, but distances.
    """

    dtype: str
    names: tuple[str, ...] = ()
    depth: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether it is a camera's."""
        return self.dtype in _PICTURES


@dataclass(frozen=True)
class Info:
    """version: v2.1, v3.0, ... rate_hz: its fps. data_path, video_path: patterns of file names.
    robot: its type, where it is said.
    """

    version: str
    rate_hz: float
    columns: Mapping[str, Column]
    data_path: str
    video_path: str
    chunk_size: int
    robot: str


def read_info(folder: Path) -> Info:
    """Of a data set's folder. Raises WamError naming the file and the key."""
    path = folder / INFO
    try:
        contents = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise WamError(f'{path}: cannot be read as JSON: {error}') from error
    section = Section(contents, str(path))
    features = section.section('features')
    return Info(
        section.text('codebase_version'),
        section.number('fps', 0.1, 1000.0),
        {name: _column(features.section(name)) for name in features.names()},
        section.text('data_path'),
        section.text('video_path') if isinstance(contents.get('video_path'), str) else '',
        section.integer('chunks_size', 1, 2**31) if 'chunks_size' in section else 1000,
        str(contents.get('robot_type') or ''),
    )


def _column(section: Section) -> Column:
    values = section.values()
    about = values.get('info') or values.get('video_info') or {}
    depth = isinstance(about, Mapping) and about.get(_DEPTH) is True
    return Column(section.text('dtype'), tuple(_flat(values.get('names'))), depth)


def _flat(names: Any) -> list[str]:
    """Names as lists, lists of lists, or mappings of those: all occur."""
    if isinstance(names, str):
        return [names]
    if isinstance(names, Mapping):
        names = list(names.values())
    return [text for name in names for text in _flat(name)] if isinstance(names, list) else []


def read_table(path: Path, columns: list[str] | None = None, episode: int | None = None) -> Any:
    """A parquet file; some columns, or one episode's rows. Raises WamError."""
    rows = None if episode is None else [('episode_index', '==', episode)]
    try:
        table = pq.read_table(path, columns=columns, filters=rows, partitioning=None)
        table.column_names  # noqa: B018 - a name may not be a text
    except (OSError, pa.ArrowException, ValueError) as error:
        raise WamError(f'{path}: cannot be read as parquet: {error}') from error
    return table


def cells(column: Any, source: str) -> list[Any]:
    """The values of a column, or rows of a table. Raises WamError."""
    try:
        return list(column.to_pylist())
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise WamError(f'{source}: cannot be read: {error}') from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a .jsonl file. Raises WamError."""
    try:
        texts = path.read_text(encoding='utf-8').splitlines()
        found = [json.loads(text) for text in texts if text.strip()]
    except (OSError, ValueError) as error:
        raise WamError(f'{path}: cannot be read as JSON lines: {error}') from error
    if not all(isinstance(entry, dict) for entry in found):
        raise WamError(f'{path}: expected a JSON object in each line')
    return found


def feature(table: Any, name: str, column: Column | None, source: str) -> Feature | None:
    """A column as rows of numbers; None where the table has none. Raises WamError."""
    if name not in table.column_names:
        return None
    rows = numbers(table, name, source)
    return Feature(rows, column.names if column is not None else ())


def numbers(table: Any, name: str, source: str) -> Matrix:
    """A column as (T, N) numbers, N = 1 for one number in each row. Raises WamError."""
    try:
        rows = np.array(cells(table.column(name), source), np.float64)
    except (ValueError, TypeError) as error:
        raise WamError(f'{source}: {name}: cannot be read as numbers: {error}') from error
    return rows.reshape(len(rows), 1) if rows.ndim == 1 else rows


def integers(table: Any, name: str, source: str) -> list[int]:
    """A column of one whole number in each row. Raises WamError."""
    if name not in table.column_names:
        raise WamError(f'{source}: has no column {name!r}, its columns are {table.column_names}')
    found = cells(table.column(name), source)
    flat = [value[0] if isinstance(value, list) and value else value for value in found]
    if not all(isinstance(value, int) for value in flat):
        raise WamError(f'{source}: {name}: expected whole numbers')
    return flat


def file_of(folder: Path, pattern: str, **numbers: object) -> Path:
    """The path that a pattern of info.json gives. Raises WamError where it leads elsewhere."""
    try:
        path = folder / pattern.format(**numbers)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise WamError(
            f'{folder / INFO}: path {pattern!r} of {sorted(numbers)}: {error!r}'
        ) from error
    if not path.resolve().is_relative_to(folder.resolve()):
        raise WamError(f'{folder / INFO}: path {pattern!r} leads out of the data set')
    return path
