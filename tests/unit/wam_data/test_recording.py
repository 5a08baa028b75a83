import threading
from functools import partial
from pathlib import Path

from recording_bench import TOPIC, WAIT_S, Messages, opened, proprioception, wait_until, waits

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.manifest import Outcome, read_manifest
from wam_data.reader import EpisodeReader
from wam_data.recording import Limits
from wam_data.writer import Topic


def test_what_is_offered_is_written_in_order(
    tmp_path: Path, definitions: Definitions, messages: Messages
) -> None:
    episode = opened(tmp_path, definitions, Limits(min_free_bytes=0))
    assert episode.directory.name.endswith('.partial')
    offered = proprioception(messages)
    for log_ns, data in offered:
        # Odd ones through the encoders: order must not depend on how long they take.
        transform = bytes if log_ns % 2 else None
        assert episode.recording.offer(TOPIC.name, data, log_ns, transform)
    path = episode.close(Outcome('success', 100.0), 5)
    assert path.parent.name == 'move-the-cube-please'
    with EpisodeReader(path) as reader:
        assert [(m.log_time_ns, m.data) for m in reader.messages()] == offered
    manifest = read_manifest(path)
    assert manifest.complete
    assert manifest.outcome is not None
    assert manifest.outcome.success
    assert (manifest.started_ns, manifest.stopped_ns) == (1, 5)


def test_a_full_queue_drops_and_says_so(
    tmp_path: Path, definitions: Definitions, messages: Messages
) -> None:
    said: list[str] = []
    release = threading.Event()
    offered = proprioception(messages)
    size = len(offered[0][1])
    limits = Limits(queue_bytes=3 * size, min_free_bytes=0)
    episode = opened(tmp_path, definitions, limits, said)

    def slow(data: bytes) -> bytes:
        assert release.wait(WAIT_S)
        return data

    taken = [episode.recording.offer(TOPIC.name, data, at, slow) for at, data in offered]
    assert sum(taken) == 3
    assert episode.recording.status.dropped == len(offered) - 3
    assert len(said) == 1
    assert 'dropped' in said[0]
    release.set()
    manifest = read_manifest(episode.close(None, 5))
    assert manifest.topics[TOPIC.name].messages == 3
    assert manifest.topics[TOPIC.name].dropped == len(offered) - 3
    assert not manifest.complete


def test_a_message_that_cannot_be_encoded_is_counted_and_named(
    tmp_path: Path, definitions: Definitions, messages: Messages
) -> None:
    said: list[str] = []
    episode = opened(tmp_path, definitions, Limits(min_free_bytes=0), said)

    def fail(data: bytes) -> bytes:
        raise WamError('16UC1 is no colour')

    for log_ns, data in proprioception(messages)[:5]:
        episode.recording.offer(TOPIC.name, data, log_ns, fail)
    manifest = read_manifest(episode.close(None, 5))
    assert manifest.topics[TOPIC.name].dropped == 5
    assert not manifest.complete
    assert said == ['/proprioception: 16UC1 is no colour']


def test_a_slow_encoder_holds_up_its_own_topic_only(
    tmp_path: Path, definitions: Definitions, messages: Messages
) -> None:
    release = threading.Event()
    joints = Topic('/joint_target', 'wam_msgs/msg/JointTarget')
    episode = opened(tmp_path, definitions, Limits(min_free_bytes=0), topics=[TOPIC, joints])
    recording = episode.recording

    def slow(data: bytes) -> bytes:
        assert release.wait(WAIT_S)
        return data

    (first, data), (second, later) = proprioception(messages)[:2]
    recording.offer(TOPIC.name, data, first, slow)
    recording.offer(TOPIC.name, later, second)
    for number in range(3):
        recording.offer(joints.name, data, second + 1 + number)
    wait_until(lambda: recording.status.messages == 3)
    assert recording.status.behind_s > 0.0
    release.set()
    path = episode.close(None, 5)
    with EpisodeReader(path) as reader:
        assert [m.log_time_ns for m in reader.messages([TOPIC.name])] == [first, second]
        assert reader.counts[joints.name] == 3


def test_what_is_encoded_takes_the_room_that_it_has_then(
    tmp_path: Path, definitions: Definitions, messages: Messages
) -> None:
    release = threading.Event()
    offered = proprioception(messages)
    size = len(offered[0][1])
    limits = Limits(queue_bytes=3 * size, min_free_bytes=0, encoders=2)
    recording = (episode := opened(tmp_path, definitions, limits)).recording

    def slow(data: bytes) -> bytes:
        assert release.wait(WAIT_S)
        return data

    # The first one holds up its topic: what is encoded behind it waits, a tenth of its size.
    assert recording.offer(TOPIC.name, offered[0][1], offered[0][0], slow)
    for number in range(1, 11):
        log_ns, data = offered[number]
        assert recording.offer(TOPIC.name, data, log_ns, lambda data: data[: size // 10])
        wanted = size + number * (size // 10)
        wait_until(partial(waits, recording, wanted))
    release.set()
    assert read_manifest(episode.close(None, 5)).dropped == 0


def test_a_fault_in_an_encoder_costs_its_message_only(
    tmp_path: Path, definitions: Definitions, messages: Messages
) -> None:
    said: list[str] = []
    episode = opened(tmp_path, definitions, Limits(min_free_bytes=0), said)
    died: list[object] = []
    before, threading.excepthook = threading.excepthook, died.append
    try:
        offered = proprioception(messages)[:5]
        for number, (log_ns, data) in enumerate(offered):
            transform = (lambda _: bytes(1 // 0)) if number == 0 else bytes
            episode.recording.offer(TOPIC.name, data, log_ns, transform)
        manifest = read_manifest(episode.close(None, 5))
    finally:
        threading.excepthook = before
    assert (manifest.topics[TOPIC.name].messages, manifest.dropped) == (4, 1)
    assert not manifest.complete
    assert len(died) == 1
    assert said == ['/proprioception: the encoder died of a fault in the recorder']
