"""The recorder as a process of its own: what is published is what is on disk."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorder_bench import CAMERA, JOINTS, Bench, Make
from rosbags.highlevel import AnyReader
from wam_msgs.msg import (
    ExecutorState,
)
from wam_msgs.srv import LabelEpisode, StartEpisode

from wam_bringup.node_spec import REFUSED
from wam_data.frames import decode
from wam_data.manifest import read_manifest
from wam_data.reader import EpisodeReader
from wam_data.verify import verify


def test_no_episode_begins_before_its_streams(ros: Any, tmp_path: Path) -> None:
    rig = Bench(ros, tmp_path / 'episodes')
    rig.publish(JOINTS, 0)
    rig.ros.wait(lambda: JOINTS not in rig.values().get('waiting_for', JOINTS))
    answer = rig.start()
    assert (answer.accepted, answer.waiting) == (False, True)
    assert f'nothing has come yet on {CAMERA}/compressed' in answer.message
    assert not (tmp_path / 'episodes').exists()


def test_what_is_published_is_on_disk(recorder: Make) -> None:
    rig = recorder()
    rig.publish('/task_state', 0)  # before the episode: latched, so it counts
    began_ns = time.time_ns()
    started = rig.start()
    assert started.accepted, started.message
    assert started.episode.endswith('.partial')
    rig.send(40)
    stopped = rig.stop()
    ended_ns = time.time_ns()
    assert stopped.accepted, stopped.message
    assert stopped.episode == started.episode.removesuffix('.partial')
    path = Path(stopped.episode)
    assert path.parent == rig.root / 'transfer-cube'
    manifest = read_manifest(path)
    counts = {name: topic.messages for name, topic in manifest.topics.items()}
    for topic in rig.publishers:
        name = f'{CAMERA}/compressed' if topic == CAMERA else topic
        assert counts[name] == (1 if topic == '/task_state' else 40), name
    assert manifest.complete
    assert manifest.dropped == 0
    assert manifest.camera_sync is not None
    assert manifest.camera_sync.max_ms == pytest.approx(3.0)
    assert manifest.outcome is not None
    assert (manifest.outcome.result, manifest.outcome.stages) == ('success', ('touched',))
    identity = manifest.identity
    assert (identity.seed, identity.rig, identity.policy) == (3, 'sim', 'scripted')
    assert (identity.kind, identity.operator) == ('demonstration', 'ann')
    assert identity.policy_options == {'noise': 1}
    assert identity.policy_hash
    assert identity.config_hash
    assert identity.stack_version
    report = verify(path)
    assert report.ok, report.text()
    with AnyReader([path]) as reader:
        assert reader.message_count == manifest.messages
    with EpisodeReader(path) as ours:
        received = [m.log_time_ns for m in ours.messages() if m.topic != '/task_state']
        assert received == sorted(received)
        assert began_ns < received[0] < received[-1] < ended_ns
        positions = [m.fields().position[0] for m in ours.messages([JOINTS])]
        assert positions == [float(number) for number in range(40)]
        frames = list(ours.messages([f'{CAMERA}/compressed']))
        assert [m.publish_time_ns for m in frames] == [
            100_000_000_000 + number * 10_000_000 for number in range(40)
        ]
        assert np.abs(decode(frames[0])[24, 32].astype(int) - (0, 0, 200)).max() < 8
        assert all(m.fields().data.size == 0 for m in ours.messages(['/frame_set']))


def test_raw_images_and_frame_set_pixels(recorder: Make) -> None:
    rig = recorder(raw_images=True, frame_set_pixels=True)
    assert rig.start().accepted
    rig.send(3)
    with EpisodeReader(Path(rig.stop().episode)) as reader:
        (first, *_) = reader.messages([CAMERA])
        assert first.type == 'sensor_msgs/msg/Image'
        assert first.fields().data.size == 48 * 64 * 3
        assert all(m.fields().data.size == 192 for m in reader.messages(['/frame_set']))


def test_requests_out_of_order_are_refused(recorder: Make) -> None:
    rig = recorder()
    assert 'no episode is being recorded' in rig.stop().message
    for specification in ('{', '[1]', '{"x": NaN}'):
        request = StartEpisode.Request(policy_specification=specification)
        answer = rig.ros.call(StartEpisode, '/recorder/start_episode', request)
        assert not answer.accepted
        assert 'policy_specification' in answer.message
    first = rig.start()
    second = rig.start()
    assert not second.accepted
    assert first.episode in second.message
    bad = rig.stop('won')
    assert not bad.accepted
    assert "'won', expected one of" in bad.message
    assert rig.stop(score=101.0).message == 'score 101, allowed 0 to 100'
    assert rig.stop().accepted  # a refused stop leaves the episode open


def test_labels(recorder: Make) -> None:
    rig = recorder()
    rig.start()
    path = Path(rig.stop('').episode)
    assert read_manifest(path).outcome is None
    request = LabelEpisode.Request(outcome='failure', score=25.0, note='fell', by='ann')
    answer = rig.ros.call(LabelEpisode, '/recorder/label_episode', request)
    assert answer.accepted, answer.message
    outcome = read_manifest(path).outcome
    assert outcome is not None
    assert (outcome.result, outcome.score, outcome.note) == ('failure', 25.0, 'fell')
    request.episode = '/no/such/episode'
    assert not rig.ros.call(LabelEpisode, '/recorder/label_episode', request).accepted


def test_who_had_the_arms_is_in_the_episode(recorder: Make) -> None:
    rig = recorder()
    path = Path(rig.start().episode)
    for number, source in enumerate(('', 'policy', 'teleop', 'teleop', 'policy')):
        message = ExecutorState(source=source, generation=7)
        message.header.stamp.sec = 100 + number
        rig.publishers['/executor_state'].publish(message)
    rig.ros.wait(lambda: rig.values().get('interventions') == '1')
    rig.stop()
    (found,) = read_manifest(path.with_name(path.name.removesuffix('.partial'))).interventions
    assert (found.start_ns, found.stop_ns) == (102 * 10**9, 104 * 10**9)


def test_parameters_out_of_range_stop_the_node(ros: Any, tmp_path: Path) -> None:
    process = ros.start('wam_nodes', 'recorder', params={'jpeg_quality': 101})
    assert process.wait() == REFUSED
    assert 'jpeg_quality' in process.output
    assert '1 to 100' in process.output
