"""Targets one by one: taken while they are new and sound, followed with what they lead to."""

import math

import numpy as np
import pytest
from executor_rig import DT, LIMITS, MS, T0

from wam_core.joints import GRIPPERS, Vector
from wam_core.spline import Motion
from wam_core.target_source import TargetSource

HELD = Motion(np.full(14, 0.25), np.zeros(14), np.zeros(14))
SPLICE_S = 0.2
ARM_JOINTS = [joint for joint in range(14) if joint not in GRIPPERS]


def source() -> TargetSource:
    return TargetSource(SPLICE_S, timeout_s=0.2, future_s=0.1, limits=LIMITS, period_ns=DT)


def offered(target: TargetSource, position: Vector, stamp_ns: int, now_ns: int) -> str:
    refusal = target.offer(position, stamp_ns, now_ns)
    return '' if refusal is None else f'{refusal.reason.value}: {refusal.text}'


def poisoned(value: float) -> Vector:
    position = np.zeros(14)
    position[5] = value
    return position


@pytest.mark.parametrize(
    ('position', 'age_ns', 'text'),
    [
        (np.zeros(13), 0, 'wrong_dimension: target of shape (13,), allowed (14,)'),
        (np.zeros((1, 14)), 0, 'wrong_dimension: target of shape (1, 14)'),
        (poisoned(math.nan), 0, 'not_finite: target left_wrist_rotate = nan'),
        (poisoned(-math.inf), 0, 'not_finite: target left_wrist_rotate = -inf'),
        (poisoned(2000.0), 0, 'out_of_range: target left_wrist_rotate = 2000, allowed -1000'),
        (np.zeros(14), 201 * MS, 'stale: target is 0.201 s old, allowed 0.2 s'),
        (np.zeros(14), -101 * MS, 'future: target is 0.101 s ahead of now, allowed 0.1 s'),
    ],
)
def test_a_target_that_can_not_be_followed_is_refused(
    position: Vector, age_ns: int, text: str
) -> None:
    target = source()
    assert offered(target, position, T0 - age_ns, T0).startswith(text)
    assert target.follow(T0, HELD) is None


def test_targets_must_become_newer() -> None:
    target = source()
    assert offered(target, np.zeros(14), T0, T0) == ''
    for stamp_ns in (T0, T0 - MS):
        assert offered(target, np.ones(14), stamp_ns, T0).startswith('duplicate')
    assert offered(target, np.zeros(14), T0 + 1, T0) == ''


def test_after_the_clock_went_back_the_targets_of_then_are_forgotten() -> None:
    target = source()
    assert offered(target, np.zeros(14), T0, T0) == ''
    back_ns = T0 - 10**9
    assert offered(target, np.ones(14), back_ns, back_ns) == ''
    aim = target.follow(back_ns + 3 * 10**8 // 2, HELD)
    assert aim is not None


def test_the_target_is_led_to_from_the_command_and_then_followed() -> None:
    target = source()
    goal = np.full(14, 0.5)
    path = []
    for tick in range(60):
        now_ns = T0 + tick * DT
        assert offered(target, goal, now_ns, now_ns) == ''
        aim = target.follow(now_ns, HELD)
        assert aim is not None
        path.append(aim.position)
    assert path[0][ARM_JOINTS] == pytest.approx(np.full(12, 0.25))
    assert path[0][GRIPPERS[0]] == 0.5  # not held up
    assert np.array_equal(path[-1], goal)
    assert np.all(np.diff(np.array(path)[:, ARM_JOINTS], axis=0) > -1e-12)


def test_between_targets_it_expects_them_to_go_on() -> None:
    target = source()
    for tick in range(40):
        now_ns = T0 + tick * DT
        offered(target, np.full(14, 0.25 + 0.02 * tick), now_ns, now_ns)
        aim = target.follow(now_ns, HELD)
        assert aim is not None
        steps = np.diff(aim.requests, axis=0)
    assert steps == pytest.approx(np.full((2, 14), 0.02))


def test_a_leap_of_the_target_is_expected_at_no_more_than_the_limits() -> None:
    target = source()
    offered(target, np.zeros(14), T0, T0)
    offered(target, np.ones(14), T0 + 1, T0)
    aim = target.follow(T0, HELD)
    assert aim is not None
    assert np.abs(np.diff(aim.requests, axis=0)).max() <= LIMITS.velocity.max() * 0.04 * 1.5


def test_an_old_target_is_none_and_a_new_one_is_spliced_in_again() -> None:
    target = source()
    offered(target, np.full(14, 0.5), T0, T0)
    assert target.follow(T0 + 200 * MS, HELD) is not None
    assert target.follow(T0 + 201 * MS, HELD) is None
    later_ns = T0 + 10**9
    offered(target, np.full(14, 0.9), later_ns, later_ns)
    aim = target.follow(later_ns, HELD)
    assert aim is not None
    assert aim.position[ARM_JOINTS] == pytest.approx(HELD.position[ARM_JOINTS])


def test_it_asks_for_nothing_and_its_end_forgets_the_target() -> None:
    target = source()
    offered(target, np.full(14, 0.5), T0, T0)
    assert target.ask(T0) is None
    target.end()
    assert target.follow(T0, HELD) is None
