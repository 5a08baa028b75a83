"""When a run to a pose has arrived, and when it no longer will."""

import pytest
from wam_msgs.msg import ExecutorState

from wam_nodes.pose_client import arrived, interruption

IDLE, RUNNING = ExecutorState.IDLE, ExecutorState.RUNNING
HOLDING, STOPPED = ExecutorState.HOLDING, ExecutorState.STOPPED


@pytest.mark.parametrize(
    ('state', 'pose', 'there'),
    [(IDLE, 'start', True), (IDLE, 'sleep', False), (IDLE, '', False), (RUNNING, 'start', False)],
)
def test_arrived_is_idle_at_the_pose(state: int, pose: str, there: bool) -> None:
    assert arrived(ExecutorState(state=state, pose=pose), 'start') is there


@pytest.mark.parametrize(
    ('state', 'generation', 'words'),
    [
        (RUNNING, 7, ''),
        (HOLDING, 7, ''),
        (IDLE, 6, ''),  # from before the run
        (RUNNING, 8, 'another run (teleop)'),
        (IDLE, 7, 'ended its run to start on the way: joint states are stale'),
        (STOPPED, 7, 'stopped on the way to start: a key'),
        (STOPPED, 6, 'call /executor/reset'),
    ],
)
def test_interruptions(state: int, generation: int, words: str) -> None:
    message = ExecutorState(
        state=state,
        generation=generation,
        source='teleop',
        stop_reason='a key',
        faults=['joint states are stale'],
    )
    text = interruption(message, 'start', 7)
    assert words in text and bool(text) is bool(words)
