"""dataset_statistics.json as Cosmos Policy reads it: what actions and states are normalised with.

Keys and meaning: nvlabs/cosmos-policy datasets/dataset_utils.py, calculate_dataset_statistics and
rescale_data.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from numpy.typing import NDArray

FILE: Final = 'dataset_statistics.json'
FILE_AFTER: Final = 'dataset_statistics_post_norm.json'
_DATASETS: Final = {'actions': 'action', 'proprio': 'observations/qpos'}
# Half of the range that a joint gets which never moved: the reader divides by the range.
_STILL: Final = 1e-3
Matrix = NDArray[np.float64]


def write_statistics(folder: Path, files: Sequence[Path]) -> None:
    """Writes the statistics of episodes, before and after normalisation. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {key: _read(files, name) for key, name in _DATASETS.items()}
    before = {name: row for key in values for name, row in statistics(key, values[key]).items()}
    after: dict[str, list[float]] = {}
    for key, rows in values.items():
        low, high = np.array(before[f'{key}_min']), np.array(before[f'{key}_max'])
        after |= statistics(key, 2.0 * (rows - low) / (high - low) - 1.0, widen=False)
    for name, contents in ((FILE, before), (FILE_AFTER, after)):
        (folder / name).write_text(json.dumps(contents, indent=4), encoding='utf-8')


def statistics(key: str, rows: Matrix, *, widen: bool = True) -> dict[str, list[float]]:
    """min, max, mean, std and median of each column of (N, 14) rows, as '<key>_min' and so on.

    widen: gives a column that never changes a range of 0.002, in whose middle it is.
    """
    low, high = rows.min(axis=0), rows.max(axis=0)
    still = (high - low < _STILL) & widen
    middle = (low + high) / 2
    low, high = np.where(still, middle - _STILL, low), np.where(still, middle + _STILL, high)
    found = {
        'min': low,
        'max': high,
        'mean': rows.mean(axis=0),
        'std': rows.std(axis=0),
        'median': np.median(rows, axis=0),
    }
    return {f'{key}_{name}': row.tolist() for name, row in found.items()}


def _read(files: Sequence[Path], name: str) -> Matrix:
    parts = []
    for path in files:
        with h5py.File(path, 'r') as file:
            parts.append(np.asarray(file[name], np.float64))
    return np.concatenate(parts)
