"""Parquet files of a LeRobotDataset v3.0: the same bytes for the same rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wam_data.export.lerobot_v3_features import Feature
from wam_data.export.lerobot_v3_statistics import KEYS

DATA: Final = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
VIDEO: Final = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
EPISODES: Final = 'meta/episodes/chunk-000/file-000.parquet'
TASKS: Final = 'meta/tasks.parquet'
_INDEX: Final = '__index_level_0__'  # as pandas names an index without a name
_NUMBERS: Final = pa.list_(pa.float64())
_CHANNELS: Final = pa.list_(pa.list_(_NUMBERS))


def write_data(path: Path, features: Mapping[str, Feature], values: Mapping[str, Any]) -> None:
    """The rows of an episode. Raises OSError."""
    arrays = [feature.array(values[name]) for name, feature in features.items()]
    _write(path, pa.table(arrays, names=list(features)))


def read_column(paths: Sequence[Path], name: str) -> Any:
    """(T, N) numbers of a column of several files. Raises OSError, pa.ArrowException."""
    parts = []
    for path in paths:
        column = pq.read_table(path, columns=[name], partitioning=None).column(name)
        column = column.combine_chunks()
        rows = len(column)
        if isinstance(column, pa.FixedSizeListArray):
            column = column.flatten()
        parts.append(
            np.asarray(column.to_numpy(zero_copy_only=False), np.float64).reshape(rows, -1)
        )
    return np.concatenate(parts)


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """Texts as the index of a pandas frame, which LeRobot looks tasks up in. Raises OSError."""
    arrays = [pa.array(range(len(tasks)), pa.int64()), pa.array(tasks, pa.string())]
    columns = [
        _pandas_column('task_index', 'task_index', 'int64', 'int64'),
        _pandas_column(None, _INDEX, 'unicode', 'object'),
    ]
    metadata = {
        'index_columns': [_INDEX],
        'column_indexes': [],
        'columns': columns,
        'pandas_version': '2.2.3',
    }
    table = pa.table(arrays, names=['task_index', _INDEX])
    _write(path, table.replace_schema_metadata({'pandas': json.dumps(metadata)}))


def _pandas_column(name: str | None, field: str, kind: str, numpy_kind: str) -> dict[str, object]:
    return {
        'name': name,
        'field_name': field,
        'pandas_type': kind,
        'numpy_type': numpy_kind,
        'metadata': None,
    }


def write_episodes(
    path: Path, rows: Sequence[Mapping[str, Any]], statistics: Sequence[Mapping[str, Any]]
) -> None:
    """meta/episodes. statistics: of each row, column -> key -> numbers. Raises OSError."""
    arrays = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    for name, first in statistics[0].items():
        of_pictures = isinstance(first['min'][0], list)
        for key in KEYS:
            kind = _CHANNELS if of_pictures else _NUMBERS
            kind = pa.list_(pa.int64()) if key == 'count' else kind
            values = [found[name][key] for found in statistics]
            arrays[f'stats/{name}/{key}'] = pa.array(values, kind)
    _write(path, pa.table(arrays))


def _write(path: Path, table: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression='snappy', use_dictionary=True)
