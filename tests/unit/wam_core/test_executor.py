"""The executor as a state machine: starts, holds, stops, resets, measurements, limits."""

import math
from typing import Any

import numpy as np
import pytest
from executor_rig import DT, LIMITS, MS, REST, RIG, T0, ExecutorRig, excess, ramp

from wam_core.errors import WamError
from wam_core.executor import ExecutorCore
from wam_core.executor_config import ExecutorConfig
from wam_core.joints import Vector
from wam_core.status import State
from wam_core.tick import Tick


def moving_rig(**config: Any) -> ExecutorRig:
    """In the middle of a plan, at 0.25 rad/s or so."""
    rig = ExecutorRig(**config)
    assert rig.answer(rig.start('async'), ramp(50)) == ''
    rig.tick(15)
    assert not rig.core.status.at_rest
    return rig


def test_idle_sends_nothing() -> None:
    rig = ExecutorRig()
    assert rig.tick(3) == Tick()
    assert rig.core.status.state is State.IDLE
    assert rig.core.status.ticks == 3


def test_nothing_is_sent_before_the_arms_were_measured_in_the_run() -> None:
    rig = ExecutorRig()
    rig.core.measured(REST, T0 - 1)
    rig.core.start('policy', 'sync', 'fold', T0)
    assert rig.core.tick(T0 + DT) == Tick()
    assert rig.core.status.state is State.HOLDING
    rig.core.measured(REST, T0 + DT)
    tick = rig.core.tick(T0 + 2 * DT)
    assert tick.command is not None
    assert np.array_equal(tick.command, REST)
    assert tick.applied is not None
    assert (tick.applied.source, tick.applied.request_id, tick.applied.row) == ('hold', 0, -1.0)


def test_a_hold_brings_the_arms_to_rest_and_is_idle_then() -> None:
    rig = moving_rig()
    rig.core.hold()
    assert rig.core.status.state is State.HOLDING
    assert rig.until_rest() > 1
    assert rig.core.status.state is State.IDLE
    assert rig.tick() == Tick()
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_stop_brings_the_arms_to_rest_and_is_latched_until_reset() -> None:
    rig = moving_rig()
    request = rig.requests[-1]
    rig.core.stop('hand in the workspace')
    rig.core.stop('another reason')
    rig.core.hold()
    for refused in (
        lambda: rig.core.start('policy', 'async', 'fold', rig.now),
        lambda: rig.core.go_to_pose('start', rig.now),
    ):
        with pytest.raises(WamError, match=r'stopped \(hand in the workspace\), reset it first'):
            refused()
    with pytest.raises(WamError, match='the arms are still coming to rest'):
        rig.core.reset(rig.now)
    assert rig.until_rest() > 1
    held = rig.arms.copy()
    rig.answer(request, ramp(50))
    rig.tick(10)
    status = rig.core.status
    assert (status.state, status.stop_reason) == (State.STOPPED, 'hand in the workspace')
    assert status.refusals == {'not_running': 1}
    assert np.array_equal(rig.commands[-10:], np.tile(held, (10, 1)))
    assert excess(rig.commands, LIMITS) <= 1e-7
    rig.core.reset(rig.now)
    assert rig.tick() == Tick()
    assert rig.core.status.state is State.IDLE
    assert rig.core.status.stop_reason == ''
    assert rig.start('async').generation == 2


def test_a_stop_out_of_idle_sends_nothing() -> None:
    rig = ExecutorRig()
    rig.start('async')
    rig.core.hold()
    rig.arms = rig.arms + 1.0
    rig.core.stop('before work on the arms')
    assert rig.tick() == Tick()


def test_a_reset_without_a_stop_does_nothing() -> None:
    rig = moving_rig()
    rig.core.reset(rig.now)
    assert rig.core.status.state is State.RUNNING


def test_a_stop_does_not_even_pull_an_arm_back_inside_its_limits() -> None:
    rig = ExecutorRig()
    rig.arms[1] = -2.05
    rig.core.start('policy', 'sync', 'fold', rig.now)
    rig.tick()
    stopped = rig.arms.copy()
    rig.core.stop('now')
    rig.tick(5)
    assert np.array_equal(rig.arms, stopped)


def test_a_run_in_place_of_another_begins_where_that_one_was_without_a_jump() -> None:
    rig = moving_rig()
    rig.start('async')
    rig.answer(rig.requests[-1], np.full(50, 0.0))
    rig.tick(30)
    assert rig.core.status.generation == 2
    assert rig.waist[-1] == pytest.approx(0.0, abs=0.02)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_start_takes_up_the_arm_that_was_moved_and_keeps_the_grip_of_the_other() -> None:
    rig = ExecutorRig()
    rig.answer(rig.start('sync'), np.full(20, 0.25))
    rig.tick(20)
    rig.core.hold()
    rig.arms = rig.arms.copy()
    rig.arms[1] = -0.5  # the left arm was moved, the right one sags and squeezes something
    rig.arms[6], rig.arms[8], rig.arms[13] = 0.8, 0.24, 0.6
    measured = rig.arms.copy()
    rig.core.start('policy', 'sync', 'fold', rig.now)
    command = rig.tick().command
    assert command is not None
    assert np.array_equal(command[:7], measured[:7])
    assert np.allclose(command[7:], 0.25)


def test_limits_are_counted_per_joint_and_reported_with_the_tick() -> None:
    rig = ExecutorRig(speed_scale=0.2)
    rows = np.tile(REST, (100, 1))
    rows[:, 1] = 9.0
    rig.answer(rig.start('sync'), np.zeros(100), actions=rows.ravel())
    for _ in range(100):
        applied = rig.tick().applied
        assert applied is not None
        for name in ('position', 'velocity', 'acceleration', 'jerk'):
            clamped = getattr(applied, f'{name}_clamped').nonzero()[0].tolist()
            assert clamped in ([], [1])
            assert not clamped or applied.limited[1] != applied.requested[1]
    assert rig.arms[1] == pytest.approx(RIG.upper[1])
    status = rig.core.status
    for counts in (status.position_clamps, status.velocity_clamps):
        assert counts[1] > 0
        assert sum(counts) == counts[1]
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_the_speed_scale_slows_everything_down() -> None:
    rig = ExecutorRig(speed_scale=0.1)
    rig.answer(rig.start('async'), np.full(50, 1.0))
    rig.tick(29)
    steps = np.abs(np.diff(rig.waist)) / 0.04
    assert 0.25 < steps.max() <= 0.314159 + 1e-9


@pytest.mark.parametrize('scale', [0.0, -1.0, 1.5, math.nan])
def test_a_speed_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(WamError, match=r'speed_scale = .* allowed above 0 to 1'):
        ExecutorCore(ExecutorConfig(), RIG, scale)


@pytest.mark.parametrize(
    'bad', [np.full(14, math.nan), np.zeros(13), np.full(14, math.inf), np.full(14, 1e9)]
)
def test_a_measurement_that_is_none_is_ignored_and_counted(bad: Vector) -> None:
    rig = ExecutorRig()
    assert not rig.core.measured(bad, T0)
    rig.core.start('policy', 'sync', 'fold', T0)
    assert rig.core.tick(T0 + DT) == Tick()
    assert rig.core.status.measurements_ignored == 1


@pytest.mark.parametrize(
    ('source', 'mode', 'text'),
    [
        ('policy', 'fast', "unknown mode 'fast', allowed: sync, async, rtc"),
        ('magic', 'sync', "unknown source 'magic', allowed: policy, teleop, replay"),
        ('homing', 'sync', "unknown source 'homing'"),
    ],
)
def test_a_start_of_what_there_is_not_is_refused_and_changes_nothing(
    source: str, mode: str, text: str
) -> None:
    rig = ExecutorRig()
    before = rig.core.status
    with pytest.raises(WamError, match=text):
        rig.core.start(source, mode, 'fold', T0)
    assert rig.core.status == before
    assert rig.tick() == Tick()


def test_a_start_without_a_mode_takes_the_configured_one() -> None:
    rig = ExecutorRig(mode='sync')
    assert rig.start('').mode == 'sync'


def test_lateness_is_measured_against_the_deadline() -> None:
    rig = ExecutorRig()
    for late_ns in (0, 3 * MS, MS):
        rig.now += DT
        rig.core.tick(rig.now + late_ns, rig.now)
    status = rig.core.status
    assert (status.tick_lateness_ms, status.tick_lateness_max_ms) == (1.0, 3.0)


def test_a_late_tick_follows_the_plan_at_the_time_when_it_was_due() -> None:
    punctual, late = moving_rig(), moving_rig()
    for rig, late_ns in ((punctual, 0), (late, 25 * MS)):
        rig.now += DT
        command = rig.core.tick(rig.now + late_ns, rig.now).command
        assert command is not None
        rig.arms = command
    assert np.array_equal(punctual.arms, late.arms)


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'period_ns': 0}, 'period_ns = 0, expected a finite number above 0'),
        ({'splice_s': -1.0}, r'splice_s = -1\.0, expected a finite number at least 0'),
        ({'stale_after_s': math.nan}, 'stale_after_s = nan'),
        ({'target_timeout_s': 0.0}, 'target_timeout_s = 0.0, expected a finite number above 0'),
        ({'homing_share': 1.5}, 'homing_share = 1.5, allowed up to 1'),
        ({'mode': 'warp'}, "unknown mode 'warp'"),
    ],
)
def test_a_configuration_out_of_range_is_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(WamError, match=text):
        ExecutorConfig(**change)


def test_no_command_can_be_changed_by_who_gets_it() -> None:
    rig = moving_rig()
    command = rig.tick().command
    assert command is not None
    with pytest.raises(ValueError, match='read-only'):
        command[0] = 1.0
