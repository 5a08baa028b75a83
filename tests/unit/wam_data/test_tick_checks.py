"""A missing record of a tick is told apart from a tick that had nothing to send."""

from types import SimpleNamespace as Fields
from typing import Any

import pytest

from wam_data.checks.thresholds import Thresholds
from wam_data.checks.ticks import SENT, STATE, Ticks

PERIOD_NS = 40_000_000


def message(topic: str, tick: int) -> Any:
    return Fields(topic=topic, publish_time_ns=tick * PERIOD_NS)


def flaws(states: dict[int, bool], sent: set[int]) -> list[str]:
    """states: tick -> whether the command stands still. sent: ticks that have a command."""
    ticks = Ticks()
    for tick, at_rest in states.items():
        ticks.observe(message(STATE, tick), Fields(ticks=tick, at_rest=at_rest))
        if tick in sent:
            ticks.observe(message(SENT, tick), Fields())
    return ticks.findings(Thresholds()).flaws


MOVING = dict.fromkeys(range(1, 101), False)


def test_a_recording_of_every_tick_has_no_flaw() -> None:
    assert flaws(MOVING, set(MOVING)) == []


def test_ticks_without_a_command_in_mid_motion_are_a_flaw() -> None:
    (flaw,) = flaws(MOVING, set(MOVING) - set(range(40, 60)))
    assert flaw == f'topic {SENT}: 20 of 100 ticks of the executor are missing'


def test_ticks_without_a_state_are_a_flaw() -> None:
    (flaw,) = flaws({tick: False for tick in MOVING if not 40 <= tick < 60}, set(MOVING))
    assert flaw == f'topic {STATE}: 20 of 100 ticks of the executor are missing'


@pytest.mark.parametrize('away', [1, 20])
def test_an_arm_that_was_away_is_sent_nothing_and_that_is_no_flaw(away: int) -> None:
    states = {tick: 40 <= tick < 40 + away for tick in MOVING}
    assert flaws(states, {tick for tick, at_rest in states.items() if not at_rest}) == []
