import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_data.export.grid import (
    NONE,
    Grid,
    as_of,
    from_then,
    holds,
    in_order,
    nearest,
    resampling,
)

GRIDS = st.builds(Grid, st.integers(0, 500), st.integers(1, 60), st.integers(0, 40))
STAMPS = st.lists(st.integers(0, 1500), max_size=60, unique=True).map(
    lambda values: np.array(sorted(values), np.int64)
)


@given(STAMPS, GRIDS)
def test_as_of_is_the_newest_sample_that_is_not_later_than_its_row(
    stamps: np.ndarray, grid: Grid
) -> None:
    for index, time in zip(as_of(stamps, grid), grid.times_ns, strict=True):
        earlier = [place for place, stamp in enumerate(stamps) if stamp <= time]
        assert index == (max(earlier) if earlier else NONE)


@given(STAMPS, GRIDS, st.integers(0, 100))
def test_nearest_is_the_nearest_within_the_tolerance(
    stamps: np.ndarray, grid: Grid, tolerance: int
) -> None:
    for index, time in zip(nearest(stamps, grid, tolerance), grid.times_ns, strict=True):
        away = [abs(int(stamp) - int(time)) for stamp in stamps]
        if away and min(away) <= tolerance:
            assert index == away.index(min(away)), 'the older of two as near'
        else:
            assert index == NONE


@given(STAMPS, GRIDS, st.integers(0, 5))
def test_an_action_is_the_first_at_or_after_its_row(
    stamps: np.ndarray, grid: Grid, jitter: int
) -> None:
    for index, time in zip(from_then(stamps, grid, jitter), grid.times_ns, strict=True):
        later = [place for place, stamp in enumerate(stamps) if stamp >= time - jitter]
        assert index == (min(later) if later else NONE)


@given(st.lists(st.integers(0, 30), max_size=40))
def test_only_samples_newer_than_all_before_are_in_order(values: list[int]) -> None:
    kept = in_order(np.array(values, np.int64))
    expected = [all(value > before for before in values[:at]) for at, value in enumerate(values)]
    assert kept.tolist() == expected


def test_holds_are_counted_by_row_and_run() -> None:
    assert holds(np.array([0, 0, 0, 1, 2, 2])) == (3, 2)
    assert holds(np.array([4])) == (0, 0)
    assert holds(np.array([], np.int64)) == (0, 0)


def test_a_report_of_a_stream_at_twice_and_at_half_the_rate() -> None:
    grid = Grid(0, 40_000_000, 5)
    fast = np.arange(0, 200_000_000, 20_000_000)
    report = resampling('fast', fast, 3, as_of(fast, grid), grid)
    assert (report.samples, report.unused, report.late, report.holds) == (9, 4, 3, 0)
    slow = np.arange(0, 200_000_000, 80_000_000)
    report = resampling('slow', slow, 0, as_of(slow, grid), grid)
    assert (report.samples, report.unused, report.holds, report.largest_hold) == (3, 0, 2, 1)
    assert (report.max_age_ms, report.mean_age_ms) == (40.0, 16.0)


def test_a_grid_without_a_period_is_refused() -> None:
    with pytest.raises(WamError, match='every 0 ns'):
        Grid(0, 0, 1)
