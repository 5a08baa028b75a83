"""Faults in the whole graph: what is named, what goes on, and what works again afterwards."""

import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from hostile_chunks import Attacker
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rollout_outcome import last_line, whole
from wam_msgs.msg import EpisodeEvent, ExecutorState

from wam_bringup.config import load_rig
from wam_data.manifest import read_manifest
from wam_data.verify import verify

pytestmark = pytest.mark.slow

TASK = ('--task', 'transfer_cube', '--policy', 'scripted', '--no-preview')


class Graph:
    """`wam up rollout`, and a node of the test's own that listens to it."""

    def __init__(self, stack: Any) -> None:
        parameters = stack.folder / 'soon.yaml'
        parameters.write_text('rollout: {ros__parameters: {starvation_timeout_s: 4.0}}\n')
        logs = ('--log-directory', str(stack.folder / 'log' / 'wam_up'))
        arguments = (f'root:={stack.root}', f'parameters:={parameters}')
        self.stack = stack
        self.up = stack.start('up', 'rollout', *arguments, *logs, '--quiet')
        self.ros = stack.listen()
        self.events: list[Any] = self.ros.collect(EpisodeEvent, '/episode_event')
        self.states: list[Any] = self.ros.collect(ExecutorState, '/executor_state')
        self._diagnostics: list[Any] = self.ros.collect(DiagnosticArray, '/diagnostics')
        self.until(lambda: self.states, 'a state of the executor')

    def until(self, condition: Any, what: str) -> Any:
        def met() -> Any:
            assert self.up.popen.poll() is None, self.stack.report()
            return condition()

        return self.ros.wait(met, 120.0, what)

    def rollout(self, *words: str) -> Any:
        """Starts a rollout in this graph; returns when the executor follows its first chunk."""
        self.states.clear()
        self.events.clear()
        command = self.stack.start('rollout', *TASK, '--attach', *words)

        def running() -> bool:
            assert command.popen.poll() is None, self.stack.report()
            return bool(self.states) and self.states[-1].state == ExecutorState.RUNNING

        self.until(running, 'a running executor')
        return command

    def finish(self, command: Any) -> re.Match[str]:
        """The last line of a rollout that ran."""
        self.until(lambda: command.popen.poll() is not None, 'the end of the rollout')
        assert command.wait() == 0, self.stack.report()
        return last_line(command.output)

    def short_episode(self) -> None:
        """An episode that shows that everything works."""
        line = self.finish(self.rollout('--time-limit', '1'))
        assert (line['outcome'], read_manifest(Path(line['episode'])).complete) == (
            'failure',
            True,
        ), self.stack.report()
        assert int(line['steps']) > 5

    def status(self, name: str) -> Any:
        """The newest report of a node."""
        statuses = (status for array in self._diagnostics[::-1] for status in array.status)
        return next((status for status in statuses if status.name == name), DiagnosticStatus())

    def received(self, camera: str) -> int:
        values = {item.key: item.value for item in self.status('camera_sync').values}
        return int(values.get(f'{camera}/received', 0))

    def stall(self, camera: str, stalled: bool) -> None:
        value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=stalled)
        request = SetParameters.Request(parameters=[Parameter(name='stalled', value=value)])
        answer = self.ros.call(SetParameters, f'/{camera}/camera/set_parameters', request)
        assert answer.results[0].successful, answer.results[0].reason

    def refusals(self) -> dict[str, int]:
        """Reason -> chunks refused in this run."""
        state = self.states[-1]
        return dict(zip(state.refusal_reasons, state.refusal_counts, strict=True))


@pytest.fixture(scope='class')
def graph(class_stack: Any) -> Iterator[Graph]:
    handle = Graph(class_stack)
    try:
        yield handle
    finally:
        handle.ros.close()


class TestInOneGraph:
    """Each test leaves the graph as it found it, which its last episode shows."""

    def test_a_stalled_camera_is_named_and_ends_the_episode(self, graph: Graph) -> None:
        command = graph.rollout()
        graph.stall('cam_high', stalled=True)
        try:
            graph.until(
                lambda: graph.status('camera_sync').level == DiagnosticStatus.ERROR, 'the alarm'
            )
            assert 'stalled: cam_high (' in graph.status('camera_sync').message
            counts = [graph.received(camera) for camera in ('cam_high', 'cam_left_wrist')]
            graph.until(lambda: graph.states[-1].state == ExecutorState.HOLDING, 'the hold')
            line = graph.finish(command)
            # The others' accounting went on.
            assert graph.received('cam_high') == counts[0]
            assert graph.received('cam_left_wrist') > counts[1] + 30
        finally:
            graph.stall('cam_high', stalled=False)
        assert line['outcome'] == 'aborted'
        assert 'aborted: no chunk for 4 s' in command.output
        assert 'stalled: cam_high' in command.output
        episode = Path(line['episode'])
        manifest = read_manifest(episode)
        assert manifest.complete
        assert manifest.outcome is not None
        assert 'stalled: cam_high' in manifest.outcome.note
        assert verify(episode).ok, verify(episode).text()
        graph.until(
            lambda: graph.status('camera_sync').level == DiagnosticStatus.OK, 'the all-clear'
        )
        graph.short_episode()

    def test_hostile_chunks_are_refused_and_the_episode_succeeds(self, graph: Graph) -> None:
        rig = load_rig('sim')
        arms: list[Any] = []
        grippers: list[Any] = []
        for robot in rig.followers.values():
            for found, kind, topic in (
                (arms, JointGroupCommand, 'joint_group'),
                (grippers, JointSingleCommand, 'joint_single'),
            ):
                name = f'/{robot}/commands/{topic}'
                graph.ros.node.create_subscription(kind, name, found.append, 10)
        attacker = Attacker(graph)
        command = graph.rollout('--seed', '0')
        attacker.attack()
        line = graph.finish(command)
        assert (line['outcome'], line['score']) == ('success', '100'), graph.stack.report()
        lower, upper = rig.lower[:6], rig.upper[:6]
        sent = np.array([message.cmd for message in arms])
        assert sent.shape[0] > 2 * 0.9 * int(line['steps'])
        assert np.all((sent >= lower - 1e-6) & (sent <= upper + 1e-6))  # float32; false for NaN
        angles = np.array([message.cmd for message in grippers])
        assert np.all(
            (angles >= rig.gripper.closed_rad - 1e-6) & (angles <= rig.gripper.open_rad + 1e-6)
        )

    def test_a_failing_disk_ends_the_recording_and_nothing_else(self, graph: Graph) -> None:
        command = graph.rollout('--time-limit', '2.5')
        (partial,) = graph.stack.root.glob('*/*.partial')
        written = sum(file.stat().st_size for file in partial.iterdir())
        recorder = graph.stack.processes('recorder')[0]
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (written + 2_000_000, unlimited))
        try:
            graph.until(
                lambda: any('the disk failed' in event.text for event in graph.events), 'the fault'
            )
            line = graph.finish(command)
        finally:
            resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        assert (line['outcome'], Path(line['episode'])) == ('aborted', partial)
        assert int(line['steps']) > 20  # the arms' work went on
        assert 'the disk failed: File too large' in command.output
        assert f'wam episodes recover {partial}' in command.output
        whole(partial)
        graph.short_episode()


def test_a_full_disk_refuses_the_rollout_and_says_why(stack: Any) -> None:
    parameters = stack.folder / 'full.yaml'
    full = {
        'recorder': {'ros__parameters': {'min_free_mb': 1048576}},
        'rollout': {'ros__parameters': {'recorder_timeout_s': 1.0}},
    }
    parameters.write_text(yaml.safe_dump(full))
    words = ('--root', str(stack.root), '--parameters', str(parameters))
    command = stack.run('rollout', *TASK, *words)
    assert command.wait() == 1, stack.report()
    assert 'aborted: /recorder/start_episode: ' in command.output
    assert 'MB free, at least 1099512 MB are wanted' in command.output
    assert last_line(command.output)['episode'] == 'none'
    assert stack.episodes() == []


def test_a_recorded_episode_can_be_repeated(stack: Any) -> None:
    root = ('--root', str(stack.root), '--no-preview', '--seed', '2')
    command = stack.run('rollout', '--task', 'transfer_cube', *root)
    recorded = last_line(command.output)
    assert recorded['outcome'] == 'success', stack.report()
    words = ('--policy', 'replay', '--episode', recorded['episode'])
    command = stack.run('rollout', '--task', 'transfer_cube', *words, *root)
    repeated = last_line(command.output)
    assert (repeated['outcome'], repeated['score']) == ('success', '100'), stack.report()
    assert float(repeated['sim']) == pytest.approx(float(recorded['sim']), abs=2.0)
    assert read_manifest(Path(repeated['episode'])).identity.policy == 'replay'
