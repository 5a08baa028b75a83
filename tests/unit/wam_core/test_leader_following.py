"""Leaders that are taken to the followers: slowly, inside their own range, from anywhere."""

import numpy as np
import pytest
from executor_rig import MS, RIG, T0, excess
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.joints import ARMS, GRIPPERS, Vector
from wam_core.leader_following import LeaderFollowing
from wam_core.motion_limits import MotionLimits

PERIOD = 20 * MS
SLOW = MotionLimits.of(RIG, 0.2)
QUICK = MotionLimits.of(RIG)
NEAR = 0.05
STILL = np.zeros(14)
START = np.array(RIG.start_pose)
LOWER, UPPER = RIG.lower - 0.2, RIG.upper + 0.5
LOWER[list(GRIPPERS)], UPPER[list(GRIPPERS)] = 0.0, 1.0


def following(position: Vector, grippers: float | None = None) -> LeaderFollowing:
    found = LeaderFollowing(SLOW, QUICK, PERIOD, LOWER, UPPER, NEAR)
    found.restart(position, grippers)
    return found


def followed(found: LeaderFollowing, followers: Vector, ticks: int) -> list[Vector]:
    commands = [found.command(followers, STILL, T0 + tick * PERIOD) for tick in range(ticks)]
    return [command for command in commands if command is not None]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-1.5, 1.5), min_size=14, max_size=14))
def test_leaders_arrive_from_anywhere_within_the_slow_limits(offset: list[float]) -> None:
    position = np.clip(START + offset, RIG.lower, RIG.upper)
    found = following(position)
    commands = followed(found, START, 400)
    assert excess([position, position, *commands], SLOW, PERIOD) <= 1e-6
    assert commands[-1] == pytest.approx(START, abs=1e-3)
    assert found.arrived(START)
    assert not found.arrived(START + 0.2)


def test_leaders_have_not_arrived_before_they_set_out() -> None:
    found = following(START)
    assert not found.arrived(START)
    found.command(START, STILL, T0)
    assert found.arrived(START)


def test_commands_come_at_their_rate_whatever_that_of_the_followers() -> None:
    found = following(START)
    times = range(0, 1000, 10)
    sent = [found.command(START, STILL, T0 + time * MS) is not None for time in times]
    assert sum(sent) == 50


def test_leaders_stay_inside_their_own_range() -> None:
    sleeping = START.copy()
    sleeping[1] = -2.05  # where an aloha_vx300s sleeps, and a leader doesn't reach
    lower, upper = np.full(14, -1.88), np.full(14, 1.6)
    found = LeaderFollowing(SLOW, QUICK, PERIOD, lower, upper, NEAR)
    found.restart(START, None)
    commands = followed(found, sleeping, 400)
    assert min(command[1] for command in commands) >= -1.88 - 1e-9
    assert found.arrived(commands[-1])


def test_grippers_go_where_they_are_told_instead_of_following() -> None:
    assert followed(following(START, 0.5), START, 150)[-1][list(GRIPPERS)] == pytest.approx(0.5)
    followers = START.copy()
    followers[list(GRIPPERS)] = (1.3, -0.2)  # fingers that are pressed or forced open
    last = followed(following(START), followers, 100)[-1]
    assert last[list(GRIPPERS)] == pytest.approx([1.0, 0.0])
    assert last[ARMS] == pytest.approx(START[ARMS], abs=1e-6)


def test_leaders_that_are_there_keep_up_with_the_followers() -> None:
    found = following(START + np.where(np.arange(14) == 0, 0.5, 0.0))
    stamp, apart, commands = T0, [], [START, START]
    for tick in range(600):
        time_s = tick * PERIOD / 1e9
        position, velocity = START.copy(), STILL.copy()
        if time_s > 5.0:  # as quick as the followers are allowed to be
            swing = 2.0 * np.pi * 0.4 * (time_s - 5.0)
            position[2] += 0.5 * (1.0 - np.cos(swing))
            velocity[2] = 0.5 * 2.0 * np.pi * 0.4 * np.sin(swing)
        command = found.command(position, velocity, stamp)
        assert command is not None
        commands.append(command)
        found.arrived(command)
        if time_s > 5.0:
            apart.append(np.abs(command - position)[ARMS].max())
        stamp += PERIOD
    assert max(apart) < 0.1
    assert excess(commands[2:], QUICK, PERIOD) <= 1e-6
