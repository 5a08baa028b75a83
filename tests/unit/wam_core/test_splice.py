"""A fade begins as the offset and ends as nothing, smoothly, within its share of the limits."""

import numpy as np
import pytest
from executor_rig import LIMITS
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.joints import GRIPPERS
from wam_core.splice import (
    LONGEST_S,
    Ease,
    Fade,
    duration,
    fade,
    minimum_jerk,
    minimum_jerk_s,
)
from wam_core.spline import Motion

ARM_JOINTS = [joint for joint in range(14) if joint not in GRIPPERS]
ORDERS = ('position', 'velocity', 'acceleration')

seeds = st.integers(0, 2**32 - 1)
durations = st.floats(0.05, LONGEST_S)


def random_motion(seed: int, size: float = 1.0) -> Motion:
    numbers = np.random.default_rng(seed)
    return Motion(*(numbers.uniform(-size, size, 14) * scale for scale in (1.0, 2.0, 5.0)))


def random_fade(seed: int, duration_s: float) -> Fade:
    return Fade(random_motion(seed), duration_s)


@given(seeds, durations)
@settings(max_examples=50, deadline=None)
def test_it_begins_as_the_offset_and_ends_as_nothing(seed: int, duration_s: float) -> None:
    offset = random_motion(seed)
    whole = Fade(offset, duration_s)
    begin, end = whole.at(0.0), whole.at(duration_s * (1.0 - 1e-9))
    assert begin is not None
    assert end is not None
    for order, name in enumerate(ORDERS):
        assert getattr(begin, name) == pytest.approx(getattr(offset, name))
        assert np.abs(getattr(end, name)).max() < 1e-4 / duration_s**order
    assert whole.at(duration_s) is None
    assert whole.at(duration_s + 1.0) is None
    early = whole.at(-1.0)
    assert early is not None
    assert np.array_equal(early.position, begin.position)


@given(seeds, durations, st.floats(0.05, 0.95))
@settings(max_examples=50, deadline=None)
def test_velocity_and_acceleration_are_those_of_the_position(
    seed: int, duration_s: float, part: float
) -> None:
    whole, step = random_fade(seed, duration_s), 1e-5 * duration_s
    here, before, after = (whole.at(part * duration_s + k * step) for k in (0, -1, 1))
    assert here is not None
    assert before is not None
    assert after is not None
    for name, derived in (('position', 'velocity'), ('velocity', 'acceleration')):
        slope = (getattr(after, name) - getattr(before, name)) / (2.0 * step)
        scale = float(np.abs(slope).max()) + 1.0
        assert slope == pytest.approx(getattr(here, derived), abs=1e-4 * scale / duration_s)


@given(seeds, seeds)
@settings(max_examples=50, deadline=None)
def test_a_splice_is_what_one_is_ahead_of_the_other_but_for_the_grippers(
    first: int, second: int
) -> None:
    running, following = random_motion(first), random_motion(second)
    gap = fade(running, following, 0.2, LIMITS)
    for name in ORDERS:
        ahead = getattr(running, name) - getattr(following, name)
        assert np.array_equal(getattr(gap.offset, name)[ARM_JOINTS], ahead[ARM_JOINTS])
        assert not getattr(gap.offset, name)[list(GRIPPERS)].any()
    assert gap.size_rad == np.abs(gap.offset.position).max()
    assert 0.2 <= gap.duration_s <= LONGEST_S


@given(seeds, st.floats(0.001, 0.3), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_fade_leaves_room_for_the_plan_under_it(
    seed: int, size: float, of_velocity: bool
) -> None:
    numbers = np.random.default_rng(seed)
    nothing, offset = np.zeros(14), numbers.uniform(-size, size, 14)
    position, velocity = (nothing, offset) if of_velocity else (offset, nothing)
    whole = Fade(Motion(position, velocity, nothing), duration(position, velocity, 0.0, LIMITS))
    times = np.linspace(0.0, whole.duration_s, 400, endpoint=False)
    motions = [motion for time in times if (motion := whole.at(float(time))) is not None]
    jerk = np.diff([motion.acceleration for motion in motions], axis=0) / times[1]
    allowed = 0.75  # of the limits
    assert (np.abs([m.acceleration for m in motions]) <= LIMITS.acceleration * allowed).all()
    assert (np.abs(jerk) <= LIMITS.jerk * allowed).all()
    if not of_velocity:
        assert (np.abs([m.velocity for m in motions]) <= LIMITS.velocity * allowed).all()


def test_however_large_the_offset_it_is_gone_after_three_seconds() -> None:
    assert duration(np.full(14, 1e6), np.full(14, 1e6), 0.2, LIMITS) == LONGEST_S
    assert duration(np.zeros(14), np.zeros(14), 0.2, LIMITS) == 0.2


@given(seeds, st.floats(0.1, 1.0))
@settings(max_examples=50, deadline=None)
def test_the_quickest_minimum_jerk_motion_fills_its_share_of_one_limit(
    seed: int, share: float
) -> None:
    distance = np.random.default_rng(seed).uniform(-3.0, 3.0, 14)
    whole_s = minimum_jerk_s(distance, LIMITS, share)
    times = np.linspace(0.0, 1.0, 2001)
    path = np.array([minimum_jerk(part) for part in times])[:, None] * distance
    used = []
    for limit in (LIMITS.velocity, LIMITS.acceleration, LIMITS.jerk):
        path = np.diff(path, axis=0) / (times[1] * whole_s)
        used.append(float((np.abs(path) / limit).max()))
    assert max(used) == pytest.approx(share, rel=0.005)


def test_minimum_jerk_is_bounded_by_its_ends() -> None:
    assert [minimum_jerk(part) for part in (-1.0, 0.0, 0.5, 1.0, 2.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


@given(st.floats(0.01, 1.0), st.floats(0.0, 0.999))
def test_a_plan_that_starts_at_rest_gets_up_to_the_pace_of_the_clock(
    length_s: float, part: float
) -> None:
    ease, step = Ease(length_s), 1e-6 * length_s
    here, after = ease.at(part * length_s), ease.at(part * length_s + step)
    assert (after.time_s - here.time_s) / step == pytest.approx(here.rate, abs=1e-5)
    assert (after.rate - here.rate) / step == pytest.approx(here.change, abs=1e-4 / length_s)
    assert ease.at(0.0) == (0.0, 0.0, 0.0)
    assert ease.at(-1.0) == (0.0, 0.0, 0.0)
    assert ease.at(length_s) == (length_s - ease.delay_s, 1.0, 0.0)
    just_before = ease.at(length_s * (1.0 - 1e-9))
    assert just_before.time_s == pytest.approx(length_s - ease.delay_s)


def test_without_a_length_the_time_of_a_plan_is_that_of_the_clock_from_its_start() -> None:
    ease = Ease(0.0)
    assert ease.at(-0.05) == (0.0, 0.0, 0.0)
    assert ease.at(0.0) == (0.0, 1.0, 0.0)
    assert ease.at(1.0) == (1.0, 1.0, 0.0)
