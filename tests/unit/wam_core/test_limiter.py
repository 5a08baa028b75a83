"""Whatever is requested, what comes out is finite, inside the limits, and can be stopped."""

import math

import numpy as np
import pytest
from executor_rig import LIMITS, RIG, excess
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wam_core.joints import Vector
from wam_core.limiter import JointLimiter
from wam_core.motion_limits import MotionLimits

PERIODS_NS = (40_000_000, 20_000_000, 10_000_000)
ROUNDING = 1e-7  # of a limit: differences of numbers near 3, and clipping to positions
TINY = 1e-11  # rad
WILD = np.array([math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300, 1000.0, -1000.0])

periods = st.sampled_from(PERIODS_NS)
seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1.0, 0.5, 0.1])


def wander(numbers: np.random.Generator, limits: MotionLimits) -> Vector:
    """(3, 14) that nobody could predict: near, far, constant, moving on, or no numbers at all."""
    goal = numbers.uniform(limits.lower - 0.2, limits.upper + 0.2)
    requests = np.tile(goal, (3, 1))
    kind = numbers.integers(4)
    if kind == 0:
        requests += np.arange(3)[:, None] * numbers.normal(0.0, 0.05, 14)
    elif kind == 1:
        requests += numbers.normal(0.0, 0.1, (3, 14))
    elif kind == 2:
        wild = numbers.random((3, 14)) < 0.1
        requests[wild] = numbers.choice(WILD, int(wild.sum()))
    return requests


def drive(limiter: JointLimiter, numbers: np.random.Generator, ticks: int) -> Vector:
    """(N, 14) that came out on a way of sudden changes of mind."""
    sent = [limiter.position, limiter.position]
    requests = wander(numbers, limiter.limits)
    for _ in range(ticks):
        if numbers.random() < 0.25:
            requests = wander(numbers, limiter.limits)
        chance = numbers.random()
        if chance < 0.05:
            sent.append(limiter.brake().position)
        else:
            sent.append(limiter.follow(requests).position)
    return np.array(sent)


@given(seeds, periods, scales)
@settings(max_examples=80, deadline=None)
def test_the_output_stays_inside_every_limit(seed: int, period_ns: int, scale: float) -> None:
    limits = MotionLimits.of(RIG, scale)
    numbers = np.random.default_rng(seed)
    limiter = JointLimiter(limits, period_ns)
    limiter.reset(numbers.uniform(limits.lower, limits.upper))
    sent = drive(limiter, numbers, 60)
    assert np.all(np.isfinite(sent))
    assert np.all((sent >= limits.lower - TINY) & (sent <= limits.upper + TINY))
    assert excess(sent, limits, period_ns) <= ROUNDING


@given(seeds, periods)
@settings(max_examples=40, deadline=None)
def test_braking_out_of_anything_ends_in_rest_inside_the_limits(seed: int, period_ns: int) -> None:
    numbers = np.random.default_rng(seed)
    limiter = JointLimiter(LIMITS, period_ns)
    limiter.reset(numbers.uniform(LIMITS.lower, LIMITS.upper))
    sent = list(drive(limiter, numbers, 20))
    for _ in range(2_000_000_000 // period_ns):
        if limiter.at_rest:
            break
        sent.append(limiter.brake().position)
    assert limiter.at_rest
    assert np.all((sent >= LIMITS.lower - TINY) & (sent <= LIMITS.upper + TINY))
    assert excess(sent, LIMITS, period_ns) <= ROUNDING
    assert np.array_equal(limiter.brake().position, sent[-1])


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_one_joint_does_not_hinder_another(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    alone, together = (JointLimiter(LIMITS, PERIODS_NS[0]) for _ in range(2))
    start = numbers.uniform(LIMITS.lower, LIMITS.upper)
    alone.reset(start)
    together.reset(start)
    others = np.arange(14) != 3
    for _ in range(20):
        requests = wander(numbers, LIMITS)
        disturbed = requests.copy()
        disturbed[:, 3] = math.nan
        clear = alone.follow(requests).position
        limited = together.follow(disturbed)
        assert np.allclose(limited.position[others], clear[others], rtol=0.0, atol=1e-12)
        assert limited.position[3] == start[3]
        assert limited.position_clamped[3]


@given(st.sampled_from([-1.0, 1.0]), st.floats(1e-6, 1.0), seeds)
@settings(max_examples=40, deadline=None)
def test_a_joint_that_starts_outside_only_moves_inwards(
    side: float, beyond: float, seed: int
) -> None:
    numbers = np.random.default_rng(seed)
    start = np.where(side < 0.0, LIMITS.lower - beyond, LIMITS.upper + beyond)
    limiter = JointLimiter(LIMITS, PERIODS_NS[0])
    limiter.reset(start)
    sent = drive(limiter, numbers, 40)
    assert np.all((sent - start) * side <= 0.0)
    outside = np.clip((sent - np.clip(sent, LIMITS.lower, LIMITS.upper)) * side, 0.0, None)
    assert np.all(np.diff(outside, axis=0) <= 1e-12)
    assert excess(sent, LIMITS) <= ROUNDING


@pytest.mark.parametrize('homing', [True, False])
def test_homing_may_go_to_the_sleep_pose_and_others_may_not(homing: bool) -> None:
    limiter = JointLimiter(LIMITS, PERIODS_NS[0])
    limiter.reset(RIG.start_pose)
    requests = np.tile(RIG.sleep_pose, (3, 1))
    sent = [limiter.position, limiter.position]
    sent += [limiter.follow(requests, homing=homing).position for _ in range(60)]
    allowed = RIG.sleep_pose if homing else np.clip(RIG.sleep_pose, LIMITS.lower, LIMITS.upper)
    assert limiter.at_rest
    assert np.allclose(limiter.position, allowed, rtol=0.0, atol=1e-9)
    assert excess(sent, LIMITS) <= ROUNDING


@given(st.integers(1, 40), seeds)
@settings(max_examples=40, deadline=None)
@example(9, 0)
def test_a_slew_beyond_the_limits_that_is_taken_over_comes_back_without_a_jerk(
    ticks: int, seed: int
) -> None:
    numbers = np.random.default_rng(seed)
    limiter = JointLimiter(LIMITS, PERIODS_NS[0])
    limiter.reset(RIG.start_pose)
    sent = [limiter.position, limiter.position]
    for _ in range(ticks):
        sent.append(limiter.follow(np.tile(RIG.sleep_pose, (3, 1)), homing=True).position)
    for _ in range(60):
        sent.append(limiter.follow(np.tile(RIG.start_pose, (3, 1))).position)
    sent.extend(drive(limiter, numbers, 20)[2:])
    assert excess(sent, LIMITS) <= ROUNDING
    last = np.array(sent[-20:])
    assert np.all((last >= LIMITS.lower - TINY) & (last <= LIMITS.upper + TINY))


def test_a_rest_is_the_one_that_reset_gave() -> None:
    limiter = JointLimiter(LIMITS, PERIODS_NS[0])
    start = RIG.start_pose.copy()
    limiter.reset(start)
    start[:] = 99.0
    assert np.array_equal(limiter.position, RIG.start_pose)
    assert limiter.at_rest
    assert not limiter.velocity.any()
