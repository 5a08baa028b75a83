import errno
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.episode import OpenEpisode, Settings
from wam_data.identity import Identity
from wam_data.manifest import Outcome, read_manifest
from wam_data.reader import EpisodeReader
from wam_data.recording import Limits, Recording
from wam_data.recover import recover
from wam_data.writer import EpisodeWriter, Topic

Messages = list[tuple[int, str, bytes]]
TOPIC = Topic('/proprioception', 'wam_msgs/msg/Proprioception')
WAIT_S = 60.0


def opened(
    root: Path,
    definitions: Definitions,
    limits: Limits,
    said: list[str] | None = None,
    topics: Sequence[Topic] = (TOPIC,),
) -> OpenEpisode:
    report = [].append if said is None else said.append
    identity = Identity('Move the CUBE, please!')
    return OpenEpisode(Settings(root, 'zstd', limits), identity, topics, 1, report, definitions)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def waits(recording: Recording, size: int) -> bool:
    return recording.status.queue_bytes == size


def proprioception(messages: Messages) -> list[tuple[int, bytes]]:
    return [(log_ns, data) for log_ns, topic, data in messages if topic == TOPIC.name]


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


def test_the_disk_is_synced_while_there_is_more_to_write(
    tmp_path: Path,
    definitions: Definitions,
    messages: Messages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = Limits(min_free_bytes=0, flush_s=0.0)
    recording = (episode := opened(tmp_path, definitions, limits)).recording
    synced: list[int] = []
    monkeypatch.setattr(
        recording.writer, 'flush', lambda: synced.append(recording.status.messages)
    )
    offered = proprioception(messages)
    for log_ns, data in offered:
        recording.offer(TOPIC.name, data, log_ns)
    episode.close(None, 5)
    assert {*range(1, len(offered) + 1)} <= {*synced}


def test_a_disk_that_takes_long_to_sync_is_named(
    tmp_path: Path, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr('wam_data.recording._SLOW_S', -1.0)
    limits = Limits(min_free_bytes=0, flush_s=0.05)
    episode = opened(tmp_path, definitions, limits, said)
    wait_until(lambda: bool(said))
    wait_until(lambda: episode.recording.status.sync_s > 0.0)
    episode.close(None, 5)
    assert len(said) == 1
    assert 'the disk is slow: a sync took' in said[0]


def test_a_slow_sync_holds_up_no_writing(
    tmp_path: Path,
    definitions: Definitions,
    messages: Messages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, waiting = threading.Event(), threading.Event()
    sync = EpisodeWriter.sync

    def slow(writer: EpisodeWriter) -> None:
        waiting.set()
        assert release.wait(WAIT_S)
        sync(writer)

    monkeypatch.setattr(EpisodeWriter, 'sync', slow)
    episode = opened(tmp_path, definitions, Limits(min_free_bytes=0, flush_s=0.05))
    assert waiting.wait(WAIT_S)
    (log_ns, data), *_ = proprioception(messages)
    writer = episode.recording.writer
    size = writer.bytes_on_disk
    episode.recording.offer(TOPIC.name, data, log_ns)
    wait_until(lambda: writer.bytes_on_disk > size)
    assert episode.recording.status.sync_s > 0.0
    release.set()
    assert read_manifest(episode.close(None, 5)).complete


def test_a_sync_that_fails_ends_the_recording(
    tmp_path: Path,
    definitions: Definitions,
    messages: Messages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(writer: EpisodeWriter) -> None:
        raise OSError(errno.EIO, 'Input/output error')

    said: list[str] = []
    monkeypatch.setattr(EpisodeWriter, 'sync', fail)
    episode = opened(tmp_path, definitions, Limits(min_free_bytes=0, flush_s=0.05), said)
    (log_ns, data), *_ = proprioception(messages)
    episode.recording.offer(TOPIC.name, data, log_ns)
    wait_until(lambda: bool(episode.recording.failure))
    assert 'the disk failed: Input/output error' in said[0]
    with pytest.raises(WamError, match='is not complete: the disk failed'):
        episode.close(None, 5)


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


def test_too_little_space_refuses_to_start(tmp_path: Path, definitions: Definitions) -> None:
    with pytest.raises(WamError, match=r'MB free, at least .* min_free_mb'):
        opened(tmp_path / 'root', definitions, Limits(min_free_bytes=2**62))
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_written_refuses_to_start(
    tmp_path: Path, definitions: Definitions
) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(WamError, match='cannot be created'):
        opened(tmp_path / 'file', definitions, Limits(min_free_bytes=0))


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Limits the size of files of this process: a write beyond it fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_the_episode_and_leaves_it_recoverable(
    tmp_path: Path,
    definitions: Definitions,
    messages: Messages,
    small_files: Callable[[int], None],
) -> None:
    failed = threading.Event()
    said: list[str] = []

    def report(text: str) -> None:
        said.append(text)
        failed.set()

    limits = Limits(min_free_bytes=0, flush_s=0.05)
    settings = Settings(tmp_path, 'none', limits)
    episode = OpenEpisode(settings, Identity('move'), [TOPIC], 1, report, definitions)
    offered = proprioception(messages)
    first = offered[: len(offered) // 2]
    for log_ns, data in first:
        episode.recording.offer(TOPIC.name, data, log_ns)
    writer = episode.recording.writer
    wait_until(lambda: writer.bytes_on_disk > sum(len(data) for _, data in first))
    small_files(writer.bytes_on_disk + 100)
    for log_ns, data in offered[len(first) :]:
        episode.recording.offer(TOPIC.name, data, log_ns)
    assert failed.wait(WAIT_S)
    assert 'the disk failed: File too large' in said[0]
    assert not episode.recording.offer(TOPIC.name, offered[0][1], 9)
    with pytest.raises(WamError, match=r'wam episodes recover .*\.partial'):
        episode.close(Outcome('success', 100.0), 5)
    small_files(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    recovered = recover(episode.directory)
    assert recovered.messages == len(first)
    with EpisodeReader(recovered.episode) as reader:
        assert [m.data for m in reader.messages()] == [data for _, data in first]


def test_a_disk_that_fills_up_seals_what_is_there(
    tmp_path: Path,
    definitions: Definitions,
    messages: Messages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = threading.Event()
    limits = Limits(min_free_bytes=1000, flush_s=0.05)
    episode = OpenEpisode(
        Settings(tmp_path, 'zstd', limits),
        Identity('move'),
        [TOPIC],
        1,
        lambda text: failed.set(),
        definitions,
    )
    offered = proprioception(messages)
    for log_ns, data in offered:
        episode.recording.offer(TOPIC.name, data, log_ns)

    class Full:
        free = 999

    monkeypatch.setattr('wam_data.recording.shutil.disk_usage', lambda path: Full)
    assert failed.wait(WAIT_S)
    path = episode.close(Outcome('failure'), 5)
    manifest = read_manifest(path)
    assert not manifest.complete
    assert 'the disk is nearly full' in manifest.stop_reason
    with EpisodeReader(path) as reader:
        assert sum(reader.counts.values()) == len(offered)
