"""Faults in the whole graph: what is named, what goes on, and what works again afterwards."""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from fault_graph import DEEP, TASK, Graph
from hostile_chunks import Attacker
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rollout_outcome import last_line, whole
from sensor_msgs.msg import Image
from wam_msgs.msg import ExecutorState

from wam_bringup.config import load_rig
from wam_data.cdr import header_stamp_ns
from wam_data.layout import RECORDING
from wam_data.manifest import read_manifest
from wam_data.reader import EpisodeReader
from wam_data.recover import recover
from wam_data.verify import verify
from wam_nodes.conversions import nanoseconds

CAMERA = '/cam_high/camera/color/image_rect_raw'

pytestmark = pytest.mark.slow


@pytest.fixture(scope='class')
def graph(class_stack: Any) -> Iterator[Graph]:
    handle = Graph(class_stack, starvation_timeout_s=8.0, recorder_silence_s=3.0)
    try:
        yield handle
    finally:
        handle.ros.close()


class TestInOneGraph:
    """Each test leaves the graph as it found it, which its last episode shows."""

    def test_a_stalled_camera_is_named_and_ends_the_episode(self, graph: Graph) -> None:
        command = graph.rollout()
        graph.fault('cam_high/camera', stalled=True)
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
            graph.fault('cam_high/camera', stalled=False)
        assert line['outcome'] == 'aborted'
        assert 'aborted: no chunk for 8 s' in command.output
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

    def test_a_failing_disk_ends_the_rollout_and_nothing_else(self, graph: Graph) -> None:
        command = graph.rollout()
        (partial,) = graph.stack.root.glob('*/*.partial')
        written = sum(file.stat().st_size for file in partial.iterdir())
        recorder = graph.stack.processes('recorder')[0]
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (written + 2_000_000, unlimited))
        try:
            graph.until(
                lambda: any('the disk failed' in event.text for event in graph.events), 'the fault'
            )
            line = graph.finish(command, code=1)
        finally:
            resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        assert (line['outcome'], Path(line['episode'])) == ('aborted', partial)
        assert 'the recording failed: ' in command.output
        assert 'the disk failed: File too large' in command.output
        assert f'wam episodes recover {partial}' in command.output
        whole(partial)
        graph.short_episode()

    def test_a_killed_recorder_loses_only_what_was_not_yet_synced(self, graph: Graph) -> None:
        images: list[int] = []
        command = graph.rollout()
        (partial,) = graph.stack.root.glob('*/*.partial')
        begun_ns = read_manifest(partial).started_ns
        subscription = graph.ros.node.create_subscription(
            Image, CAMERA, lambda data: images.append(header_stamp_ns(data)), DEEP, raw=True
        )
        try:
            graph.until(lambda: len(images) > 10 and len(graph.applied) > 25, 'some pictures')
            stamps = [nanoseconds(message.header.stamp) for message in graph.applied]
            published = {
                '/applied_action': {stamp for stamp in stamps if stamp > begun_ns},
                f'{CAMERA}/compressed': set(images),
            }
            # The recorder may be taking the newest of them now, and syncing what was before.
            for _ in range(4):
                size = (partial / RECORDING).stat().st_size
                graph.until(lambda s=size: (partial / RECORDING).stat().st_size > s, 'a sync')
        finally:
            graph.ros.node.destroy_subscription(subscription)
        (recorder,) = graph.stack.processes('recorder')
        recorder.kill()
        line = graph.finish(command, code=1)
        assert (line['outcome'], Path(line['episode'])) == ('aborted', partial)
        assert 'the recorder has not said for 3 s that it records' in command.output
        assert f'wam episodes recover {partial}' in command.output
        episode = recover(partial).episode
        with EpisodeReader(episode) as reader:
            for topic, stamps_ns in published.items():
                found = {message.publish_time_ns for message in reader.messages([topic])}
                assert stamps_ns <= found, topic
        assert verify(episode).ok, verify(episode).text()
        assert read_manifest(episode).recovered
        graph.short_episode()


def test_a_full_disk_refuses_the_rollout_and_says_why(stack: Any) -> None:
    parameters = stack.folder / 'full.yaml'
    full = {'recorder': {'ros__parameters': {'min_free_mb': 1048576}}}
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
