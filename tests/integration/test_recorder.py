"""The recorder as a process of its own: what is published is what is on disk."""

import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image, JointState
from wam_msgs.msg import (
    AppliedAction,
    EpisodeEvent,
    ExecutorState,
    FrameSet,
    Proprioception,
    TaskState,
)
from wam_msgs.srv import LabelEpisode, StartEpisode, StopEpisode

from wam_bringup.node_spec import REFUSED
from wam_core.errors import WamError
from wam_data.frames import decode
from wam_data.manifest import read_manifest
from wam_data.reader import EpisodeReader
from wam_data.recover import recover
from wam_data.verify import verify

CAMERA = '/cam_high/camera/color/image_rect_raw'
JOINTS = '/follower_left/joint_states'


class Bench:
    """A recorder, and the publishers of a small rig."""

    def __init__(self, ros: Any, root: Path, **params: Any) -> None:
        self.ros = ros
        self.root = root
        self.process = ros.start(
            'wam_nodes', 'recorder', params={'root': str(root), 'min_free_mb': 0, **params}
        )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        kinds: dict[str, tuple[Any, Any]] = {
            JOINTS: (JointState, 10),
            '/proprioception': (Proprioception, 10),
            '/applied_action': (AppliedAction, 10),
            '/executor_state': (ExecutorState, 10),
            '/frame_set': (FrameSet, 10),
            '/task_state': (TaskState, latched),
            CAMERA: (Image, 10),
        }
        self.kinds = {topic: kind for topic, (kind, _) in kinds.items()}
        self.publishers = {
            topic: ros.node.create_publisher(kind, topic, qos)
            for topic, (kind, qos) in kinds.items()
        }
        self.reports: list[Any] = ros.collect(DiagnosticArray, '/diagnostics')
        ros.wait(lambda: all(p.get_subscription_count() for p in self.publishers.values()))

    def wake(self) -> 'Bench':
        """Lets the recorder hear of everything without which no episode begins."""
        others = [
            self.ros.node.create_publisher(kind, topic, 10)
            for topic, kind in (
                ('/follower_right/joint_states', JointState),
                (CAMERA.replace('high', 'left_wrist'), Image),
                (CAMERA.replace('high', 'right_wrist'), Image),
            )
        ]
        self.ros.wait(lambda: all(p.get_subscription_count() for p in others))
        self.publish(JOINTS, 0)
        self.publish(CAMERA, 0)
        for publisher in others:
            publisher.publish(publisher.msg_type())
        self.ros.wait(lambda: self.values().get('waiting_for') == '')
        for publisher in others:
            self.ros.node.destroy_publisher(publisher)
        return self

    def publish(self, topic: str, number: int) -> None:
        """A message stamped number x 10 ms after second 100."""
        message = self.kinds[topic]()
        seconds, hundredths = divmod(number, 100)
        message.header.stamp.sec = 100 + seconds
        message.header.stamp.nanosec = hundredths * 10_000_000
        if topic == JOINTS:
            message.name, message.position = ['waist'], [float(number)]
        elif topic == CAMERA:
            message.height, message.width, message.encoding, message.step = 48, 64, 'rgb8', 192
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[..., 0] = 200
            message.data = pixels.tobytes()
        elif topic == '/frame_set':
            message.cameras, message.height, message.width = ['cam_high'], 8, 8
            message.data = bytes(192)
            message.spread.nanosec = 3_000_000
        self.publishers[topic].publish(message)

    def start(self) -> Any:
        """Asks for an episode."""
        request = StartEpisode.Request(
            task='move it', task_name='transfer_cube', policy='scripted', seed=3, mode='async',
            kind='demonstration', operator_name='ann', policy_options='{"noise": 1}',
        )  # fmt: skip
        request.policy_specification = '{"horizon": 50}'
        self.reports.clear()  # they count the messages of an earlier episode
        return self.ros.call(StartEpisode, '/recorder/start_episode', request)

    def stop(self, outcome: str = 'success', score: float = 100.0) -> Any:
        """Ends it."""
        request = StopEpisode.Request(outcome=outcome, score=score, by='test', stages=['touched'])
        return self.ros.call(StopEpisode, '/recorder/stop_episode', request)

    def values(self) -> dict[str, str]:
        """Of the recorder's newest report."""
        for message in reversed(self.reports):
            for status in message.status:
                if status.name == 'recorder':
                    return {entry.key: entry.value for entry in status.values}
        return {}

    def send(self, rounds: int) -> None:
        """Publishes a round on every topic, so often, and waits until all is recorded."""
        topics = [topic for topic in self.publishers if topic != '/task_state']
        before = int(self.values().get('messages') or 0)
        for number in range(rounds):
            for topic in topics:
                self.publish(topic, number)
            self.ros.spin()
        wanted = before + rounds * len(topics)
        self.ros.wait(lambda: int(self.values().get('messages') or 0) >= wanted)


Make = Callable[..., Bench]


@pytest.fixture
def bench(ros: Any, tmp_path: Path) -> Iterator[Make]:
    yield lambda **params: Bench(ros, tmp_path / 'episodes', **params).wake()


def test_no_episode_begins_before_its_streams(ros: Any, tmp_path: Path) -> None:
    rig = Bench(ros, tmp_path / 'episodes')
    rig.publish(JOINTS, 0)
    rig.ros.wait(lambda: JOINTS not in rig.values().get('waiting_for', JOINTS))
    answer = rig.start()
    assert (answer.accepted, answer.waiting) == (False, True)
    assert f'nothing has come yet on {CAMERA}/compressed' in answer.message
    assert not (tmp_path / 'episodes').exists()


def test_what_is_published_is_on_disk(bench: Make) -> None:
    rig = bench()
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


def test_raw_images_and_frame_set_pixels(bench: Make) -> None:
    rig = bench(raw_images=True, frame_set_pixels=True)
    assert rig.start().accepted
    rig.send(3)
    with EpisodeReader(Path(rig.stop().episode)) as reader:
        (first, *_) = reader.messages([CAMERA])
        assert first.type == 'sensor_msgs/msg/Image'
        assert first.fields().data.size == 48 * 64 * 3
        assert all(m.fields().data.size == 192 for m in reader.messages(['/frame_set']))


def test_requests_out_of_order_are_refused(bench: Make) -> None:
    rig = bench()
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


def test_labels(bench: Make) -> None:
    rig = bench()
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


def test_losses_are_shown_while_recording(bench: Make) -> None:
    rig = bench()
    path = Path(rig.start().episode)
    for number in (0, 1, 2, 32, 33):
        rig.publish(JOINTS, number)
    rig.ros.wait(lambda: rig.values().get('missing') == '29')
    values = rig.values()
    assert (values['dropped'], values['worst']) == ('0', JOINTS)
    shown = {key: values[f'{JOINTS}/{key}'] for key in ('messages', 'missing', 'dropped')}
    assert shown == {'messages': '5', 'missing': '29', 'dropped': '0'}
    assert float(values[f'{JOINTS}/largest_gap_s']) == pytest.approx(0.3)
    assert float(values[f'{JOINTS}/rate_hz']) == pytest.approx(4 / 0.33, abs=0.01)
    assert '/joint_target/messages' not in values  # nothing has come
    texts = [each.message for message in rig.reports for each in message.status]
    assert any(f'{JOINTS}: 29 messages missing, by their stamps' in text for text in texts)
    rig.stop()
    final = path.with_name(path.name.removesuffix('.partial'))
    topic = read_manifest(final).topics[JOINTS]
    assert (topic.messages, topic.missing) == (5, 29)


def test_who_had_the_arms_is_in_the_episode(bench: Make) -> None:
    rig = bench()
    path = Path(rig.start().episode)
    for number, source in enumerate(('', 'policy', 'teleop', 'teleop', 'policy')):
        message = ExecutorState(source=source, generation=7)
        message.header.stamp.sec = 100 + number
        rig.publishers['/executor_state'].publish(message)
    rig.ros.wait(lambda: rig.values().get('interventions') == '1')
    rig.stop()
    (found,) = read_manifest(path.with_name(path.name.removesuffix('.partial'))).interventions
    assert (found.start_ns, found.stop_ns) == (102 * 10**9, 104 * 10**9)


def test_sigterm_closes_the_episode_as_aborted(bench: Make) -> None:
    rig = bench()
    path = Path(rig.start().episode)
    rig.send(10)
    assert rig.process.terminate_and_wait() == 0, rig.process.output
    final = path.with_name(path.name.removesuffix('.partial'))
    manifest = read_manifest(final)
    assert manifest.outcome is not None
    assert manifest.outcome.result == 'aborted'
    assert not manifest.complete
    assert manifest.topics[JOINTS].messages == 10
    assert verify(final).ok


def test_a_killed_recorder_leaves_what_recover_mends(bench: Make) -> None:
    rig = bench(flush_s=0.05)
    path = Path(rig.start().episode)
    rig.send(20)
    size = 0

    def flushed() -> bool:
        # Reports on /diagnostics are recorded too: a file that grew holds what was before them.
        nonlocal size
        grown = (path / 'episode.mcap').stat().st_size > size > 0
        size = (path / 'episode.mcap').stat().st_size
        return grown

    rig.ros.wait(flushed)
    with pytest.raises(WamError, match='is being recorded'):
        recover(path)
    rig.process.send(signal.SIGKILL)
    rig.process.wait()
    assert path.is_dir()
    rig.reports.clear()
    rig.ros.start('wam_nodes', 'recorder', params={'root': str(rig.root)})
    rig.ros.wait(lambda: rig.values().get('recording') == 'false')
    answer = rig.stop()
    assert not answer.accepted
    assert 'no episode is being recorded; 1 episodes were left open' in answer.message
    assert f'wam episodes recover {path}' in answer.message
    report = recover(path)
    manifest = read_manifest(report.episode)
    assert manifest.recovered
    assert manifest.identity.task == 'move it'
    assert manifest.topics[JOINTS].messages == 20
    assert verify(report.episode).ok


def test_a_nearly_full_disk_refuses_an_episode(bench: Make) -> None:
    rig = bench(min_free_mb=1048576)
    answer = rig.start()
    assert not answer.accepted
    assert 'MB free' in answer.message
    assert 'min_free_mb' in answer.message
    assert rig.process.returncode is None


def test_a_failing_disk_ends_the_episode_and_not_the_node(bench: Make) -> None:
    rig = bench(flush_s=0.05, compression='none', raw_images=True)
    events: list[Any] = rig.ros.collect(EpisodeEvent, '/episode_event')
    path = Path(rig.start().episode)
    rig.send(3)
    limit = 200_000
    resource.prlimit(rig.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def failed() -> bool:
        rig.publish(CAMERA, 50)
        return any(event.kind == 'fault' for event in events)

    rig.ros.wait(failed)
    assert 'the disk failed: File too large' in events[0].text
    answer = rig.stop()
    assert not answer.accepted
    assert 'wam episodes recover' in answer.message
    assert rig.process.returncode is None
    resource.prlimit(
        rig.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
    assert recover(path).messages > 3 * 6
    assert rig.start().accepted
    rig.send(2)
    assert rig.stop().accepted


def test_parameters_out_of_range_stop_the_node(ros: Any, tmp_path: Path) -> None:
    process = ros.start('wam_nodes', 'recorder', params={'jpeg_quality': 101})
    assert process.wait() == REFUSED
    assert 'jpeg_quality' in process.output
    assert '1 to 100' in process.output
