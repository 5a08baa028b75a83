"""Slews to the named poses of the rig: they arrive, or say that they didn't."""

import math

import numpy as np
import pytest
from executor_rig import DT, LIMITS, REST, RIG, ExecutorRig, excess, ramp

from wam_core.errors import WamError
from wam_core.homing import Homing
from wam_core.joints import Vector
from wam_core.spline import Motion
from wam_core.status import State
from wam_core.tick import Tick

POSES = {'start': RIG.start_pose, 'sleep': RIG.sleep_pose}


def measured_rig(position: Vector = REST) -> ExecutorRig:
    rig = ExecutorRig()
    rig.arms = position.copy()
    rig.tick()
    return rig


def until_idle(rig: ExecutorRig) -> int:
    for count in range(500):
        if rig.core.status.state is State.IDLE:
            return count
        rig.tick()
    raise AssertionError('not idle after 500 ticks')


@pytest.mark.parametrize('pose', POSES)
def test_a_slew_arrives_when_it_said_and_the_executor_is_idle_then(pose: str) -> None:
    rig = measured_rig()
    generation, seconds = rig.core.go_to_pose(pose, rig.now)
    assert rig.core.status.generation == generation
    rig.tick()
    status = rig.core.status
    assert (status.state, status.source, status.pose) == (State.RUNNING, 'homing', '')
    assert (until_idle(rig) + 1) * 0.04 == pytest.approx(seconds, abs=0.2)
    assert rig.core.status.pose == pose
    assert rig.arms == pytest.approx(POSES[pose], abs=1e-6)
    assert rig.tick() == Tick()
    assert excess(rig.commands, LIMITS) <= RIG_SHARE


RIG_SHARE = -1.0 + 0.2 * 1.02  # homing_share of the limits


@pytest.mark.parametrize('pose', POSES)
def test_a_slew_is_straight_in_joint_space(pose: str) -> None:
    rig = measured_rig()
    rig.core.go_to_pose(pose, rig.now)
    until_idle(rig)
    way = POSES[pose] - REST
    parts = (rig.commands - REST) / way
    assert np.abs(parts - parts[:, :1]).max() < 1e-6
    assert np.all(np.diff(parts[:, 0]) > -1e-9)


@pytest.mark.parametrize('off', [0.0, 0.002, -0.004, 0.3])
def test_a_gripper_that_is_nearly_there_does_not_keep_a_slew_from_arriving(off: float) -> None:
    start = RIG.start_pose.copy()
    start[6] += off
    rig = measured_rig(start)
    rig.core.go_to_pose('start', rig.now)
    until_idle(rig)
    assert rig.core.status.pose == 'start'


def test_from_a_moving_run_the_arms_come_to_rest_first() -> None:
    rig = ExecutorRig()
    rig.answer(rig.start('async'), ramp(50))
    rig.tick(20)
    rig.core.go_to_pose('sleep', rig.now)
    rig.tick()
    assert rig.core.status.state is State.HOLDING
    until_idle(rig)
    assert rig.core.status.pose == 'sleep'
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_run_from_the_sleep_pose_comes_inside_the_limits_and_stays_there() -> None:
    rig = measured_rig(RIG.sleep_pose)
    outside = (RIG.sleep_pose < RIG.lower) | (RIG.sleep_pose > RIG.upper)
    assert outside.any()
    assert rig.answer(rig.start('async'), np.full(120, 0.2)) == ''
    rig.tick(110)
    assert np.allclose(rig.arms, 0.2, atol=1e-6)
    beyond = np.abs(rig.commands - np.clip(rig.commands, RIG.lower, RIG.upper))
    assert np.all(np.diff(beyond, axis=0) <= 1e-12)


@pytest.mark.parametrize('ticks', range(20, 90, 7))
def test_a_person_may_take_over_on_the_way_to_the_sleep_pose(ticks: int) -> None:
    rig = measured_rig(RIG.start_pose)
    rig.core.go_to_pose('sleep', rig.now)
    rig.tick(ticks)
    rig.core.start('teleop', '', 'fold', rig.now)
    for _ in range(100):
        rig.target('teleop', RIG.start_pose)
        rig.tick()
    assert np.allclose(rig.arms, RIG.start_pose, atol=1e-6)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_pose_is_forgotten_when_the_arms_are_moved_or_given_to_somebody() -> None:
    rig = measured_rig()
    rig.core.go_to_pose('start', rig.now)
    until_idle(rig)
    rig.arms = rig.arms + 0.1
    rig.tick()
    assert rig.core.status.pose == 'start'
    rig.arms = rig.arms + 0.1
    rig.tick()
    assert rig.core.status.pose == ''
    rig.core.go_to_pose('start', rig.now)
    until_idle(rig)
    rig.start('async')
    assert rig.core.status.pose == ''


def test_arms_that_do_not_come_leave_no_pose() -> None:
    rig = measured_rig(RIG.start_pose + 0.3)
    stuck = rig.arms.copy()
    rig.core.go_to_pose('start', rig.now)
    for _ in range(400):
        rig.now += DT
        rig.core.measured(stuck, rig.now)
        rig.core.tick(rig.now)
        if rig.core.status.state is State.IDLE:
            break
    assert rig.core.status.state is State.IDLE
    assert rig.core.status.pose == ''


def test_a_slew_that_is_held_or_stopped_ends() -> None:
    for end in ('hold', 'stop'):
        rig = measured_rig()
        rig.core.go_to_pose('start', rig.now)
        rig.tick(20)
        if end == 'hold':
            rig.core.hold()
        else:
            rig.core.stop('now')
        rig.until_rest()
        rig.tick(60)
        assert rig.core.status.pose == ''
        assert np.abs(rig.arms - RIG.start_pose).max() > 0.1


def test_a_slew_to_where_there_is_no_way_is_refused_and_changes_nothing() -> None:
    rig = ExecutorRig()
    with pytest.raises(WamError, match="pose 'start' refused: the arms have not been measured"):
        rig.core.go_to_pose('start', rig.now)
    rig.tick()
    before = rig.core.status
    with pytest.raises(WamError, match="unknown pose 'moon', allowed: start, sleep"):
        rig.core.go_to_pose('moon', rig.now)
    assert rig.core.status == before


def test_a_slew_waits_for_rest_and_begins_anew_after_an_interruption() -> None:
    homing = Homing('start', RIG.start_pose, LIMITS, 0.2, DT)
    still = Motion(REST, np.zeros(14), np.zeros(14))
    assert homing.follow(0, Motion(REST, np.full(14, 0.1), np.zeros(14))) is None
    first = homing.follow(DT, still)
    assert first is not None
    assert first.homing
    assert np.array_equal(first.position, REST)
    late = homing.follow(100 * DT, still)
    assert late is not None
    assert np.allclose(late.position, RIG.start_pose, rtol=0.0, atol=1e-12)
    homing.rejoin(101 * DT, still)
    again = homing.follow(102 * DT, still)
    assert again is not None
    assert np.array_equal(again.position, REST)
    assert homing.ask(0) is None
    assert math.isclose(homing.duration_s(RIG.start_pose), 0.5)
