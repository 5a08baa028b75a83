"""The frozen prefix on another time grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.joints import DIM
from wam_core.policy import Matrix
from wam_core.prefix import resample

DT_NS = 40_000_000
START_NS = 7_000_000_000
OFFSETS = st.integers(-5 * DT_NS, 40 * DT_NS)


def random_prefix(length: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(size=(length, DIM))


def at(prefix: Matrix, offset_ns: int) -> Matrix:
    """The frozen plan by NumPy's own interpolation."""
    times = np.arange(len(prefix)) * DT_NS
    return np.stack([np.interp(offset_ns, times, column) for column in prefix.T])


@given(length=st.integers(0, 30), offset_ns=OFFSETS, rows=st.integers(0, 60))
def test_every_row_is_the_plan_at_its_time_and_none_is_beyond_it(
    length: int, offset_ns: int, rows: int
) -> None:
    prefix = random_prefix(length)
    got = resample(prefix, START_NS, DT_NS, START_NS + offset_ns, rows)
    due_ns = offset_ns + np.arange(rows) * DT_NS
    covered = (due_ns >= 0) & (due_ns <= (length - 1) * DT_NS)
    expected = int(covered.sum()) if offset_ns >= 0 else 0
    assert got.shape == (expected, DIM)
    for row, time_ns in zip(got, due_ns, strict=False):
        np.testing.assert_allclose(row, at(prefix, int(time_ns)), atol=1e-9)


@given(length=st.integers(1, 30), first=st.integers(0, 29))
def test_on_the_prefix_own_grid_the_rows_are_its_own(length: int, first: int) -> None:
    prefix = random_prefix(length)
    got = resample(prefix, START_NS, DT_NS, START_NS + first * DT_NS, 100)
    np.testing.assert_array_equal(got, prefix[first:])


@given(offset_ns=OFFSETS)
def test_rows_stay_between_those_of_the_prefix(offset_ns: int) -> None:
    prefix = random_prefix(12, seed=3)
    got = resample(prefix, START_NS, DT_NS, START_NS + offset_ns, 50)
    assert (got >= prefix.min(axis=0) - 1e-12).all() and (got <= prefix.max(axis=0) + 1e-12).all()


def test_the_result_is_a_copy() -> None:
    prefix = random_prefix(4)
    resample(prefix, START_NS, DT_NS, START_NS, 4)[:] = 0.0
    assert np.abs(prefix).min() > 0.0


def test_a_period_of_zero_is_refused() -> None:
    with pytest.raises(WamError, match='dt_ns = 0'):
        resample(random_prefix(3), START_NS, 0, START_NS, 3)
