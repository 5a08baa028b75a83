"""What registers mean, and what is refused because of them."""

import pytest

from wam_core.motor_status import (
    HEALTH_REGISTERS,
    ArmHealth,
    HealthCycle,
    MotorMode,
    arm_refusal,
    error_text,
    in_error,
    mismatch,
)
from wam_core.motors import MOTORS

FINE = (0,) * 7


def status(**errors: int) -> tuple[int, ...]:
    return tuple(errors.get(name, 0) for name in MOTORS)


@pytest.mark.parametrize(
    ('bits', 'words'),
    [
        (0, ''),
        (1, 'input voltage error (Hardware_Error_Status 1)'),
        (4, 'overheating (Hardware_Error_Status 4)'),
        (8, 'motor encoder error (Hardware_Error_Status 8)'),
        (16, 'electrical shock (Hardware_Error_Status 16)'),
        (36, 'overheating and overload (Hardware_Error_Status 36)'),
        (64, 'an unknown error (Hardware_Error_Status 64)'),
    ],
)
def test_errors_in_words(bits: int, words: str) -> None:
    assert error_text(bits) == words


def test_a_joint_in_error_is_refused_by_arm_and_name() -> None:
    text = arm_refusal('follower_left', status(shoulder=32, elbow=4))
    assert text.startswith('follower_left: shoulder reports overload')
    assert 'elbow reports overheating' in text and 'the arm falls' in text
    assert '/follower_left/reboot_motors' in text and 'name: shoulder' in text
    assert arm_refusal('follower_left', FINE) == ''


def test_a_gripper_in_error_is_no_reason_to_refuse() -> None:
    assert arm_refusal('follower_left', status(gripper=32)) == ''
    assert in_error(status(gripper=32)).keys() == {'gripper'}
    assert in_error(FINE) == {}


def test_what_is_read_back_must_be_the_one_value_that_was_written() -> None:
    assert mismatch('left', 'gripper', 'Current_Limit', 300, [300]) == ''
    for found in ([1193], [], [300, 300]):
        text = mismatch('left', 'gripper', 'Current_Limit', 300, found)
        assert str(found) in text and '300 was written' in text and 'config/arms.yaml' in text


@pytest.mark.parametrize(
    ('mode', 'suits'),
    [
        (MotorMode('position', (0, 0), (0, 0)), True),
        (MotorMode('pwm', (0, 0), (0, 0)), False),
        (MotorMode('', (0, 0), (0, 0)), False),
        (MotorMode('position', (0, 2000), (0, 0)), False),
        (MotorMode('position', (0, 0), (300, 0)), False),
    ],
)
def test_a_mode_suits_when_the_motor_follows_at_once(mode: MotorMode, suits: bool) -> None:
    assert mode.suits('position') is suits


def test_a_mode_in_words() -> None:
    assert MotorMode('pwm', (2000,), (300,)).text() == 'pwm, profile 2000/300'
    assert MotorMode('', (0, 5), (0, 1)).text() == 'mixed modes, profile 0/0, 5/1'


class TestHealthCycle:
    error, temperature, voltage = HEALTH_REGISTERS

    def test_the_last_register_completes_a_round(self) -> None:
        rounds = HealthCycle()
        assert rounds.add(self.error, status(gripper=32)) is None
        assert rounds.add(self.temperature, [30, 31, 32, 33, 34, 35, 36]) is None
        found = rounds.add(self.voltage, [120, 119, 121, 120, 120, 120, 97])
        assert found == ArmHealth(
            status(gripper=32),
            (30.0, 31.0, 32.0, 33.0, 34.0, 35.0, 36.0),
            (12.0, 11.9, 12.1, 12.0, 12.0, 12.0, 9.7),
        )

    @pytest.mark.parametrize('short', [(), (0,), (0,) * 6, (0,) * 8])
    @pytest.mark.parametrize('index', range(3))
    def test_an_answer_of_another_length_is_counted_and_spoils_its_round_only(
        self, short: tuple[int, ...], index: int
    ) -> None:
        rounds = HealthCycle()
        answers = [short if number == index else (0,) * 7 for number in range(3)]
        results = [rounds.add(*each) for each in zip(HEALTH_REGISTERS, answers, strict=True)]
        assert results == [None] * 3 and rounds.short == 1
        results = [rounds.add(register, (0,) * 7) for register in HEALTH_REGISTERS]
        assert results[2] is not None and rounds.short == 1

    def test_an_interrupted_round_is_not_completed_by_the_next(self) -> None:
        rounds = HealthCycle()
        rounds.add(self.error, FINE)
        rounds.restart()
        rounds.add(self.temperature, FINE)
        assert rounds.add(self.voltage, FINE) is None
