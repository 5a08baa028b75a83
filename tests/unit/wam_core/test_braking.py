"""Braking ends in exact rest, in time, within the limits, and nearly as soon as it could."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruckig import ControlInterface, InputParameter, Ruckig, Trajectory

from wam_core import braking

PERIODS_S = (0.04, 0.02, 0.01)
# velocity, acceleration and jerk limits: an arm joint, a gripper, one at a tenth of its speed,
# one whose jerk limit reaches its acceleration limit at once.
LIMITS = ((3.14, 20.0, 500.0), (4.0, 80.0, 4000.0), (0.314, 2.0, 50.0), (3.0, 5.0, 5000.0))

share = st.floats(-1.0, 1.0)
joints = st.sampled_from([(limits, dt) for limits in LIMITS for dt in PERIODS_S])


def per_tick(limits: tuple[float, float, float], dt: float) -> tuple[float, float, float]:
    return limits[0] * dt, limits[1] * dt**2, limits[2] * dt**3


def states(velocity: float, acceleration: float, most: float, jerk: float) -> list[list[float]]:
    """(velocity, acceleration) after each tick of braking, until rest; at most 500."""
    passed: list[list[float]] = []
    while (velocity or acceleration) and len(passed) < 500:
        acceleration = float(braking.brake(velocity, acceleration, most, jerk))
        velocity += acceleration
        passed.append([velocity, acceleration])
    return passed


def reachable(acceleration: float, velocity: float, speed: float, jerk: float) -> bool:
    """Whether the velocity limit could still be kept from there."""
    ahead = abs(velocity + np.sign(acceleration) * acceleration**2 / (2.0 * jerk))
    return bool(ahead <= speed)


@given(joints, share, share)
@settings(max_examples=400, deadline=None)
def test_braking_ends_in_exact_rest_within_the_bound_and_the_limits(
    joint: tuple[tuple[float, float, float], float], fast: float, hard: float
) -> None:
    speed, most, jerk = per_tick(*joint)
    start = [fast * speed, hard * most]
    if not reachable(start[1], start[0], speed, jerk):
        start[1] = 0.0
    passed = states(*start, most, jerk)
    assert len(passed) <= braking.ticks_to_rest(speed, most, jerk)
    assert passed[-1:] in ([], [[0.0, 0.0]])
    accelerations = np.array([start[1], *(state[1] for state in passed)])
    assert np.abs(accelerations).max() <= most * (1.0 + 1e-9)
    assert np.abs(np.diff(accelerations, prepend=start[1])).max() <= jerk * (1.0 + 1e-9)


@given(joints, share)
@settings(max_examples=200, deadline=None)
def test_from_a_steady_velocity_braking_never_turns_back(
    joint: tuple[tuple[float, float, float], float], fast: float
) -> None:
    speed, most, jerk = per_tick(*joint)
    velocities = np.array([fast * speed, *(v for v, _ in states(fast * speed, 0.0, most, jerk))])
    assert np.all(velocities * np.sign(fast) >= -1e-15)  # rounding
    assert np.all(np.diff(np.abs(velocities)) <= 1e-15)


@given(joints, share, share)
@settings(max_examples=200, deadline=None)
def test_the_rest_of_a_way_is_the_way_of_the_state_after(
    joint: tuple[tuple[float, float, float], float], fast: float, hard: float
) -> None:
    speed, most, jerk = per_tick(*joint)
    velocity, acceleration = np.array([fast * speed]), np.array([hard * most])
    limits = np.array([most]), np.array([jerk])
    end, lowest, highest = braking.way(velocity, acceleration, *limits, 500)
    following = braking.brake(velocity, acceleration, *limits)
    step = velocity + following
    rest_end, rest_lowest, rest_highest = braking.way(step, following, *limits, 500)
    tiny = 1e-12
    assert step + rest_end == pytest.approx(end, abs=tiny)
    assert min(0.0, *(step + rest_lowest)) == pytest.approx(lowest[0], abs=tiny)
    assert max(0.0, *(step + rest_highest)) == pytest.approx(highest[0], abs=tiny)
    assert lowest[0] <= end[0] <= highest[0]


@given(st.floats(-100.0, 100.0), st.floats(0.01, 10.0))
def test_a_ramp_sums_to_what_was_asked(total: float, jerk: float) -> None:
    first = float(braking.ramp(total, jerk))
    chain = np.maximum(abs(first) - jerk * np.arange(20000), 0.0)
    assert chain.sum() == pytest.approx(abs(total), rel=1e-6, abs=1e-9)
    assert first * total >= 0.0


@pytest.mark.parametrize('limits', LIMITS)
@pytest.mark.parametrize('dt', PERIODS_S)
@pytest.mark.parametrize('fast', [1.0, 0.5, 0.1, 0.01])
def test_braking_is_as_quick_as_the_continuous_optimum_up_to_the_ticks(
    limits: tuple[float, float, float], dt: float, fast: float
) -> None:
    speed, most, jerk = limits
    wanted = InputParameter(1)
    wanted.control_interface = ControlInterface.Velocity
    wanted.current_position = wanted.current_acceleration = [0.0]
    wanted.current_velocity = [fast * speed]
    wanted.target_velocity = wanted.target_acceleration = [0.0]
    wanted.max_acceleration, wanted.max_jerk = [most], [jerk]
    best = Trajectory(1)
    Ruckig(1).calculate(wanted, best)
    distance = best.at_time(best.duration)[0][0]
    passed = states(fast * speed * dt, 0.0, *per_tick(limits, dt)[1:])
    assert abs(len(passed) * dt - best.duration) <= 2.0 * dt
    travelled = sum(velocity for velocity, _ in passed)
    # A tick later than here, a command is where its velocity has led.
    assert abs(travelled - distance) <= fast * speed * dt * (1.0 + 1e-9)
