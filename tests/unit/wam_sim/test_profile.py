"""Profiles end at the goal, at rest, keep to their limits, and never jump."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_sim.profile import ACCELERATION_UNIT, VELOCITY_UNIT, Profile, by_time, by_velocity, plan

ANGLES = st.floats(-3.0, 3.0)
SPEEDS = st.floats(-1.0, 1.0)


def samples(profile: Profile, count: int = 400) -> list[tuple[float, float, float]]:
    """(time, position, velocity) over the whole profile."""
    times = [profile.duration * index / count for index in range(count + 1)]
    return [(time, *profile.at(time)) for time in times]


def check_continuous(profile: Profile, start: float, top_speed: float) -> None:
    rows = samples(profile)
    assert rows[0][1] == pytest.approx(start, abs=1e-9)
    assert profile.at(profile.duration) == (profile.goal, 0.0)
    for (t0, p0, v0), (t1, p1, v1) in pairwise(rows):
        assert abs(p1 - p0) <= max(abs(v0), abs(v1), top_speed) * (t1 - t0) + 1e-6
        assert max(abs(v0), abs(v1)) <= top_speed + 1e-9


@given(ANGLES, SPEEDS, ANGLES, st.floats(1.0, 3.2), st.floats(0.5, 30.0))
def test_by_velocity_keeps_its_limits(
    start: float, speed: float, goal: float, top: float, acceleration: float
) -> None:
    profile = by_velocity(start, speed, goal, top, acceleration)
    check_continuous(profile, start, top)
    for (t0, _, v0), (t1, _, v1) in pairwise(samples(profile)):
        if t1 < profile.duration:
            assert abs(v1 - v0) <= acceleration * (t1 - t0) + 1e-6


@given(ANGLES, ANGLES, st.floats(0.05, 3.0), st.floats(0.0, 3.0))
def test_by_time_takes_its_time(start: float, goal: float, total: float, ends: float) -> None:
    profile = by_time(start, 0.0, goal, total, ends, math.inf)
    assert profile.duration == pytest.approx(total)
    if start != goal:
        middle, _ = profile.at(total / 2.0)
        assert middle == pytest.approx(0.5 * (start + goal))


@given(ANGLES, SPEEDS, ANGLES, st.floats(0.05, 3.0), st.floats(0.0, 1.0))
def test_by_time_never_passes_the_top_speed(
    start: float, speed: float, goal: float, total: float, ends: float
) -> None:
    profile = by_time(start, speed, goal, total, ends, 3.14)
    check_continuous(profile, start, 3.14)
    assert profile.duration >= total - 1e-9


def test_registers_mean_what_the_manual_says() -> None:
    # 131 * 0.229 rpm is pi rad/s; 15 * 214.577 rev/min^2 is 5.6 rad/s^2.
    assert pytest.approx(math.pi, abs=0.01) == 131 * VELOCITY_UNIT
    assert pytest.approx(5.6, abs=0.1) == 15 * ACCELERATION_UNIT
    timed = plan((0.0, 0.0), 1.0, timed=True, velocity=2000, acceleration=300, top_speed=3.14)
    assert timed.duration == pytest.approx(2.0)
    assert timed.at(0.3)[1] == pytest.approx(1.0 / 1.7)
    paced = plan((0.0, 0.0), 1.0, timed=False, velocity=20, acceleration=0, top_speed=3.14)
    assert paced.duration == pytest.approx(1.0 / (20 * VELOCITY_UNIT))
    free = plan((0.0, 0.0), 1.0, timed=False, velocity=0, acceleration=9, top_speed=3.14)
    assert free.duration == pytest.approx(1.0 / 3.14)


@given(ANGLES, SPEEDS, ANGLES, st.booleans(), st.integers(0, 3000), st.integers(0, 1500))
def test_without_speed_it_stays(
    start: float, speed: float, goal: float, timed: bool, velocity: int, acceleration: int
) -> None:
    profile = plan(
        (start, speed),
        goal,
        timed=timed,
        velocity=velocity,
        acceleration=acceleration,
        top_speed=0.0,
    )
    assert profile.at(0.0) == profile.at(10.0) == (start, 0.0)
