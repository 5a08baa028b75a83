import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.highlevel import AnyReader

from wam_core.errors import WamError
from wam_data.layout import MANIFEST, RECORDING
from wam_data.manifest import read_manifest
from wam_data.open_episodes import left_open
from wam_data.reader import EpisodeReader
from wam_data.recover import recover
from wam_data.verify import verify
from wam_data.writer import EpisodeWriter

Begin = Callable[..., EpisodeWriter]
Messages = list[tuple[int, str, bytes]]
FLUSH_EVERY = 40


@pytest.fixture
def cut(begin: Begin, messages: Messages) -> tuple[Path, list[tuple[int, int]]]:
    """An unfinished episode, and (size of its file, messages in it) at each flush."""
    writer = begin()
    marks = [(0, 0)]
    for number, (log_ns, topic, data) in enumerate(messages, start=1):
        writer.write(topic, data, log_ns)
        if number % FLUSH_EVERY == 0:
            writer.flush()
            marks.append((writer.bytes_on_disk, number))
    writer.abandon()
    return writer.directory, marks


def truncated(source: Path, target: Path, size: int) -> Path:
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir(parents=True)
    shutil.copytree(source, target)
    with (target / RECORDING).open('r+b') as stream:
        stream.truncate(size)
    return target


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fraction=st.floats(0.0, 1.0))
def test_everything_up_to_the_last_flush_comes_back(
    cut: tuple[Path, list[tuple[int, int]]],
    messages: Messages,
    tmp_path: Path,
    fraction: float,
) -> None:
    source, marks = cut
    size = max(200, round(fraction * (source / RECORDING).stat().st_size))
    path = truncated(source, tmp_path / 'cut' / source.name, size)
    report = recover(path)
    expected = max(count for mark, count in marks if mark <= size)
    assert report.messages >= expected
    assert report.episode.name == source.name.removesuffix('.partial')
    assert not path.exists()
    with EpisodeReader(report.episode) as reader:
        found = [(m.log_time_ns, m.topic, m.data) for m in reader.messages()]
    assert found == messages[: report.messages]
    manifest = read_manifest(report.episode)
    assert manifest.recovered
    assert not manifest.complete
    assert manifest.outcome is None
    assert manifest.messages == report.messages


def test_what_comes_back_is_a_bag(cut: tuple[Path, list[tuple[int, int]]], tmp_path: Path) -> None:
    source, marks = cut
    path = truncated(source, tmp_path / 'cut' / source.name, marks[3][0] + 5)
    report = recover(path)
    assert report.bytes_lost == 5
    with AnyReader([report.episode]) as reader:
        assert reader.message_count == report.messages == marks[3][1]
    checked = verify(report.episode)
    assert checked.ok, checked.text()
    assert any('recovered' in note for note in checked.notes)


def test_a_damaged_chunk_costs_only_itself(
    cut: tuple[Path, list[tuple[int, int]]], messages: Messages
) -> None:
    source, marks = cut
    content = bytearray((source / RECORDING).read_bytes())
    content[(marks[2][0] + marks[3][0]) // 2] ^= 0xFF
    (source / RECORDING).write_bytes(content)
    report = recover(source)
    assert report.chunks_bad == 1
    with EpisodeReader(report.episode) as reader:
        found = [m.data for m in reader.messages()]
    kept = messages[: marks[2][1]] + messages[marks[3][1] : marks[-1][1]]
    assert found == [data for _, _, data in kept]


def test_without_a_manifest_the_messages_still_come_back(
    cut: tuple[Path, list[tuple[int, int]]],
) -> None:
    source, marks = cut
    (source / MANIFEST).unlink()
    report = recover(source)
    assert report.messages == marks[-1][1]
    manifest = read_manifest(report.episode)
    assert manifest.identity.task == 'transfer-cube'
    assert manifest.started_utc == '2025-01-01T00:00:00.000+00:00'
    assert manifest.stopped_utc.startswith('2025-01-01T00:00:01.9')


def test_progress_reaches_the_end(cut: tuple[Path, list[tuple[int, int]]]) -> None:
    steps: list[tuple[int, int]] = []
    recover(cut[0], lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert all(done <= total for done, total in steps)
    assert len(steps) > 3


def test_an_episode_that_was_only_not_renamed(begin: Begin, messages: Messages) -> None:
    writer = begin()
    for log_ns, topic, data in messages:
        writer.write(topic, data, log_ns)
    writer.finish()
    report = recover(writer.directory)
    assert (report.messages, report.bytes_lost) == (len(messages), 0)


def test_a_finished_episode_that_is_sound_is_refused(episode: Path, tmp_path: Path) -> None:
    for out in (None, tmp_path / 'out'):
        with pytest.raises(WamError, match='neither partial nor damaged: nothing to recover'):
            recover(episode, out=out)
    assert [path.name for path in episode.parent.iterdir()] == [episode.name]
    assert not (tmp_path / 'out').exists()


def test_what_is_being_recorded_is_refused(begin: Begin, messages: Messages) -> None:
    writer = begin()
    for log_ns, topic, data in messages:
        writer.write(topic, data, log_ns)
    writer.flush()
    with pytest.raises(WamError, match='is being recorded'):
        recover(writer.directory)
    root = writer.directory.parent.parent
    assert left_open(root) == []
    writer.abandon()
    assert left_open(root) == [writer.directory]
    assert recover(writer.directory).messages == len(messages)
    assert left_open(root) == []


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WamError, match='not a directory'):
        recover(tmp_path / 'nothing.partial')


def test_what_is_no_recording_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / 'x.partial'
    path.mkdir()
    (path / RECORDING).write_bytes(b'not a recording')
    with pytest.raises(WamError, match='not an MCAP file'):
        recover(path)
    assert [entry.name for entry in path.iterdir()] == [RECORDING]
    assert (path / RECORDING).read_bytes() == b'not a recording'


def test_an_existing_target_is_not_overwritten(
    cut: tuple[Path, list[tuple[int, int]]],
) -> None:
    source, _ = cut
    source.with_name(source.name.removesuffix('.partial')).mkdir()
    before = (source / RECORDING).read_bytes()
    with pytest.raises(WamError, match='exists already'):
        recover(source)
    assert (source / RECORDING).read_bytes() == before
