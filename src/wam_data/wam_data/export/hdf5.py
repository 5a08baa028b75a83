"""HDF5 files that are the same bytes for the same contents."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray


@contextmanager
def create(path: Path) -> Iterator[Any]:
    """A new h5py.File, written over an old one; its folder is made. Raises OSError.

    It has no times of creation, and the oldest layout that holds it, for old readers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w', libver='earliest', track_order=False) as file:
        yield file


def write_rows(file: Any, name: str, values: NDArray[Any], rows: int) -> None:
    """A dataset of so many rows; what is beyond ``values`` repeats its last one."""
    dataset = file.create_dataset(name, (rows, *values.shape[1:]), values.dtype, track_times=False)
    dataset[: len(values)] = values
    if rows > len(values):
        dataset[len(values) :] = values[-1]
