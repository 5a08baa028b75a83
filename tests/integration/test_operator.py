"""The commands for people at the rig, against an executor that only says that it obeys."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from fake_executor import FakeExecutor
from pty_session import PtySession
from ros_domain import Process, Ros

from wam_core.status import State

Open = Callable[[], PtySession]


@pytest.fixture
def fake(ros: Ros) -> FakeExecutor:
    return FakeExecutor(ros)


def environment(ros: Ros) -> dict[str, str]:
    return {**os.environ, 'ROS_DOMAIN_ID': str(ros.domain)}


def start(ros: Ros, *words: str) -> Process:
    """``wam arms ...``; the fake lives on the test's node and needs it to be spun."""
    process = Process([sys.executable, '-m', 'wam_cli', 'arms', *words], environment(ros))
    ros.processes.append(process)
    return process


def finish(ros: Ros, process: Process, code: int) -> str:
    ros.wait(lambda: process.returncode is not None, what=f'the end of {process.output}')
    assert process.wait() == code, process.output
    return process.output


def test_home_waits_until_the_arms_are_there(ros: Ros, fake: FakeExecutor) -> None:
    process = start(ros, 'home')
    ros.wait(lambda: 'executor: RUNNING | homing' in process.output, what='the slew')
    assert process.returncode is None
    fake.arrive()
    output = finish(ros, process, 0)
    assert fake.calls == ['/executor/go_to_pose start']
    assert 'about 1.5 s' in output
    assert output.splitlines()[-1].startswith('at the start pose after')


def test_interrupted_home_has_the_arms_hold(ros: Ros, fake: FakeExecutor) -> None:
    process = start(ros, 'home')
    ros.wait(lambda: 'RUNNING' in process.output, what='the slew')
    process.send(signal.SIGINT)
    output = finish(ros, process, 130)
    assert fake.calls == ['/executor/go_to_pose start', '/executor/hold']
    assert output.splitlines()[-1] == 'the arms hold'


def test_a_run_that_takes_the_arms_is_left_alone(ros: Ros, fake: FakeExecutor) -> None:
    process = start(ros, 'home')
    ros.wait(lambda: 'RUNNING' in process.output, what='the slew')
    fake.state.generation += 1
    fake.state.source = 'policy'
    assert 'another run (policy)' in finish(ros, process, 1)
    assert fake.calls == ['/executor/go_to_pose start']


def test_stop_is_latched_and_what_it_forbids_is_not_asked_for(
    ros: Ros, fake: FakeExecutor
) -> None:
    output = finish(ros, start(ros, 'stop', '--reason', 'the cup fell'), 0)
    assert 'stop: latched' in output
    assert set(fake.stops) == {'the cup fell'}
    assert fake.state.state == State.STOPPED
    before = len(fake.calls)
    for action in ('home', 'park', 'open'):
        assert '`wam arms reset`' in finish(ros, start(ros, action), 1)
    assert fake.calls[before:] == []
    finish(ros, start(ros, 'reset'), 0)
    assert fake.calls[before:] == ['/executor/reset']
    assert fake.state.state == State.IDLE


def test_a_stop_without_effect_is_no_success(ros: Ros, fake: FakeExecutor) -> None:
    fake.deaf = True
    assert 'use the emergency stop' in finish(ros, start(ros, 'stop'), 1)
    assert len(fake.stops) == 5


def test_a_refusal_is_told_and_is_exit_code_1(ros: Ros, fake: FakeExecutor) -> None:
    fake.refusal = 'the cause persists'
    for action in ('reset', 'hold', 'home', 'park', 'open'):
        assert 'the cause persists' in finish(ros, start(ros, action), 1)
    assert fake.calls == [
        '/executor/reset',
        '/executor/hold',
        '/executor/go_to_pose start',
        '/arms/park',
        '/arms/open',
    ]


def test_park_and_open_ask_the_node_and_repeat_its_words(ros: Ros, fake: FakeExecutor) -> None:
    assert finish(ros, start(ros, 'park'), 0).endswith('park: /arms/park is done\n')
    assert finish(ros, start(ros, 'open'), 0).endswith('open: /arms/open is done\n')
    assert fake.calls == ['/arms/park', '/arms/open']


def test_state_is_for_people_and_for_programs(ros: Ros, fake: FakeExecutor) -> None:
    fake.state.faults = ['joint states of follower_left: age 0.5 s']
    fake.state.task = 'fold'
    output = finish(ros, start(ros, 'state'), 0)
    assert 'state          IDLE' in output
    assert 'joint states of follower_left' in output
    found = json.loads(finish(ros, start(ros, 'state', '--json'), 0))
    assert (found['state'], found['task']) == ('IDLE', 'fold')


def test_without_a_graph_the_domain_is_named(ros: Ros) -> None:
    for action in ('state', 'stop', 'hold', 'park'):
        output = finish(ros, start(ros, action, '--wait', '2'), 1)
        assert f'ROS domain {ros.domain} (ROS_DOMAIN_ID)' in output
        assert '`wam up rollout`' in output


def test_an_executor_that_is_silent_is_told_apart(ros: Ros, fake: FakeExecutor) -> None:
    fake.silence()
    assert 'does /clock run?' in finish(ros, start(ros, 'state', '--wait', '3'), 1)


@pytest.fixture
def console(ros: Ros, fake: FakeExecutor) -> Iterator[Open]:
    """Opens a console and waits until it shows the executor's state."""
    sessions: list[PtySession] = []

    def open_() -> PtySession:
        session = PtySession(('operator',), environment(ros))
        sessions.append(session)
        ros.wait(lambda: 'IDLE | faults: none' in session.poll(), what='the status line')
        return session

    yield open_
    for session in sessions:
        session.close()


def test_space_stops_and_r_resets(ros: Ros, fake: FakeExecutor, console: Open) -> None:
    session = console()
    session.type(' ')
    ros.wait(lambda: fake.stops, what='a message on /stop')
    assert fake.stops == ['space key of wam operator']
    ros.wait(lambda: '/executor/stop' in fake.calls, what='the service as well')
    ros.wait(lambda: 'stopped: topic /stop' in session.poll(), what='a confirmation')
    session.type('r')
    ros.wait(lambda: fake.state.state == State.IDLE, what='the reset')
    ros.wait(lambda: 'reset: /executor/reset is done' in session.poll(), what='its answer')


def test_a_stop_that_nobody_confirms_is_told(ros: Ros, fake: FakeExecutor, console: Open) -> None:
    fake.deaf = True
    session = console()
    session.type(' ')
    ros.wait(lambda: 'use the emergency stop' in session.poll(), what='a warning')


def test_each_key_asks_for_its_service(ros: Ros, fake: FakeExecutor, console: Open) -> None:
    session = console()
    for key, call in (
        ('h', '/executor/hold'),
        ('t', '/executor/handover teleop'),
        ('p', '/executor/handover policy'),
        ('k', '/arms/park'),
        ('o', '/executor/go_to_pose start'),
    ):
        session.type(key)
        ros.wait(partial(fake.was_asked_last, call), what=call)
    fake.arrive()
    ros.wait(lambda: 'home: at the start pose' in session.poll(), what='the arrival')
    fake.refusal = 'no run that could change hands'
    session.type('t')
    ros.wait(lambda: fake.refusal in session.poll(), what='the refusal')
    session.type('?x')
    ros.wait(lambda: "key 'x' does nothing" in session.poll(), what='an unknown key')


@pytest.mark.parametrize('way', ['q', '\x03', signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_terminal_is_put_back_and_the_heartbeat_ends(
    ros: Ros, fake: FakeExecutor, console: Open, way: str | signal.Signals
) -> None:
    session = console()
    assert session.unbuffered
    beats = fake.beats
    ros.wait(lambda: fake.beats > beats + 3, what='the heartbeat')
    if isinstance(way, signal.Signals):
        session.send(way)
    else:
        session.type(way)
    ros.wait(session.ended, what='the end')
    assert session.popen.returncode == (0 if way == 'q' else 130), session.poll()
    assert session.restored
    assert fake.stops == []
    assert fake.calls == []
