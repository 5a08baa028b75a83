"""What the executor does when a watchdog is past its limit: report, hold, or stop."""

from dataclasses import fields, replace

import numpy as np
import pytest
from executor_rig import DT, LIMITS, RIG, ExecutorRig, excess, ramp

from wam_core.errors import WamError
from wam_core.status import State
from wam_core.watchdog import MotorReading, Watch, WatchdogConfig

OFF = WatchdogConfig(**{entry.name: Watch(1.0, 'ignore') for entry in fields(WatchdogConfig)})


def watched(**watches: Watch) -> ExecutorRig:
    """In the middle of a plan, with these watchdogs only."""
    rig = ExecutorRig(splice_s=0.2, watchdogs=replace(OFF, **watches))
    rig.core.watchdogs.heartbeat(rig.now + DT)
    assert rig.answer(rig.start('async'), ramp(100)) == ''
    rig.tick(20)
    assert rig.core.status.state is State.RUNNING
    return rig


def overload(rig: ExecutorRig, status: int = 0x20) -> None:
    rig.core.watchdogs.motors(
        MotorReading('follower_left', ['elbow'], [status], [40.0], [12.0]), rig.now
    )


def test_a_report_is_said_and_nothing_else() -> None:
    rig = watched(motor_error=Watch(0.0, 'report'))
    other = watched()
    overload(rig)
    rig.tick(20)
    other.tick(20)
    (fault,) = rig.core.status.faults
    assert fault.name == 'motor_error'
    assert np.array_equal(rig.commands, other.commands)


def test_a_hold_brings_the_arms_to_rest_and_the_plan_is_joined_again_when_it_is_over() -> None:
    rig = watched(joint_state_age_s=Watch(0.5, 'hold'))
    rig.core.watchdogs.heard('arm', {'follower_left': rig.now - 10**9})
    rig.tick()
    assert rig.core.status.state is State.HOLDING
    assert rig.until_rest() > 0
    rig.tick(10)
    held = rig.arms.copy()
    rig.core.watchdogs.heard('arm', {'follower_left': rig.now + 10 * 10**9})
    rig.tick()
    assert rig.core.status.state is State.RUNNING
    assert np.abs(rig.arms - held)[:6].max() < 0.02
    rig.tick(20)
    followed = rig.ticks[-1].applied
    assert followed is not None
    assert rig.waist[-1] == pytest.approx(0.25 + 0.01 * followed.row, abs=1e-3)
    assert rig.core.status.chunks_merged == 1
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_hold_of_a_person_s_motion_is_joined_again() -> None:
    rig = ExecutorRig(splice_s=0.2, watchdogs=replace(OFF, joint_state_age_s=Watch(0.5, 'hold')))
    rig.core.start('teleop', '', 'fold', rig.now)
    for tick in range(90):
        if tick in (30, 60):
            stamp_ns = rig.now + (10**12 if tick == 60 else -(10**9))
            rig.core.watchdogs.heard('arm', {'follower_left': stamp_ns})
        rig.target('teleop', np.full(14, 0.25 + 0.01 * tick))
        rig.tick()
        held = 30 <= tick < 60
        assert tick == 0 or rig.core.status.state is (State.HOLDING if held else State.RUNNING)
    assert rig.waist[-1] == pytest.approx(0.25 + 0.89, abs=0.02)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_slew_that_a_watchdog_holds_begins_again_and_arrives() -> None:
    rig = ExecutorRig(watchdogs=replace(OFF, joint_state_age_s=Watch(0.5, 'hold')))
    rig.tick()
    rig.core.go_to_pose('sleep', rig.now)
    rig.tick(25)
    rig.core.watchdogs.heard('arm', {'follower_left': rig.now - 10**9})
    rig.tick(40)
    assert rig.core.status.at_rest
    assert rig.core.status.state is State.HOLDING
    rig.core.watchdogs.heard('arm', {'follower_left': rig.now + 10**12})
    rig.tick(200)
    assert (rig.core.status.state, rig.core.status.pose) == (State.IDLE, 'sleep')
    assert rig.arms == pytest.approx(RIG.sleep_pose, abs=1e-6)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_stop_is_latched_and_not_lifted_while_its_cause_persists() -> None:
    rig = watched(motor_error=Watch(0.0, 'stop'))
    overload(rig)
    rig.tick()
    status = rig.core.status
    assert status.state is State.STOPPED
    assert 'follower_left elbow: overload' in status.stop_reason
    assert rig.until_rest() > 0
    with pytest.raises(WamError, match=r'reset refused, the cause of a stop persists: .*overload'):
        rig.core.reset(rig.now)
    overload(rig, status=0)
    rig.tick(5)
    assert rig.core.status.state is State.STOPPED
    rig.core.reset(rig.now)
    assert rig.core.status.state is State.IDLE
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_nothing_starts_while_a_watchdog_asks_for_a_stop() -> None:
    rig = ExecutorRig(watchdogs=replace(OFF, motor_error=Watch(0.0, 'stop')))
    rig.tick()
    overload(rig)
    for begin in (
        lambda: rig.core.start('policy', '', 'fold', rig.now),
        lambda: rig.core.go_to_pose('start', rig.now),
    ):
        with pytest.raises(WamError, match=r'start refused, the cause of a stop persists'):
            begin()
    rig.tick()
    assert rig.core.status.state is State.IDLE
    overload(rig, status=0)
    rig.start('async')


def test_a_watchdog_does_not_stop_what_is_idle() -> None:
    rig = ExecutorRig(watchdogs=replace(OFF, motor_error=Watch(0.0, 'stop')))
    overload(rig)
    rig.tick(3)
    assert rig.core.status.state is State.IDLE
    assert len(rig.core.status.faults) == 1


def test_the_heartbeat_of_an_operator_keeps_a_run_going() -> None:
    rig = watched(heartbeat_s=Watch(1.0, 'stop'))
    for _ in range(30):
        rig.core.watchdogs.heartbeat(rig.now)
        rig.tick()
    assert rig.core.status.state is State.RUNNING
    rig.tick(26)
    assert rig.core.status.state is State.STOPPED
    assert "the operator's heartbeat" in rig.core.status.stop_reason


@pytest.mark.parametrize(('name', 'limit'), [('chunk_age_s', 1.0), ('observation_age_s', 0.05)])
def test_old_plans_are_told(name: str, limit: float) -> None:
    rig = ExecutorRig(watchdogs=replace(OFF, **{name: Watch(limit)}))
    request = rig.start('async')
    observed_ns = rig.now
    rig.tick(2)
    assert rig.answer(request, ramp(100), t_obs_ns=observed_ns) == ''
    rig.tick(40)
    assert [fault.name for fault in rig.core.status.faults] == [name]


def test_an_arm_that_does_not_follow_is_held() -> None:
    rig = watched(tracking_error_rad=Watch(0.1, 'hold'))
    stuck = rig.arms.copy()
    for _ in range(30):
        rig.now += DT
        rig.core.measured(stuck, rig.now)
        rig.ticks.append(rig.core.tick(rig.now))
    assert [fault.name for fault in rig.core.status.faults] == ['tracking_error_rad']
    assert rig.core.status.state is State.HOLDING
    assert rig.core.status.at_rest
    assert 0.1 < rig.waist[-1] - stuck[0] < 0.15


def test_a_gripper_that_squeezes_something_is_no_tracking_error() -> None:
    rig = watched(tracking_error_rad=Watch(0.1, 'stop'))
    rig.arms = rig.arms.copy()
    rig.arms[[6, 13]] = 0.9
    rig.now += DT
    rig.core.measured(rig.arms, rig.now)
    rig.core.tick(rig.now)
    assert rig.core.status.faults == ()


def test_a_tick_that_is_late_is_told() -> None:
    rig = watched(tick_lateness_ms=Watch(10.0))
    rig.now += DT
    rig.core.tick(rig.now + 11_000_000, rig.now)
    (fault,) = rig.core.status.faults
    assert fault.text == 'tick lateness: 11 ms, allowed 10 (tick_lateness_ms)'


def test_arms_that_were_not_seen_get_no_command_and_go_on_from_where_they_are_found() -> None:
    rig = watched(joint_state_age_s=Watch(0.3, 'hold'))
    rig.core.watchdogs.heard('arm', {'follower_left': rig.now})
    silent = [rig.core.tick(rig.now + tick * DT) for tick in range(1, 40)]
    rig.now += 39 * DT
    assert rig.core.status.state is State.HOLDING
    assert silent[5].command is not None
    assert all(tick.command is None for tick in silent[20:])
    found = rig.arms + np.where(np.arange(14) < 6, -0.2, 0.0)  # the left arm fell behind
    rig.arms = found
    rig.core.watchdogs.heard('arm', {'follower_left': rig.now + 10**12})
    first = rig.tick().command
    assert first is not None
    assert np.abs(first - found)[:6].max() < 0.04
    rig.tick(30)
    assert rig.core.status.state is State.RUNNING
    assert rig.waist[-1] > found[0] + 0.1
