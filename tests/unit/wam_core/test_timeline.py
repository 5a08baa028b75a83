"""The plan is indexed by time and has no jump where chunks join."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from executor_rig import DT, LIMITS, MS
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.chunk import Chunk, ChunkFields, Refusal, RefusalReason, check
from wam_core.joints import GRIPPERS, Vector
from wam_core.spline import Motion
from wam_core.timeline import ChunkTimeline, Merge

SPLICE_S = 0.2
STEP = 10_000  # ns
HELD = Motion(np.full(14, 0.5), np.zeros(14), np.zeros(14))
ARM_JOINTS = [joint for joint in range(14) if joint not in GRIPPERS]


def chunk(
    rows: Vector, t_obs_ns: int = 0, request_id: int = 1, dt_ns: int = DT, prefix_rows: int = 0
) -> Chunk:
    """Every joint follows ``rows``, (H,), or its own column of (H, 14)."""
    actions = np.broadcast_to(rows.reshape(len(rows), -1), (len(rows), 14)).ravel()
    fields = ChunkFields(
        request_id, 1, 'fold', t_obs_ns, dt_ns, len(rows), 14, actions, prefix_rows
    )
    checked = check(fields)
    assert isinstance(checked, Chunk)
    return checked


def standing(value: float) -> Motion:
    return replace(HELD, position=np.full(14, value))


def at(timeline: ChunkTimeline, t_ns: int, joint: int = 0) -> float:
    sample = timeline.sample(t_ns)
    assert sample is not None
    return float(sample.position[joint])


def test_row_k_is_due_at_t_obs_plus_k_dt() -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    rows = 0.01 * np.arange(10.0) ** 2
    first = replace(HELD, position=np.zeros(14), velocity=chunk(rows).curve.at(0.0).velocity)
    merge = timeline.merge(chunk(rows, 5 * DT), 5 * DT, first, anchored=False)
    assert merge == Merge(0, 0.0)
    for row in range(10):
        assert at(timeline, (5 + row) * DT) == pytest.approx(rows[row], abs=1e-12)
    sample = timeline.sample(8 * DT + DT // 4)
    assert sample is not None
    assert (sample.row, sample.request_id) == (3.25, 1)
    assert rows[3] < sample.position[0] < rows[4]


def test_the_plan_ends_when_its_last_row_is_due() -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    timeline.merge(chunk(np.full(3, 0.5)), 0, HELD, anchored=True)
    assert timeline.end_ns == 2 * DT
    assert at(timeline, 2 * DT) == 0.5
    assert timeline.sample(2 * DT + 1) is None
    timeline.clear()
    assert timeline.sample(0) is None
    assert (timeline.end_ns, timeline.dt_ns, timeline.rows_remaining(0)) == (None, None, 0)


def test_anchored_rows_begin_at_the_merge_however_old_the_observation_is() -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    rows = np.array([0.5, 0.51, 0.52])
    merge = timeline.merge(chunk(rows), 50 * DT, HELD, anchored=True)
    assert merge == Merge(0, 0.0)
    sample = timeline.sample(51 * DT)
    assert sample is not None
    assert sample.row == 1.0
    assert timeline.end_ns == 52 * DT


@given(st.integers(0, 12 * DT), st.integers(1, 10))
@settings(max_examples=200, deadline=None)
def test_rows_before_now_are_skipped_and_counted(late_ns: int, horizon: int) -> None:
    timeline = ChunkTimeline(SPLICE_S, LIMITS)
    merge = timeline.merge(chunk(np.full(horizon, 0.5)), late_ns, HELD, anchored=False)
    before = sum(row * DT < late_ns for row in range(horizon))
    if before == horizon:
        assert isinstance(merge, Refusal)
        assert merge.reason is RefusalReason.PAST
        assert timeline.sample(late_ns) is None
    else:
        assert isinstance(merge, Merge)
        assert merge.rows_skipped == before
        assert merge.splice_rad < 1e-12
        assert timeline.rows_remaining(late_ns) == horizon - before


def test_a_refused_chunk_leaves_the_plan_as_it_was() -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    timeline.merge(chunk(np.full(50, 0.5)), 0, HELD, anchored=False)
    late = timeline.merge(chunk(np.zeros(5), request_id=2), 20 * DT, HELD, anchored=False)
    assert isinstance(late, Refusal)
    assert 'row 0 was due 0.800 s ago, the last of 5 rows 0.160 s after it' in late.text
    assert at(timeline, 20 * DT) == 0.5


def test_rows_remaining_counts_down() -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    timeline.merge(chunk(np.zeros(3), t_obs_ns=DT), 0, HELD, anchored=False)
    times = (0, DT, DT + 1, 2 * DT, 3 * DT, 3 * DT + 1, 9 * DT)
    assert [timeline.rows_remaining(t_ns) for t_ns in times] == [3, 3, 2, 2, 1, 0, 0]


def jumps(sample: Callable[[int], Vector], around_ns: int) -> tuple[Vector, Vector]:
    """(position, velocity) jumps of a plan at a time, (14,), as its values just beside it say."""
    before, after = ([sample(around_ns + side * k * STEP) for k in (1, 2, 3)] for side in (-1, 1))
    left = 3.0 * before[0] - 3.0 * before[1] + before[2]  # to the middle, by a parabola
    right = 3.0 * after[0] - 3.0 * after[1] + after[2]
    slope = (before[0] - before[1]), (after[1] - after[0])
    return np.abs(left - right), np.abs(slope[0] - slope[1]) / (STEP / 1e9)


@given(st.integers(0, 2**32 - 1), st.integers(4 * MS, 9 * DT), st.booleans())
@settings(max_examples=100, deadline=None)
def test_position_and_velocity_go_on_over_a_merge(seed: int, now_ns: int, later: bool) -> None:
    """later: as in rtc, the new plan takes over after the rows that both have in common."""
    numbers = np.random.default_rng(seed)
    rows = [np.cumsum(numbers.uniform(-0.03, 0.03, (40, 14)), axis=0) for _ in range(2)]
    timeline, plan = ChunkTimeline(SPLICE_S, LIMITS), ChunkTimeline(SPLICE_S, LIMITS)
    first = chunk(rows[0])
    for each in (timeline, plan):
        each.merge(first, 0, standing(0.0), anchored=False)
    begin_ns = now_ns + 5 * DT if later else now_ns
    second = chunk(rows[1], now_ns // DT * DT, request_id=2)
    timeline.merge(second, now_ns, HELD, anchored=False, begin_ns=begin_ns if later else 0)

    def joined(t_ns: int) -> Vector:
        sample = (plan if t_ns < begin_ns else timeline).sample(t_ns)
        assert sample is not None
        return sample.position

    position, velocity = jumps(joined, begin_ns)
    assert position[ARM_JOINTS].max() < 1e-6
    assert velocity[ARM_JOINTS].max() < 0.01  # without a splice up to 1.5
    if later:
        for t_ns in range(now_ns, begin_ns, 3 * MS):
            sample = timeline.sample(t_ns)
            assert sample is not None
            assert np.array_equal(sample.position, joined(t_ns))
            assert sample.request_id == 1
    sample = timeline.sample(begin_ns)
    assert sample is not None
    assert sample.request_id == 2


def test_after_the_fade_the_rows_run_as_they_came() -> None:
    timeline = ChunkTimeline(SPLICE_S, LIMITS)
    timeline.merge(chunk(np.full(50, 0.6)), 0, HELD, anchored=True)
    assert at(timeline, 0) == 0.5
    assert at(timeline, 0, joint=6) == 0.6  # a gripper is not held up
    positions = [at(timeline, t_ns) for t_ns in range(0, 50 * DT, DT)]
    assert np.all(np.diff(positions) > -1e-12)
    assert positions[-1] == pytest.approx(0.6, abs=1e-12)


def test_a_plan_that_starts_at_its_row_0_gets_up_to_its_pace_and_ends_later() -> None:
    timeline = ChunkTimeline(SPLICE_S, LIMITS)
    rows = np.linspace(0.5, 0.9, 41)
    timeline.merge(chunk(rows), 0, HELD, anchored=True)
    late_ns = round(SPLICE_S / 2.0 * 1e9)
    assert timeline.end_ns == 40 * DT + late_ns
    assert at(timeline, MS) == pytest.approx(0.5, abs=1e-6)
    for row in (5, 10, 40):
        assert at(timeline, row * DT + late_ns) == pytest.approx(rows[row], abs=1e-9)


def test_out_of_rest_the_plan_begins_at_the_command() -> None:
    timeline = ChunkTimeline(SPLICE_S, LIMITS)
    timeline.merge(chunk(np.zeros(5)), 0, HELD, anchored=True)
    assert timeline.sample(7 * DT) is None
    moving = replace(standing(0.7), velocity=np.full(14, 0.5))
    timeline.merge(chunk(np.ones(40), request_id=2), 10 * DT, moving, anchored=True)
    assert at(timeline, 10 * DT) == 0.7
    assert at(timeline, 10 * DT + MS) == pytest.approx(0.7 + 0.5e-3, abs=1e-5)
    assert at(timeline, 10 * DT + MS, joint=13) == 1.0


@pytest.mark.parametrize(
    ('begin_ns', 'from_ns'), [(0, 2 * DT), (3 * DT, 3 * DT), (9 * DT, 4 * DT)]
)
def test_a_switch_is_no_sooner_than_the_merge_and_no_later_than_the_end_of_the_plan(
    begin_ns: int, from_ns: int
) -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    timeline.merge(chunk(np.full(5, 0.5)), 0, HELD, anchored=False)
    second = chunk(np.full(30, 0.5), request_id=2)
    timeline.merge(second, 2 * DT, HELD, anchored=False, begin_ns=begin_ns)
    for t_ns in range(2 * DT, 20 * DT, DT // 2):
        sample = timeline.sample(t_ns)
        assert sample is not None
        assert sample.request_id == (2 if t_ns >= from_ns else 1)


def test_beyond_its_end_a_plan_is_expected_to_go_on_as_it_did() -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    rows = np.linspace(0.5, 0.6, 11)
    moving = replace(HELD, velocity=np.full(14, 0.25))
    timeline.merge(chunk(rows), 0, moving, anchored=True)
    assert timeline.ahead(5 * DT) == pytest.approx(np.full(14, 0.55))
    assert timeline.ahead(12 * DT) == pytest.approx(np.full(14, 0.62))


def test_a_plan_that_went_on_without_the_arms_begins_again_where_they_are() -> None:
    timeline = ChunkTimeline(SPLICE_S, LIMITS)
    timeline.merge(chunk(np.linspace(0.5, 1.0, 50)), 0, HELD, anchored=False)
    timeline.rejoin(20 * DT, HELD)
    assert at(timeline, 20 * DT) == 0.5
    assert at(timeline, 45 * DT) == pytest.approx(0.5 + 45 * 0.5 / 49)


def test_a_plan_that_is_not_due_yet_waits_at_its_first_row() -> None:
    timeline = ChunkTimeline(0.0, LIMITS)
    timeline.merge(chunk(np.full(5, 0.5), t_obs_ns=2 * DT), 0, HELD, anchored=False)
    samples = [timeline.sample(t_ns) for t_ns in (0, DT, 2 * DT, 3 * DT)]
    assert [sample.row for sample in samples if sample is not None] == [0.0, 0.0, 0.0, 1.0]
    assert [at(timeline, t_ns) for t_ns in (0, DT, 3 * DT)] == [0.5, 0.5, 0.5]
