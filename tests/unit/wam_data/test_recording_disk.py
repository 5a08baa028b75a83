"""Recording to a disk that is slow, full, or fails."""

import errno
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recording_bench import TOPIC, WAIT_S, Messages, opened, proprioception, wait_until

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.episode import OpenEpisode, Settings
from wam_data.identity import Identity
from wam_data.manifest import Outcome, read_manifest
from wam_data.reader import EpisodeReader
from wam_data.recording import Limits
from wam_data.recover import recover
from wam_data.writer import EpisodeWriter


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
