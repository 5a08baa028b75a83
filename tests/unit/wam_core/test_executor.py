"""The executor as a state machine: starts, stops, measurements, limits, clocks that jump."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from wam_core.errors import WamError
from wam_core.executor import ExecutorConfig, Tick
from wam_core.joints import Vector
from wam_core.status import State

if TYPE_CHECKING:
    from tests.unit.wam_core.conftest import ExecutorRig

MS = 1_000_000
DT = 40 * MS
T0 = 10 * 10**9
REST = np.full(14, 0.25)


def ramp(count: int, start: float = 0.25, step: float = 0.01) -> Vector:
    return np.arange(count, dtype=np.float64) * step + start


def test_idle_sends_nothing(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    assert rig.tick(3) == Tick()
    assert rig.core.status.state is State.IDLE
    assert rig.core.status.ticks == 3


def test_nothing_is_sent_before_the_arms_were_measured_in_the_run(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig()
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


def test_a_stop_is_latched_until_reset(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    request = rig.start('async')
    rig.answer(request, ramp(50))
    rig.tick(10)
    held = rig.arms.copy()
    rig.core.stop('hand in the workspace', rig.now)
    rig.core.stop('another reason', rig.now)
    rig.core.hold(rig.now)
    with pytest.raises(WamError, match=r'stopped \(hand in the workspace\), reset it first'):
        rig.core.start('policy', 'async', 'fold', rig.now)
    rig.answer(request, ramp(50))
    rig.tick(10)
    status = rig.core.status
    assert (status.state, status.stop_reason) == (State.STOPPED, 'hand in the workspace')
    assert status.refusals == {'not_running': 1}
    sent = [tick.command for tick in rig.ticks[-10:]]
    assert all(command is not None and np.array_equal(command, held) for command in sent)
    rig.core.reset(rig.now)
    assert rig.tick() == Tick()
    assert rig.core.status.state is State.IDLE
    assert rig.core.status.stop_reason == ''
    assert rig.start('async').generation == 2


def test_a_stop_out_of_idle_sends_nothing(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    rig.start('async')
    rig.core.hold(rig.now)
    rig.arms = rig.arms + 1.0
    rig.core.stop('before work on the arms', rig.now)
    assert rig.tick() == Tick()


def test_a_stop_does_not_even_pull_an_arm_back_inside_its_limits(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig()
    rig.arms[1] = -2.05
    rig.core.start('policy', 'sync', 'fold', rig.now)
    rig.tick()
    stopped = rig.arms.copy()
    rig.core.stop('now', rig.now)
    rig.tick(5)
    assert np.array_equal(rig.arms, stopped)


def test_a_start_takes_up_the_arm_that_was_moved_and_keeps_the_grip_of_the_other(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig()
    rig.answer(rig.start('sync'), np.full(20, 0.25))
    rig.tick(20)
    rig.core.hold(rig.now)
    rig.arms = rig.arms.copy()
    rig.arms[1] = -0.5  # the left arm was moved, the right one sags and squeezes something
    rig.arms[6], rig.arms[8], rig.arms[13] = 0.8, 0.24, 0.6
    measured = rig.arms.copy()
    rig.core.start('policy', 'sync', 'fold', rig.now)
    command = rig.tick().command
    assert command is not None
    assert np.array_equal(command[:7], measured[:7])
    assert np.allclose(command[7:], 0.25)


@pytest.mark.parametrize('jump_ns', [-3600 * 10**9, -DT - 1, 600 * MS, 3600 * 10**9])
def test_a_jump_of_the_clock_ends_in_a_hold_and_a_fresh_request(
    make_rig: 'type[ExecutorRig]', jump_ns: int
) -> None:
    rig = make_rig()
    rig.answer(rig.start('async'), ramp(50))
    rig.tick(10)
    held = rig.arms.copy()
    rig.now += jump_ns
    tick = rig.tick()
    status = rig.core.status
    assert (status.state, status.clock_jumps, status.underruns) == (State.HOLDING, 1, 0)
    assert np.array_equal(rig.arms, held)
    assert tick.request is not None
    assert tick.request.not_before_ns == rig.now
    assert rig.answer(tick.request, ramp(50, start=held[0])) == ''
    rig.tick(2)
    assert rig.core.status.state is State.RUNNING


def test_a_late_tick_does_not_authorise_a_leap(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    rig.answer(rig.start('async'), np.full(50, 3.0))
    rig.tick()
    before = rig.arms.copy()
    rig.tick(period_ns=10 * DT)
    assert rig.arms[0] - before[0] == pytest.approx(3.14 * 2 * 0.04)


def test_limits_are_counted_per_joint_and_reported_with_the_tick(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig()
    rows = np.tile(REST, (20, 1))
    rows[:, 1] = 9.0
    rig.answer(rig.start('sync'), np.zeros(20), actions=rows.ravel())
    tick = rig.tick()
    assert tick.applied is not None
    assert tick.applied.requested[1] == 9.0
    assert tick.applied.limited[1] == pytest.approx(0.25 + 3.14 * 0.04)
    assert tick.applied.position_clamped.nonzero()[0].tolist() == [1]
    assert tick.applied.velocity_clamped.nonzero()[0].tolist() == [1]
    rig.tick(19)
    assert rig.arms[1] == 1.25
    status = rig.core.status
    assert status.position_clamps == (0, 20) + (0,) * 12
    assert status.velocity_clamps == (0, 7) + (0,) * 12


@pytest.mark.parametrize('bad', [np.full(14, math.nan), np.zeros(13), np.full(14, math.inf)])
def test_a_measurement_that_is_none_is_ignored_and_counted(
    make_rig: 'type[ExecutorRig]', bad: Vector
) -> None:
    rig = make_rig()
    assert not rig.core.measured(bad, T0)
    rig.core.start('policy', 'sync', 'fold', T0)
    assert rig.core.tick(T0 + DT) == Tick()
    assert rig.core.status.measurements_ignored == 1


@pytest.mark.parametrize(
    ('source', 'mode', 'text'),
    [
        ('policy', 'rtc', "mode 'rtc' is not there yet, allowed: sync, async"),
        ('policy', 'fast', "unknown mode 'fast', allowed: sync, async"),
        ('magic', 'sync', "unknown source 'magic', allowed: policy"),
    ],
)
def test_a_start_of_what_there_is_not_is_refused(
    make_rig: 'type[ExecutorRig]', source: str, mode: str, text: str
) -> None:
    rig = make_rig()
    with pytest.raises(WamError, match=text):
        rig.core.start(source, mode, 'fold', T0)
    assert rig.core.status.state is State.IDLE
    assert rig.tick() == Tick()


def test_a_start_without_a_mode_takes_the_configured_one(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig(mode='sync')
    assert rig.start('').mode == 'sync'


def test_lateness_is_measured_against_the_deadline(make_rig: 'type[ExecutorRig]') -> None:
    rig = make_rig()
    for late_ns in (0, 3 * MS, MS):
        rig.now += DT
        rig.core.tick(rig.now + late_ns, rig.now)
    status = rig.core.status
    assert (status.tick_lateness_ms, status.tick_lateness_max_ms) == (1.0, 3.0)


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'period_ns': 0}, 'period_ns = 0, expected a finite number above 0'),
        ({'splice_s': -1.0}, r'splice_s = -1\.0, expected a finite number at least 0'),
        ({'stale_after_s': math.nan}, 'stale_after_s = nan'),
        ({'mode': 'rtc'}, "mode 'rtc' is not there yet"),
    ],
)
def test_a_configuration_out_of_range_is_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(WamError, match=text):
        ExecutorConfig(**change)


def test_a_start_that_is_refused_leaves_everything_as_it_was(
    make_rig: 'type[ExecutorRig]',
) -> None:
    rig = make_rig()
    before = rig.core.status
    with pytest.raises(WamError, match="unknown mode 'warp'"):
        rig.core.start('policy', 'warp', 'fold', T0)
    assert rig.core.status == before
