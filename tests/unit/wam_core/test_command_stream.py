"""Where commands begin, and what a resting gripper ignores."""

import numpy as np
import pytest
from executor_rig import DT, LIMITS, REST

from wam_core.aim import Aim
from wam_core.command_stream import CommandStream
from wam_core.joints import GRIPPERS, Vector

DEAD_BAND = 0.005


def stream() -> CommandStream:
    begun = CommandStream(LIMITS, DT, resync_rad=0.15, dead_band=DEAD_BAND)
    begun.begin(REST)
    return begun


def aim(change: float, *, homing: bool = False) -> Aim:
    return Aim(np.tile(REST + change, (3, 1)), homing=homing)


def settled(commands: CommandStream, wanted: Aim) -> Vector:
    for _ in range(60):
        commands.send(wanted)
    assert commands.at_rest
    return commands.position


@pytest.mark.parametrize('change', [DEAD_BAND * 0.9, -DEAD_BAND * 0.9])
def test_a_resting_gripper_ignores_what_is_within_its_dead_band(change: float) -> None:
    position = settled(stream(), aim(change))
    expected = REST + change
    expected[list(GRIPPERS)] = 0.25
    assert position == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ('change', 'homing'), [(DEAD_BAND * 1.1, False), (DEAD_BAND * 0.9, True), (0.5, False)]
)
def test_a_gripper_goes_all_the_way_otherwise(change: float, homing: bool) -> None:
    position = settled(stream(), aim(change, homing=homing))
    assert position == pytest.approx(REST + change, abs=1e-9)


def test_nothing_is_sent_before_it_begins() -> None:
    commands = CommandStream(LIMITS, DT, resync_rad=0.15, dead_band=DEAD_BAND)
    assert not commands.sending
    assert commands.at_rest


def test_what_is_expected_next_is_that_the_command_goes_on_as_it_does() -> None:
    commands = stream()
    for _ in range(5):
        commands.send(aim(0.5))
    motion = commands.motion
    assert motion.velocity[0] > 0.0
    assert motion.position == pytest.approx(commands.position + motion.velocity * 0.04)
