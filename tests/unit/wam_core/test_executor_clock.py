"""Clocks that jump or pause, and ticks that come late or not at all."""

import numpy as np
import pytest
from executor_rig import DT, LIMITS, MS, RIG, ExecutorRig, excess, ramp

from wam_core.status import State

JUMPS_NS = [-3600 * 10**9, -DT - 1, 600 * MS, 3600 * 10**9]


@pytest.mark.parametrize('jump_ns', JUMPS_NS)
@pytest.mark.parametrize('mode', ['sync', 'async', 'rtc'])
def test_a_jump_of_the_clock_ends_in_a_hold_and_a_fresh_request(mode: str, jump_ns: int) -> None:
    rig = ExecutorRig()
    rig.answer(rig.start(mode), ramp(50))
    rig.tick(10)
    rig.now += jump_ns
    tick = rig.tick()
    status = rig.core.status
    assert (status.state, status.clock_jumps, status.underruns) == (State.HOLDING, 1, 0)
    assert tick.request is not None
    assert tick.request.not_before_ns == rig.now
    assert rig.until_rest() > 0
    assert rig.answer(tick.request, ramp(50, start=0.5)) == ''
    rig.tick(2)
    assert rig.core.status.state is State.RUNNING
    rig.tick(20)
    assert excess(rig.commands, LIMITS) <= 1e-7


@pytest.mark.parametrize('jump_ns', JUMPS_NS)
def test_after_a_jump_the_targets_of_a_person_are_followed_again(jump_ns: int) -> None:
    rig = ExecutorRig()
    rig.core.start('teleop', '', 'fold', rig.now)
    for step in range(60):
        if step == 20:
            rig.now += jump_ns
        rig.tick()
        refused = rig.target('teleop', np.full(14, 0.4))
        assert not refused or (step == 20 and refused.startswith('duplicate'))
    assert rig.core.status.clock_jumps == 1
    assert rig.core.status.state is State.RUNNING
    assert np.allclose(rig.arms, 0.4)
    assert excess(rig.commands, LIMITS) <= 1e-7


@pytest.mark.parametrize('jump_ns', JUMPS_NS)
def test_a_slew_begins_again_after_a_jump(jump_ns: int) -> None:
    rig = ExecutorRig()
    rig.tick()
    rig.core.go_to_pose('start', rig.now)
    rig.tick(20)
    rig.now += jump_ns
    rig.tick(200)
    assert rig.core.status.pose == 'start'
    assert np.allclose(rig.arms, RIG.start_pose, atol=1e-6)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_pause_of_the_clock_is_no_jump() -> None:
    rig = ExecutorRig()
    rig.answer(rig.start('async'), ramp(50))
    rig.tick(10)
    rig.tick(5, period_ns=0)
    rig.tick(10)
    status = rig.core.status
    assert (status.clock_jumps, status.state) == (0, State.RUNNING)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_late_tick_does_not_authorise_a_leap() -> None:
    rig = ExecutorRig()
    rig.answer(rig.start('async'), ramp(50, step=0.1))
    rig.tick(10)
    rig.tick(period_ns=10 * DT)
    rig.tick(3)
    assert rig.core.status.clock_jumps == 0
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_jump_while_idle_is_nobody_s_business() -> None:
    rig = ExecutorRig()
    rig.tick(3)
    rig.now -= 10**12
    rig.tick(3)
    assert rig.start('async').not_before_ns <= rig.now
    rig.tick(3)
    assert rig.core.status.clock_jumps == 0
