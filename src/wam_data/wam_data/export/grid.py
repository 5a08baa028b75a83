"""Puts samples with true stamps on a regular grid, and counts what that cost."""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError

Indices = NDArray[np.int64]
Stamps = NDArray[np.int64]
NONE: Final = -1
"""Index of a row for which there is no sample."""


@dataclass(frozen=True)
class Grid:
    """Row k is at start_ns + k period_ns, ROS clock; count rows."""

    start_ns: int
    period_ns: int
    count: int

    def __post_init__(self) -> None:
        if self.period_ns <= 0 or self.count < 0:
            raise WamError(
                f'grid of {self.count} rows every {self.period_ns} ns, expected at least 0 rows '
                'and a period above 0'
            )

    @property
    def times_ns(self) -> Stamps:
        """(count,) times of the rows."""
        return self.start_ns + self.period_ns * np.arange(self.count, dtype=np.int64)

    @property
    def rate_hz(self) -> float:
        """Rows per second."""
        return 1e9 / self.period_ns


@dataclass(frozen=True)
class Resampling:
    """What putting a stream on a grid did to it.

    samples: in the recording, within the grid's time. unused: of those, in no row. late: came
    with a stamp that was not newer than the one before, never used. holds: rows that repeat the
    sample of the row before; largest_hold: most of them in a row. max_age_ms, mean_age_ms: row
    minus sample, below 0 for a sample that is newer than its row.
    """

    stream: str
    samples: int
    unused: int
    late: int
    holds: int
    largest_hold: int
    max_age_ms: float
    mean_age_ms: float

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


def in_order(stamps: Stamps) -> NDArray[np.bool_]:
    """(N,) which samples are newer than all before them: the others came too late to be used."""
    if stamps.size == 0:
        return np.zeros(0, np.bool_)
    newest = np.maximum.accumulate(stamps)
    return np.concatenate([[True], stamps[1:] > newest[:-1]])


def as_of(stamps: Stamps, grid: Grid) -> Indices:
    """(count,) index of the newest sample at or before each row; NONE: there is none.

    stamps: (N,) ns, increasing. Never an index of a sample that is later than its row.
    """
    return np.searchsorted(stamps, grid.times_ns, side='right').astype(np.int64) - 1


def nearest(stamps: Stamps, grid: Grid, tolerance_ns: int) -> Indices:
    """(count,) index of the sample nearest to each row, the older of two as near.

    stamps: (N,) ns, increasing. NONE where the nearest is further away than ``tolerance_ns``.
    """
    if stamps.size == 0:
        return np.full(grid.count, NONE, np.int64)
    times = grid.times_ns
    after = np.clip(np.searchsorted(stamps, times, side='left'), 0, stamps.size - 1)
    before = np.maximum(after - 1, 0)
    older = np.abs(times - stamps[before]) <= np.abs(stamps[after] - times)
    chosen = np.where(older, before, after).astype(np.int64)
    chosen[np.abs(stamps[chosen] - times) > tolerance_ns] = NONE
    return chosen


def from_then(stamps: Stamps, grid: Grid, jitter_ns: int = 0) -> Indices:
    """(count,) index of the first sample at or after each row; NONE: there is none.

    stamps: (N,) ns, increasing. jitter_ns: a sample that is earlier by no more counts as at it.
    """
    found = np.searchsorted(stamps, grid.times_ns - jitter_ns, side='left').astype(np.int64)
    found[found >= stamps.size] = NONE
    return found


def ages_ns(stamps: Stamps, indices: Indices, grid: Grid) -> Stamps:
    """(count,) row minus sample. Every index must be of a sample."""
    return grid.times_ns - stamps[indices]


def holds(indices: Indices) -> tuple[int, int]:
    """How many rows repeat the sample of the row before, and the most of them in a row."""
    if indices.size < 2:
        return 0, 0
    changes = np.flatnonzero(np.concatenate([[True], indices[1:] != indices[:-1], [True]]))
    runs = np.diff(changes) - 1
    return int(runs.sum()), int(runs.max())


def resampling(stream: str, stamps: Stamps, late: int, indices: Indices, grid: Grid) -> Resampling:
    """Describes a choice of samples. Every index must be of a sample."""
    if indices.size == 0:
        return Resampling(stream, 0, 0, late, 0, 0, 0.0, 0.0)
    ages = ages_ns(stamps, indices, grid)
    samples = int(indices[-1] - indices[0]) + 1
    held, largest = holds(indices)
    return Resampling(
        stream=stream,
        samples=samples,
        unused=samples - int(np.unique(indices).size),
        late=late,
        holds=held,
        largest_hold=largest,
        max_age_ms=round(float(ages.max()) / 1e6, 3),
        mean_age_ms=round(float(ages.mean()) / 1e6, 3),
    )
