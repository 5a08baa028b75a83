"""The limiter leaves alone what is possible, and reaches what is not as soon as it can."""

import math

import numpy as np
import pytest
from executor_rig import LIMITS, RIG, excess
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.joints import Vector
from wam_core.limiter import PREVIEW, JointLimiter
from wam_core.splice import minimum_jerk, minimum_jerk_s

PERIODS_NS = (40_000_000, 20_000_000, 10_000_000)
ENCODER_STEP = 2.0 * math.pi / 4096.0  # rad, of a Dynamixel

periods = st.sampled_from(PERIODS_NS)
seeds = st.integers(0, 2**32 - 1)


def follow(limiter: JointLimiter, path: Vector) -> Vector:
    """(N, 14) that was sent for a path, (N, 14); after its end it stands still."""
    ahead = np.concatenate([path, np.tile(path[-1], (PREVIEW - 1, 1))])
    return np.array([limiter.follow(ahead[k : k + PREVIEW]).position for k in range(len(path))])


@given(seeds, periods)
@settings(max_examples=30, deadline=None)
def test_a_minimum_jerk_path_within_the_limits_is_followed_exactly(
    seed: int, period_ns: int
) -> None:
    numbers = np.random.default_rng(seed)
    start, goal = (numbers.uniform(LIMITS.lower, LIMITS.upper) for _ in range(2))
    duration_s = minimum_jerk_s(goal - start, LIMITS, 0.9)
    times = np.arange(0.0, duration_s + 0.2, period_ns / 1e9)
    path = np.array([start + minimum_jerk(t / duration_s) * (goal - start) for t in times])
    limiter = JointLimiter(LIMITS, period_ns)
    limiter.reset(start)
    sent = follow(limiter, path)
    assert np.abs(sent - path).max() < 1e-9
    assert limiter.at_rest


@given(seeds, periods)
@settings(max_examples=20, deadline=None)
def test_slow_sines_are_followed_exactly_once_they_are_reached(seed: int, period_ns: int) -> None:
    numbers = np.random.default_rng(seed)
    middle, half = (LIMITS.upper + LIMITS.lower) / 2.0, (LIMITS.upper - LIMITS.lower) / 2.0
    size, rate = numbers.uniform(0.1, 0.4, 14) * half, numbers.uniform(0.5, 2.0, 14)
    phase = numbers.uniform(0.0, 2.0 * math.pi, 14)
    times = np.arange(0.0, 4.0, period_ns / 1e9)[:, None]
    path = middle + size * np.sin(rate * times + phase)
    limiter = JointLimiter(LIMITS, period_ns)
    limiter.reset(middle)
    error = np.abs(follow(limiter, path) - path)[:-PREVIEW]  # at its end the path stops dead
    assert error[len(error) // 4 :].max() < 1e-9


@given(seeds, periods, st.floats(-5.0, 0.0))
@settings(max_examples=60, deadline=None)
def test_a_step_is_reached_and_not_passed(seed: int, period_ns: int, exponent: float) -> None:
    numbers = np.random.default_rng(seed)
    start = numbers.uniform(LIMITS.lower, LIMITS.upper)
    change = numbers.uniform(-4.0, 4.0, 14) * 10.0**exponent
    goal = np.clip(start + change, LIMITS.lower, LIMITS.upper)
    limiter = JointLimiter(LIMITS, period_ns)
    limiter.reset(start)
    path = np.tile(goal, (4_000_000_000 // period_ns, 1))
    sent = follow(limiter, path)
    passed = (sent - goal) * np.sign(goal - start)
    # The way is found to a part of a tick: far less than a motor can tell.
    assert passed.max() < (ENCODER_STEP / 3.0 if period_ns < PERIODS_NS[0] else 1e-6)
    assert np.allclose(sent[-1], goal, rtol=0.0, atol=1e-12)
    assert limiter.at_rest
    assert excess([start, start, *sent], LIMITS, period_ns) <= 1e-7


def test_a_step_is_nearly_as_quick_as_the_limits_allow() -> None:
    limiter = JointLimiter(LIMITS, PERIODS_NS[2])
    start = RIG.start_pose.copy()
    limiter.reset(start)
    goal = start.copy()
    goal[0] = 2.0
    sent = follow(limiter, np.tile(goal, (200, 1)))[:, 0]
    # Seven phases, each limit in use.
    best_s = 2.0 / 3.14159 + 3.14159 / 20.0 + 20.0 / 500.0
    taken_s = 0.01 * int(np.argmax(sent > 2.0 - 1e-3))
    assert best_s - 0.05 < taken_s < best_s + 0.05


def test_a_target_that_is_out_of_reach_is_approached_up_to_the_limit() -> None:
    limiter = JointLimiter(LIMITS, PERIODS_NS[0])
    limiter.reset(RIG.start_pose)
    follow(limiter, np.full((120, 14), 900.0))
    assert np.allclose(limiter.position, LIMITS.upper, rtol=0.0, atol=1e-9)
    assert np.all(limiter.position <= LIMITS.upper)
    assert limiter.at_rest


class TestFlags:
    def limiter(self) -> JointLimiter:
        limiter = JointLimiter(LIMITS, PERIODS_NS[0])
        limiter.reset(np.full(14, 0.25))
        return limiter

    def test_none_is_set_for_what_is_possible(self) -> None:
        limited = self.limiter().follow(np.full((3, 14), 0.25))
        for name in ('position', 'velocity', 'acceleration', 'jerk'):
            assert not getattr(limited, f'{name}_clamped').any()

    @pytest.mark.parametrize(
        ('wanted', 'flags'),
        [
            (9.0, {'position', 'velocity', 'acceleration', 'jerk'}),
            (0.25 + 3.2 * 0.04, {'velocity', 'acceleration', 'jerk'}),
            (0.25 + 0.033, {'acceleration', 'jerk'}),  # 20.6 rad/s^2, and 515 rad/s^3
            (0.25 + 0.031, {'jerk'}),  # 484 rad/s^3 at first, but it couldn't be stopped there
            (math.nan, {'position'}),
        ],
    )
    def test_they_say_which_limit_it_was(self, wanted: float, flags: set[str]) -> None:
        requests = np.full((3, 14), 0.25)
        requests[:, 1] = wanted
        limited = self.limiter().follow(requests)
        for name in ('position', 'velocity', 'acceleration', 'jerk'):
            clamped = getattr(limited, f'{name}_clamped').nonzero()[0].tolist()
            assert clamped == ([1] if name in flags else []), name

    @given(seeds)
    @settings(max_examples=30, deadline=None)
    def test_a_joint_without_a_flag_is_where_it_was_asked_to_be(self, seed: int) -> None:
        numbers = np.random.default_rng(seed)
        limiter = self.limiter()
        for _ in range(30):
            scale = 10.0 ** numbers.uniform(-4.0, 0.5)
            step = numbers.normal(0.0, scale, 14)
            requests = limiter.position + limiter.velocity * 0.04 + step * np.arange(3)[:, None]
            limited = limiter.follow(requests)
            flags = limited.position_clamped | limited.velocity_clamped
            flags |= limited.acceleration_clamped | limited.jerk_clamped
            apart = np.abs(limited.position - requests[0]) > 2e-9
            assert not np.any(apart & ~flags)
            assert not np.any(flags & (limited.position == requests[0]))
