"""The plan is indexed by time and has no jump where chunks join."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.chunk import Chunk, Refusal, RefusalReason
from wam_core.joints import Vector
from wam_core.timeline import ChunkTimeline, Merge

DT = 40_000_000
SPLICE = 200_000_000
HELD = np.full(14, 0.5)


def chunk(rows: Vector, t_obs_ns: int = 0, request_id: int = 1, dt_ns: int = DT) -> Chunk:
    """Every joint follows ``rows``, (H,)."""
    return Chunk(request_id, 1, 'fold', t_obs_ns, dt_ns, np.tile(rows[:, None], (1, 14)))


def at(timeline: ChunkTimeline, t_ns: int) -> float:
    sample = timeline.sample(t_ns)
    assert sample is not None
    assert np.ptp(sample.position) == 0.0
    return float(sample.position[0])


def test_without_a_splice_row_k_is_due_at_t_obs_plus_k_dt() -> None:
    timeline = ChunkTimeline(0)
    rows = np.arange(10.0) ** 2
    assert timeline.merge(chunk(rows, 5 * DT), 5 * DT, HELD, anchored=False) == Merge(0, 10)
    for row in range(10):
        assert at(timeline, (5 + row) * DT) == rows[row]
    sample = timeline.sample(8 * DT + DT // 4)
    assert sample is not None
    assert (sample.row, sample.request_id, sample.position[0]) == (3.25, 1, 9.0 + 7.0 / 4)


def test_the_last_row_lasts_for_its_period_and_then_nothing_is_due() -> None:
    timeline = ChunkTimeline(0)
    timeline.merge(chunk(np.arange(3.0)), 0, HELD, anchored=True)
    assert timeline.end_ns == 3 * DT
    assert at(timeline, 3 * DT - 1) == 2.0
    assert timeline.sample(3 * DT) is None
    timeline.clear()
    assert timeline.sample(0) is None


def test_without_a_chunk_nothing_is_due() -> None:
    timeline = ChunkTimeline(0)
    assert timeline.sample(0) is None
    assert timeline.end_ns is None


def test_anchored_rows_begin_at_the_merge_however_old_the_observation_is() -> None:
    timeline = ChunkTimeline(0)
    assert timeline.merge(chunk(np.arange(3.0)), 50 * DT, HELD, anchored=True) == Merge(0, 3)
    assert at(timeline, 51 * DT) == 1.0


@given(st.integers(0, 12 * DT), st.integers(1, 10))
@settings(max_examples=200, deadline=None)
def test_rows_before_now_are_skipped_and_counted(late_ns: int, horizon: int) -> None:
    timeline = ChunkTimeline(SPLICE)
    merge = timeline.merge(chunk(np.arange(float(horizon))), late_ns, HELD, anchored=False)
    before = sum(row * DT < late_ns for row in range(horizon))
    if before == horizon:
        assert isinstance(merge, Refusal)
        assert merge.reason is RefusalReason.PAST
        assert timeline.sample(late_ns) is None
    else:
        assert merge == Merge(before, horizon - before)
        assert timeline.rows_remaining(late_ns) == horizon - before


def test_a_refused_chunk_leaves_the_plan_as_it_was() -> None:
    timeline = ChunkTimeline(0)
    timeline.merge(chunk(np.arange(50.0)), 0, HELD, anchored=False)
    late = timeline.merge(chunk(np.zeros(5), request_id=2), 20 * DT, HELD, anchored=False)
    assert isinstance(late, Refusal)
    assert 'row 0 was due 0.800 s ago, the last of 5 rows 0.160 s after it' in late.text
    assert at(timeline, 20 * DT) == 20.0


def test_rows_remaining_counts_down() -> None:
    timeline = ChunkTimeline(0)
    assert timeline.rows_remaining(0) == 0
    timeline.merge(chunk(np.zeros(3), t_obs_ns=DT), 0, HELD, anchored=False)
    times = (0, DT, DT + 1, 2 * DT, 3 * DT, 3 * DT + 1, 9 * DT)
    assert [timeline.rows_remaining(t_ns) for t_ns in times] == [3, 3, 2, 2, 1, 0, 0]


values = st.floats(-3.0, 3.0, allow_nan=False)


@given(values, values, values, st.integers(0, 9 * DT))
@settings(max_examples=200, deadline=None)
def test_the_target_does_not_jump_at_a_merge(
    held: float, first: float, second: float, now_ns: int
) -> None:
    timeline = ChunkTimeline(SPLICE)
    timeline.merge(chunk(np.full(10, first)), 0, np.full(14, held), anchored=True)
    assert at(timeline, 0) == np.float64(first + (held - first))
    before = at(timeline, now_ns)
    timeline.merge(
        chunk(np.full(30, second), request_id=2), now_ns, np.full(14, 99.0), anchored=False
    )
    assert abs(at(timeline, now_ns) - before) < 1e-9
    # The steepest that a minimum-jerk fade gets is 15/8 of its mean velocity.
    bound = 1.875 * abs(before - second) * 1e6 / SPLICE + 1e-9
    samples = [at(timeline, now_ns + step * 1_000_000) for step in range(250)]
    assert np.abs(np.diff(samples)).max() <= bound
    assert samples[-1] == second


def test_out_of_rest_the_plan_begins_at_the_held_position() -> None:
    timeline = ChunkTimeline(SPLICE)
    timeline.merge(chunk(np.zeros(5)), 0, HELD, anchored=True)
    assert timeline.sample(5 * DT) is None
    timeline.merge(chunk(np.ones(20), request_id=2), 10 * DT, HELD, anchored=True)
    assert at(timeline, 10 * DT) == 0.5
    assert at(timeline, 10 * DT + SPLICE) == 1.0


def test_a_plan_that_is_not_due_yet_waits_at_its_first_row() -> None:
    timeline = ChunkTimeline(0)
    timeline.merge(chunk(np.arange(5.0), t_obs_ns=2 * DT), 0, HELD, anchored=False)
    assert [at(timeline, t_ns) for t_ns in (0, 2 * DT, 3 * DT)] == [0.0, 0.0, 1.0]
