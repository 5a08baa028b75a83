"""The space key and parking, with the whole stack as a person starts it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pty_session import PtySession

pytestmark = pytest.mark.slow


@pytest.fixture
def terminals(stack: Any) -> Iterator[list[PtySession]]:
    """Terminals to close after the test."""
    sessions: list[PtySession] = []
    yield sessions
    for session in sessions:
        session.close()


def open_(stack: Any, terminals: list[PtySession], *words: str) -> PtySession:
    terminals.append(PtySession(words, stack.environment))
    return terminals[-1]


def shows(stack: Any, session: PtySession, text: str) -> None:
    def shown() -> bool:
        assert not session.ended() or text in session.poll(), session.poll()
        return text in session.poll()

    stack.until(shown, text)


def log(stack: Any, name: str) -> str:
    (path,) = Path(stack.environment['ROS_LOG_DIR']).glob(f'wam_*/{name}.log')
    return path.read_text()


def test_space_ends_the_rollouts_and_a_stopped_arm_is_not_parked(
    stack: Any, terminals: list[PtySession]
) -> None:
    words = ('--episodes', '3', '--no-record', '--no-preview', '--park', 'yes')
    session = open_(stack, terminals, 'rollout', '--task', 'transfer_cube', *words)
    shows(stack, session, 'chunk 1')
    assert 'space: stop' in session.poll()
    session.type(' ')
    stack.until(session.ended, 'the end')
    assert session.popen.returncode == 0
    assert session.restored
    output = session.poll()
    assert 'the executor was stopped: topic /stop: space key of wam rollout' in output
    assert 'episode 2/3' not in output
    assert 'park: the executor is stopped' in log(stack, 'park')
    assert stack.processes() == []


def test_ctrl_c_parks_and_then_stops(stack: Any, terminals: list[PtySession]) -> None:
    words = ('--park', 'yes', f'root:={stack.root}')
    session = open_(stack, terminals, 'up', 'rollout', *words)
    shows(stack, session, 'follower_right: found')
    session.type('\x03')
    stack.until(session.ended, 'the end')
    output = session.poll()
    assert session.popen.returncode == 0, output
    order = re.findall(r'\[park\] park: both arms at the sleep pose|\[wam\] stopped', output)
    assert order == ['[park] park: both arms at the sleep pose', '[wam] stopped'], output
    assert session.restored
    assert stack.processes() == []
