"""One source at a time, and changes between them without a jump."""

import math

import numpy as np
import pytest
from executor_rig import LIMITS, REST, ExecutorRig, excess, ramp

from wam_core.errors import WamError
from wam_core.status import State


def policy_rig() -> ExecutorRig:
    """The policy has the arms and moves them."""
    rig = ExecutorRig(splice_s=0.2)
    assert rig.answer(rig.start('async'), ramp(50)) == ''
    rig.tick(20)
    return rig


def teleoperate(rig: ExecutorRig, source: str, position: float, ticks: int) -> None:
    for _ in range(ticks):
        assert rig.target(source, np.full(14, position)) == ''
        rig.tick()


def sources(rig: ExecutorRig) -> list[str]:
    """Of the ticks with a command, without repetitions."""
    names = [tick.applied.source for tick in rig.ticks if tick.applied is not None]
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


def test_a_person_takes_over_in_the_middle_of_a_motion_and_hands_back_without_a_jump() -> None:
    rig = policy_rig()
    generation = rig.core.status.generation
    rig.core.handover('teleop', rig.now)
    assert rig.core.status.source == 'teleop'
    teleoperate(rig, 'teleop', 0.0, 50)
    assert np.allclose(rig.arms, 0.0, atol=1e-6)
    rig.core.handover('policy', rig.now)
    request = rig.tick().request
    assert request is not None
    assert request.not_before_ns >= rig.now - rig.config.period_ns
    assert rig.answer(request, ramp(50, start=0.5)) == ''
    rig.tick(40)
    assert rig.waist[-1] > 0.5
    status = rig.core.status
    assert (status.generation, status.source, status.task) == (generation, 'policy', 'fold')
    assert sources(rig) == ['hold', 'policy', 'teleop', 'hold', 'policy']
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_take_over_before_the_first_target_brings_the_arms_to_rest() -> None:
    rig = policy_rig()
    rig.core.handover('teleop', rig.now)
    rig.tick()
    assert rig.core.status.state is State.HOLDING
    assert rig.until_rest() > 0
    teleoperate(rig, 'teleop', 0.6, 40)
    assert np.allclose(rig.arms, 0.6)
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_chunk_of_before_the_take_over_is_refused_during_it_and_after() -> None:
    rig = ExecutorRig()
    old = rig.start('async')
    rig.core.handover('teleop', rig.now)
    text = rig.answer(old, ramp(50))
    assert text == "inactive_source: request_id = 1 came, the active source is 'teleop'"
    rig.core.handover('policy', rig.now)
    assert rig.answer(old, ramp(50)).startswith('unsolicited: request_id = 1')
    rig.tick()
    assert rig.answer(old, ramp(50)) == 'unsolicited: request_id = 1, expected 2'
    assert rig.answer(rig.requests[-1], ramp(50)) == ''
    assert rig.core.status.inactive_messages == 1


def test_what_comes_from_a_source_that_has_not_the_arms_is_counted_and_ignored() -> None:
    rig = policy_rig()
    without = policy_rig()
    for _ in range(5):
        for source in ('teleop', 'replay', 'policy', 'nobody'):
            text = rig.target(source, np.full(14, -1.0))
            assert text == (
                f"inactive_source: target of {source!r} came, the active source is 'policy'"
            )
        rig.tick()
        without.tick()
    assert rig.core.status.inactive_messages == 20
    assert rig.core.status.refusals == {'inactive_source': 20}
    assert np.array_equal(rig.commands, without.commands)


def test_targets_that_were_on_their_way_at_a_handover_are_refused_but_not_counted() -> None:
    rig = policy_rig()
    rig.core.handover('teleop', rig.now)
    teleoperate(rig, 'teleop', 0.3, 5)
    rig.core.handover('policy', rig.now)
    text = rig.target('teleop', REST)
    assert text == "inactive_source: target of 'teleop' came after the handover to 'policy'"
    assert rig.core.status.inactive_messages == 0
    rig.tick(6)  # target_timeout_s
    assert rig.target('teleop', REST).endswith("the active source is 'policy'")
    assert rig.core.status.inactive_messages == 1


def test_a_target_without_a_run_is_refused() -> None:
    rig = ExecutorRig()
    assert rig.target('teleop', REST) == "not_running: target of 'teleop' came, no run is active"
    assert rig.core.status.inactive_messages == 0


@pytest.mark.parametrize('source', ['teleop', 'replay'])
def test_targets_that_stop_coming_leave_the_arms_at_rest(source: str) -> None:
    rig = ExecutorRig()
    rig.core.start(source, '', 'fold', rig.now)
    for tick in range(20):
        rig.target(source, np.full(14, 0.25 + 0.02 * tick))
        rig.tick()
    rig.tick(6)
    assert rig.core.status.state is State.HOLDING
    assert rig.until_rest() < 30
    assert excess(rig.commands, LIMITS) <= 1e-7


def test_a_target_that_is_none_is_refused_and_the_one_before_is_followed() -> None:
    rig = ExecutorRig()
    rig.core.start('replay', '', 'fold', rig.now)
    teleoperate(rig, 'replay', 0.4, 40)
    assert rig.target('replay', np.full(14, math.nan)).startswith('not_finite')
    rig.tick()
    assert np.allclose(rig.arms, 0.4)
    assert rig.core.status.refusals == {'not_finite': 1}


@pytest.mark.parametrize('source', ['magic', 'homing', ''])
def test_a_handover_to_who_there_is_not_is_refused_and_changes_nothing(source: str) -> None:
    rig = policy_rig()
    with pytest.raises(WamError, match=f'unknown source {source!r}'):
        rig.core.handover(source, rig.now)
    rig.tick()
    assert (rig.core.status.source, rig.core.status.state) == ('policy', State.RUNNING)


def test_a_handover_without_a_run_or_from_a_slew_is_refused() -> None:
    rig = ExecutorRig()
    with pytest.raises(WamError, match="handover to 'teleop' refused: no run"):
        rig.core.handover('teleop', rig.now)
    rig.tick()
    rig.core.go_to_pose('start', rig.now)
    rig.tick()
    with pytest.raises(WamError, match="handover to 'teleop' refused: no run"):
        rig.core.handover('teleop', rig.now)
    rig.core.stop('now')
    with pytest.raises(WamError, match='no run'):
        rig.core.handover('policy', rig.now)


def test_a_handover_to_who_has_the_arms_already_changes_nothing() -> None:
    rig, other = policy_rig(), policy_rig()
    rig.core.handover('policy', rig.now)
    rig.tick(10)
    other.tick(10)
    assert np.array_equal(rig.commands, other.commands)
