"""What people and programs read of an ExecutorState, and when a slew is over."""

import json
from typing import Any

import numpy as np
import pytest
from wam_msgs.msg import ExecutorState

from wam_cli.executor_report import arrived, as_json, gist, interruption, line, report
from wam_core.status import State


def state(**change: Any) -> ExecutorState:
    found: dict[str, Any] = {
        'state': int(State.RUNNING),
        'source': 'homing',
        'generation': 7,
        'at_rest': True,
    }
    return ExecutorState(**{**found, **change})


def test_a_slew_is_over_when_the_executor_is_idle_at_the_pose() -> None:
    assert not arrived(state(), 'start', 7)
    there = state(state=int(State.IDLE), source='', pose='start')
    assert arrived(there, 'start', 7)
    assert not arrived(there, 'start', 8), 'of an earlier slew'
    assert not arrived(there, 'sleep', 7)


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({}, ''),
        ({'generation': 6, 'state': int(State.IDLE)}, ''),  # from before the slew
        ({'state': int(State.HOLDING)}, ''),  # by a watchdog, until its cause is over
        ({'state': int(State.STOPPED), 'stop_reason': 'topic /stop'}, 'topic /stop'),
        ({'generation': 8, 'source': 'policy'}, 'another run (policy)'),
        ({'state': int(State.IDLE), 'faults': ['arm is lost']}, 'arm is lost'),
        ({'state': int(State.IDLE), 'pose': 'start'}, ''),
    ],
)
def test_what_ends_a_slew_early_is_told(change: dict[str, Any], expected: str) -> None:
    told = interruption(state(**change), 'start', 7)
    assert expected in told
    assert bool(told) == bool(expected)


def test_people_read_state_source_faults_and_clamped_joints() -> None:
    clamps = np.zeros(14, dtype=np.uint64)
    clamps[[0, 13]] = 3, 4
    message = state(
        source='policy',
        mode='rtc',
        task='fold',
        faults=['a: 1', 'b: 2'],
        velocity_clamps=clamps,
        refusal_reasons=['stale'],
        refusal_counts=[2],
        latency_s=0.25,
        tick_lateness_max_ms=1.5,
        scheduling='fifo',
    )
    found = dict(report(message))
    assert found['state'] == 'RUNNING: follows its source'
    assert (found['source'], found['mode'], found['task']) == ('policy', 'rtc', 'fold')
    assert found['faults'] == 'a: 1; b: 2'
    assert found['refused'] == 'stale 2'
    assert 'velocity left_waist 3, right_gripper 4;' in found['clamped ticks']
    assert found['latency'].startswith('0.250 s')
    assert found['lateness'].endswith('largest 1.50')
    assert found['scheduling'] == 'fifo'
    assert 'RUNNING | policy rtc' in line(message)
    assert line(state(state=9)).startswith('unknown (9)')


def test_programs_read_every_field() -> None:
    message = state(stop_reason='x', refusal_reasons=['stale'], refusal_counts=[2])
    message.header.stamp.sec, message.header.stamp.nanosec = 3, 500_000_000
    found = json.loads(json.dumps(as_json(message)))
    expected = set(message.get_fields_and_field_types()) - {'header'} | {'stamp_s'}
    assert found.keys() == expected
    assert (found['stamp_s'], found['state'], found['generation']) == (3.5, 'RUNNING', 7)
    assert (found['refusal_reasons'], found['refusal_counts']) == (['stale'], [2])
    assert found['jerk_clamps'] == [0] * 14


def test_an_age_that_grows_is_no_news() -> None:
    assert gist(state(faults=['x: age 1 s'])) == gist(state(faults=['x: age 2 s']))
    assert gist(state(faults=['x: age 1 s'])) != gist(state())
    assert gist(state(pose='start')) != gist(state())
