"""Each watchdog at its limit and past it."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from executor_rig import T0

from wam_core.errors import WamError
from wam_core.watchdog import (
    ACTIONS,
    LoopState,
    MotorReading,
    Watch,
    WatchdogConfig,
    Watchdogs,
    error_text,
)

OFF = WatchdogConfig(**{entry.name: Watch(1.0, 'ignore') for entry in fields(WatchdogConfig)})


def watchdogs(**watches: Watch) -> Watchdogs:
    """Only these are on."""
    return Watchdogs(replace(OFF, **watches))


def reading(**change: Any) -> MotorReading:
    values: dict[str, Any] = {
        'robot': 'follower_left',
        'motors': ['waist', 'shoulder'],
        'error_status': [0, 0],
        'temperature_c': [40.0, 40.0],
        'voltage_v': [12.0, 12.0],
    }
    return MotorReading(**{**values, **change})


@pytest.mark.parametrize(
    'name', [entry.name for entry in fields(LoopState) if entry.name != 'seeing']
)
@pytest.mark.parametrize('action', [action for action in ACTIONS if action != 'ignore'])
def test_what_the_executor_knows_itself_is_watched(name: str, action: str) -> None:
    dogs = watchdogs(**{name: Watch(2.0, action)})
    assert dogs.check(T0, LoopState(**{name: 2.0})) == ()
    assert dogs.check(T0, LoopState()) == ()
    (fault,) = dogs.check(T0, LoopState(**{name: 2.5}))
    assert (fault.name, fault.action) == (name, action)
    assert '2.5' in fault.text
    assert 'allowed 2' in fault.text
    assert watchdogs().check(T0, LoopState(**{name: 99.0})) == ()


@pytest.mark.parametrize(
    ('kind', 'name', 'text'),
    [
        ('arm', 'joint_state_age_s', 'joint states of left'),
        ('camera', 'camera_age_s', 'newest picture of left'),
    ],
)
def test_every_stream_is_watched_for_itself(kind: str, name: str, text: str) -> None:
    dogs = watchdogs(**{name: Watch(0.3, 'hold')})
    policy = LoopState(seeing=True)
    assert dogs.check(T0, policy) == ()
    dogs.heard(kind, {'left': T0, 'right': T0, 'never': 0})
    assert dogs.check(T0 + 300_000_000, policy) == ()
    dogs.heard(kind, {'left': T0, 'right': T0 + 200_000_000, 'never': 0})
    (fault,) = dogs.check(T0 + 400_000_000, policy)
    assert (fault.name, fault.action) == (name, 'hold')
    assert fault.text.startswith(text)
    assert '0.4 s, allowed 0.3' in fault.text
    person = LoopState(seeing=False)
    assert bool(dogs.check(T0 + 400_000_000, person)) is (kind == 'arm')
    dogs.heard('weather', {'left': T0})
    dogs.heard(kind, {'left': T0 + 400_000_000, 'right': T0 + 400_000_000})
    assert dogs.check(T0 + 400_000_000, policy) == ()


@pytest.mark.parametrize(
    ('name', 'limit', 'change', 'text'),
    [
        ('motor_error', 0.0, {'error_status': [0, 0x20]}, 'shoulder: overload'),
        ('motor_temperature_c', 70.0, {'temperature_c': [71.0, 70.0]}, 'waist: 71 C, allowed 70'),
        ('motor_voltage_v', 10.5, {'voltage_v': [10.5, 10.4]}, 'shoulder: 10.4 V, allowed 10.5'),
    ],
)
def test_every_motor_is_watched_for_itself(
    name: str, limit: float, change: dict[str, Any], text: str
) -> None:
    dogs = watchdogs(**{name: Watch(limit, 'stop')})
    dogs.motors(reading(), T0)
    assert dogs.check(T0, LoopState()) == ()
    dogs.motors(reading(**change), T0)
    (fault,) = dogs.check(T0, LoopState())
    assert (fault.name, fault.action) == (name, 'stop')
    assert f'follower_left {text}' in fault.text
    dogs.motors(reading(robot='follower_right'), T0)
    assert len(dogs.check(T0, LoopState())) == 1
    dogs.motors(reading(), T0)
    assert dogs.check(T0, LoopState()) == ()


def test_motors_that_were_heard_once_must_be_heard_again() -> None:
    dogs = watchdogs(motor_health_age_s=Watch(5.0))
    assert dogs.check(T0, LoopState()) == ()
    dogs.motors(reading(), T0)
    assert dogs.check(T0 + 5 * 10**9, LoopState()) == ()
    (fault,) = dogs.check(T0 + 6 * 10**9, LoopState())
    assert fault.text == 'motors of follower_left: age 6 s, allowed 5 (motor_health_age_s)'


def test_an_operator_must_be_heard_from_the_start() -> None:
    dogs = watchdogs(heartbeat_s=Watch(1.0, 'stop'))
    (fault,) = dogs.check(T0, LoopState())
    assert fault.name == 'heartbeat_s'
    dogs.heartbeat(T0)
    assert dogs.check(T0 + 10**9, LoopState()) == ()
    assert len(dogs.check(T0 + 10**9 + 1, LoopState())) == 1


def test_error_bits_are_named() -> None:
    assert error_text(0x24) == 'overheating, overload'
    assert error_text(0x80) == 'unknown error 128'


@pytest.mark.parametrize('limit', [math.nan, math.inf, -1.0])
def test_a_limit_that_is_none_is_refused(limit: float) -> None:
    with pytest.raises(WamError, match=r'watchdog limit .* expected a finite number'):
        Watch(limit)


def test_an_action_that_there_is_not_is_refused() -> None:
    with pytest.raises(WamError, match="watchdog action 'panic', allowed: ignore, "):
        Watch(1.0, 'panic')
