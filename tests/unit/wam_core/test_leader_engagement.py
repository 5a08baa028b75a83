"""Leaders as targets: when the arms may follow, and what they do at the ends of their range."""

from collections.abc import Callable

import numpy as np
import pytest
from executor_rig import LIMITS, MS, RIG, T0, ExecutorRig, excess
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.joints import ARMS, GRIPPERS, Vector
from wam_core.leader_engagement import LeaderEngagement

PERIOD = 20 * MS
GAP = 200 * MS
NEAR = 0.3
START = np.array(RIG.start_pose)


def engagement(*, wanted: bool = True) -> LeaderEngagement:
    found = LeaderEngagement(RIG.lower, RIG.upper, PERIOD, NEAR, GAP)
    found.want(wanted)
    return found


def apart(joint: int, by: float) -> Vector:
    position = START.copy()
    position[joint] += by
    return position


def test_a_leader_is_a_target_one_to_one_at_the_rate_of_targets() -> None:
    found = engagement()
    sent = []
    for tick in range(20):  # 100 Hz
        stamp = T0 + tick * PERIOD // 2
        found.followers(START, stamp)
        sent.append(found.leaders(apart(6, 0.01 * tick), stamp))
    taken = [tick for tick, target in enumerate(sent) if target is not None]
    assert taken == [*range(0, 20, 2)]
    assert np.array_equal(sent[4], apart(6, 0.04))  # type: ignore[arg-type]


def test_nothing_is_sent_while_nobody_wants_it() -> None:
    found = engagement(wanted=False)
    found.followers(START, T0)
    assert found.leaders(START, T0) is None
    assert (found.fault, found.engaged) == ('', False)


def test_leaders_that_are_apart_move_nothing_until_they_are_near() -> None:
    found = engagement()
    found.followers(START, T0)
    assert found.leaders(apart(9, -0.5), T0) is None
    assert 'right_elbow is 0.50 rad away, allowed 0.3' in found.fault
    assert found.leaders(apart(9, -0.2), T0 + PERIOD) is not None
    assert found.fault == ''
    # From then on they lead as far as they like.
    assert found.leaders(apart(9, -0.9), T0 + 2 * PERIOD) is not None


def test_grippers_may_be_apart() -> None:
    found = engagement()
    found.followers(START, T0)
    assert found.leaders(apart(GRIPPERS[0], 0.9), T0) is not None


@pytest.mark.parametrize('silence', [GAP + 1, -1])
def test_leaders_that_were_silent_have_to_be_near_again(silence: int) -> None:
    found = engagement()
    found.followers(START, T0)
    assert found.leaders(START, T0) is not None
    found.followers(START, T0 + silence)
    assert found.leaders(apart(0, 1.0), T0 + silence) is None
    assert 'left_waist' in found.fault


def test_another_run_begins_near_again() -> None:
    found = engagement()
    found.followers(START, T0)
    assert found.leaders(START, T0) is not None
    found.want(False)
    found.want(True)
    assert found.leaders(apart(0, 1.0), T0 + PERIOD) is None


@pytest.mark.parametrize('position', [np.full(14, np.nan), None])
def test_arms_that_nobody_measured_follow_nobody(position: Vector | None) -> None:
    found = engagement()
    if position is not None:
        found.followers(START, T0)
        found.followers(position, T0)
    assert found.leaders(START, T0) is None
    assert found.fault == 'the followers are not measured'


def test_arms_measured_long_ago_follow_nobody() -> None:
    found = engagement()
    found.followers(START, T0 - 2 * GAP)
    assert found.leaders(START, T0) is None
    assert found.fault == 'the followers are not measured'


def test_a_leader_beyond_the_followers_range_is_near_to_an_arm_at_its_limit() -> None:
    beyond, limit = START.copy(), START.copy()
    beyond[1], limit[1] = RIG.upper[1] + 0.7, RIG.upper[1]  # a WX250s' shoulder goes so far
    found = engagement()
    found.followers(limit, T0)
    assert np.array_equal(found.leaders(beyond, T0), beyond)  # type: ignore[arg-type]
    assert found.beyond == ('left_shoulder',)
    found.leaders(START, T0 + PERIOD)
    assert found.beyond == ()


def led(path: Callable[[float], Vector], seconds: float) -> tuple[ExecutorRig, list[Vector]]:
    """The real executor at 50 Hz behind leaders on a path; and what they asked for."""
    rig = ExecutorRig(period_ns=PERIOD, splice_s=0.4)
    rig.arms = path(0.0).copy()
    found = engagement()
    rig.tick()
    rig.core.start('teleop', '', 'fold', rig.now)
    asked = []
    for tick in range(round(seconds * 50)):
        found.followers(rig.arms, rig.now)
        target = found.leaders(path(tick / 50), rig.now)
        assert target is not None
        assert rig.target('teleop', target) == ''
        asked.append(target)
        rig.tick()
    return rig, asked


@settings(max_examples=15, deadline=None)
@given(
    joint=st.sampled_from([int(index) for index in ARMS]),
    beyond=st.floats(0.1, 1.5),
    seconds=st.floats(1.5, 4.0),
)
def test_no_arm_freezes_and_then_jumps_where_its_leader_goes_too_far(
    joint: int, beyond: float, seconds: float
) -> None:
    other = (joint + 3) % 14 if (joint + 3) % 14 in ARMS else (joint + 1) % 14
    reach = RIG.upper[joint] + beyond - START[joint]

    def path(time_s: float) -> Vector:
        position = START.copy()
        swing = np.sin(np.pi * time_s / seconds) ** 2
        position[joint] += reach * swing
        position[other] += 0.3 * np.sin(2.0 * time_s)
        return position

    rig, asked = led(path, seconds)
    commands = rig.commands
    assert excess(commands, LIMITS, PERIOD) <= 1e-6
    assert commands[:, joint].max() <= RIG.upper[joint] + 1e-9
    # The joint waits on its limit, alone; and comes along again with its leader.
    inside = np.clip([target[joint] for target in asked], None, RIG.upper[joint])
    slowest = np.abs(np.diff(inside)).max() * 50
    if slowest < 0.5 * LIMITS.velocity[joint]:
        assert np.abs(commands[-len(inside) :, joint] - inside).max() < 0.12
    others = [target[other] for target in asked]
    assert np.abs(commands[-len(others) :, other] - others).max() < 0.06


def test_leaders_that_fall_silent_and_come_back_elsewhere_cause_no_jump() -> None:
    rig = ExecutorRig(period_ns=PERIOD, splice_s=0.4)
    rig.arms = START.copy()
    found = engagement()
    rig.tick()
    rig.core.start('teleop', '', 'fold', rig.now)

    def lead(position: Vector, ticks: int) -> int:
        sent = 0
        for _ in range(ticks):
            found.followers(rig.arms, rig.now)
            target = found.leaders(position, rig.now)
            if target is not None:
                sent += 1
                rig.target('teleop', target)
            rig.tick()
        return sent

    assert lead(START, 20) == 20
    rig.tick(50)  # a second without leaders
    away = apart(2, -0.8)
    assert lead(away, 50) == 0
    assert rig.arms == pytest.approx(START, abs=1e-6)
    assert lead(apart(2, -0.25), 100) == 100
    assert lead(away, 100) == 100
    assert rig.arms == pytest.approx(away, abs=1e-3)
    assert excess(rig.commands, LIMITS, PERIOD) <= 1e-6
