"""Demonstrations of the scripted person, and a person who takes over from a policy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_graph import DEEP
from rclpy.action import ActionClient
from rollout_outcome import LINE, last_line
from wam_msgs.action import RunRollout
from wam_msgs.msg import AppliedAction, EpisodeEvent, ExecutorState
from wam_msgs.srv import Handover

from wam_bringup.config import load_rig
from wam_core.motion_limits import MotionLimits
from wam_data.manifest import read_manifest
from wam_data.verify import verify
from wam_nodes.conversions import nanoseconds

pytestmark = pytest.mark.slow

SECOND_NS = 10**9
TICK_NS = 40_000_000
LIMITS = MotionLimits.of(load_rig('sim'))
TASK = 'transfer_cube'


def test_two_demonstrations_in_a_row_are_recorded_and_whole(stack: Any) -> None:
    brisk = stack.folder / 'brisk.yaml'
    brisk.write_text('person: {ros__parameters: {speed: 1.0, reaction_s: 0.1}}\n')
    words = ('--episodes', '2', '--seed', '5', '--operator', 'ann', '--parameters', str(brisk))
    command = stack.start('teleop', '--task', TASK, *words, '--root', str(stack.root))

    def recorded(count: int) -> bool:
        assert command.popen.poll() is None, stack.report()
        return len([path for path in stack.episodes() if path.suffix != '.partial']) >= count

    # One after the other: a slow machine needs minutes for both.
    stack.until(stack.episodes, 'the first recording')
    stack.until(lambda: recorded(1), 'the first demonstration')
    stack.until(lambda: len(stack.episodes()) == 2, 'the second recording')
    stack.until(lambda: recorded(2), 'the second demonstration')
    assert command.wait() == 0, stack.report()
    lines = [match for line in command.output.splitlines() if (match := LINE.fullmatch(line))]
    assert len(lines) == 2, stack.report()
    assert last_line(command.output)['episode'] == lines[1]['episode']
    assert [Path(line['episode']) for line in lines] == stack.episodes()
    for seed, line in zip((5, 6), lines, strict=True):
        assert (line['outcome'], line['score']) == ('success', '100'), stack.report()
        episode = Path(line['episode'])
        manifest = read_manifest(episode)
        identity = manifest.identity
        assert (identity.kind, identity.operator, identity.seed) == ('demonstration', 'ann', seed)
        assert manifest.complete, manifest.stop_reason
        assert manifest.interventions == ()
        assert manifest.outcome is not None
        assert (manifest.outcome.result, manifest.outcome.by) == ('success', 'sim')
        for topic in ('/joint_target', '/leader_left/joint_states', '/applied_action'):
            assert manifest.topics[topic].messages > 100
        assert verify(episode).ok, verify(episode).text()


def test_demonstrations_that_cannot_be_made_are_exit_code_2(stack: Any) -> None:
    for words, text in (
        (('--task', TASK, '--episodes', '0'), '1 or more'),
        (('--task', 'fold_shirt'), 'has no simulation'),
        (('--task', TASK, '--rig', 'alhoa'), 'aloha'),
        (('--task', TASK, '--no-record', '--preview'), '--preview'),
    ):
        command = stack.run('teleop', *words)
        assert command.wait() == 2, command.output
        assert text in command.output
    assert stack.processes() == []


class Takeover:
    """A rollout with leaders, and what is heard of it."""

    def __init__(self, stack: Any) -> None:
        stack.start('up', 'rollout', 'teleop:=yes', f'root:={stack.root}')
        self.ros = stack.listen()
        self.states: list[ExecutorState] = self.ros.collect(ExecutorState, '/executor_state')
        self.applied: list[AppliedAction] = self.ros.collect(
            AppliedAction, '/applied_action', DEEP
        )
        self.events: list[EpisodeEvent] = self.ros.collect(EpisodeEvent, '/episode_event')
        self._stack = stack
        self._client = ActionClient(self.ros.node, RunRollout, '/rollout/run')
        self.until(self._client.server_is_ready, 'the action')
        self.until(lambda: self.states, 'the executor')

    def until(self, condition: Any, what: str) -> Any:
        return self.ros.wait(condition, timeout=180.0, what=what)

    def begin(self) -> Any:
        """Sends the goal until its answer comes: Fast DDS loses one while it discovers."""
        goal = RunRollout.Goal(
            task=TASK, seed=1, record=True, time_limit_s=60.0, operator_name='ann'
        )
        future = self._client.send_goal_async(goal)
        self.until(future.done, 'the answer to the goal')
        return future.result().get_result_async()

    def lead_for(self, source: str, seconds: float) -> None:
        """Waits until the arms have followed that source for so long."""
        self.until(lambda: self.applied and self.applied[-1].source == source, source)
        begun = nanoseconds(self.applied[-1].header.stamp)

        def over() -> bool:
            return nanoseconds(self.applied[-1].header.stamp) - begun > seconds * SECOND_NS

        self.until(over, f'{seconds} s of {source}')

    def handover(self, source: str) -> None:
        answer = self.ros.call(Handover, '/executor/handover', Handover.Request(source=source))
        assert answer.accepted, answer.message

    def handovers(self) -> list[int]:
        """When the arms changed hands, ns."""
        found = [event for event in self.events if event.kind == 'handover']
        return [nanoseconds(event.header.stamp) for event in found]


def test_a_person_takes_over_from_a_policy_and_gives_back(stack: Any) -> None:
    w = Takeover(stack)
    try:
        result = w.begin()
        w.lead_for('policy', 2.0)
        w.handover('teleop')
        w.lead_for('teleop', 2.0)
        w.handover('policy')
        w.lead_for('policy', 0.5)
        w.until(result.done, 'the outcome')
        outcome = result.result().result
        assert outcome.outcome in ('success', 'failure'), outcome.message
        manifest = read_manifest(Path(outcome.episode))
        assert manifest.complete, manifest.stop_reason
        assert manifest.outcome is not None
        assert manifest.outcome.result == outcome.outcome
        taken, given = w.handovers()
        (intervention,) = manifest.interventions
        assert (intervention.start_ns, intervention.stop_ns) == (taken, given)
        assert intervention.source == 'teleop'
        assert given - taken > 2 * SECOND_NS
        # From one to the other without a jump: no joint is quicker than its limit allows, counted
        # in periods, since a loaded machine may tick late, or miss to hear of a tick.
        commands = np.array([message.limited for message in w.applied])
        stamps = np.array([nanoseconds(message.header.stamp) for message in w.applied])
        assert (np.diff(stamps) > 0).all()
        periods = np.ceil(np.diff(stamps) / TICK_NS + 0.5)
        most = periods[:, None] * LIMITS.velocity * TICK_NS / SECOND_NS
        assert (np.abs(np.diff(commands, axis=0)) <= most + 1e-6).all()
        assert {message.source for message in w.applied} >= {'policy', 'teleop'}
    finally:
        w.ros.close()
