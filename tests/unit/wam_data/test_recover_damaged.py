"""Finished episodes that were damaged later: what is whole becomes a new one beside them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from episode_maker import HIGH, START_NS, TOPICS, EpisodeMaker

from wam_core.errors import WamError
from wam_data import recover as recovery
from wam_data.damage import damage
from wam_data.definitions import Definitions
from wam_data.identity import Origin
from wam_data.layout import MANIFEST, METADATA, RECORDING
from wam_data.manifest import Intervention, read_manifest, write_manifest
from wam_data.reader import EpisodeReader
from wam_data.recover import recover
from wam_data.statistics import with_dropped
from wam_data.verify import verify
from wam_data.writer import EpisodeWriter

Damage = Callable[[Path], object]


@pytest.fixture
def episode(tmp_path: Path, definitions: Definitions) -> Path:
    """A finished one whose recording has a chunk for every tenth of a second."""
    make = EpisodeMaker(tmp_path / 'episodes', definitions)
    path = make(wall_s=2.0, stopped_utc='2025-01-01T00:00:03.000+00:00')
    partial = path.with_name('chunked.partial')
    partial.mkdir()
    manifest = read_manifest(path)
    writer = EpisodeWriter(partial, manifest, TOPICS, definitions=definitions)
    for number, message in enumerate(make.written):
        writer.write(message.topic, message.data, message.log_ns)
        if number % 60 == 59:
            writer.flush()
    writer.finish()
    (partial / RECORDING).replace(path / RECORDING)
    shutil.rmtree(partial)
    topics = with_dropped(manifest.topics, {HIGH: 777})
    write_manifest(path, replace(manifest, topics=topics))
    assert damage(path) == ''
    return path


def cut(path: Path) -> None:
    with (path / RECORDING).open('r+b') as stream:
        stream.truncate((path / RECORDING).stat().st_size // 2)


def flip(path: Path) -> None:
    content = bytearray((path / RECORDING).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (path / RECORDING).write_bytes(content)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize(
    ('spoil', 'fewest'),
    [
        (cut, 200),
        (flip, 500),
        (lambda path: (path / MANIFEST).unlink(), 624),
        (lambda path: (path / MANIFEST).write_text('{'), 624),
        (lambda path: (path / METADATA).unlink(), 624),
        (lambda path: (path / METADATA).write_text('x: 1'), 624),
    ],
)
def test_what_is_whole_becomes_a_new_episode(episode: Path, spoil: Damage, fewest: int) -> None:
    spoil(episode)
    before = contents(episode)
    report = recover(episode)
    assert report.messages >= fewest
    assert contents(episode) == before
    assert report.original == episode
    assert str(episode) in report.text()
    assert report.as_json()['original'] == str(episode)
    assert report.episode.parent == episode.parent
    start, _ = episode.name.split('-')
    assert report.episode.name.startswith(f'{start}-')
    assert sorted(path.name for path in episode.parent.iterdir()) == sorted(
        [episode.name, report.episode.name]
    )
    checked = verify(report.episode)
    assert checked.ok, checked.text()
    manifest = read_manifest(report.episode)
    assert (manifest.recovered, manifest.complete) == (True, False)
    assert f'recovered from {episode.name}, which is damaged' in manifest.stop_reason
    with pytest.raises(WamError, match='exists already: it was recovered before'):
        recover(episode)


def test_the_manifest_tells_what_is_left(episode: Path) -> None:
    cut(episode)
    old = read_manifest(episode)
    manifest = read_manifest(recover(episode).episode)
    with EpisodeReader(episode.parent / recover_name(episode)) as reader:
        _, last_ns = reader.span_ns
    assert manifest.stopped_ns == last_ns < START_NS + 1_500_000_000
    assert manifest.duration_s == pytest.approx((last_ns - START_NS) / 1e9)
    lasted = datetime.fromisoformat(manifest.stopped_utc) - datetime.fromisoformat(
        manifest.started_utc
    )
    assert lasted.total_seconds() == pytest.approx(manifest.duration_s, abs=0.01)
    assert manifest.wall_s == 0.0
    assert manifest.dropped == old.dropped == 777
    lost = old.messages - manifest.messages
    assert f'{lost} of {old.messages} messages lost' in manifest.stop_reason
    assert manifest.outcome == old.outcome  # what a person said of it stays true


def recover_name(episode: Path) -> str:
    (name,) = {path.name for path in episode.parent.iterdir()} - {episode.name}
    return name


def test_a_partial_one_with_a_final_manifest_tells_what_is_left(episode: Path) -> None:
    """As a recorder leaves it whose disk failed."""
    partial = episode.rename(episode.with_name(f'{episode.name}.partial'))
    cut(partial)
    manifest = read_manifest(recover(partial).episode)
    assert manifest.duration_s < 1.5
    assert manifest.dropped == 777
    assert 'messages lost' in manifest.stop_reason


def test_what_lost_nothing_keeps_its_end(episode: Path) -> None:
    (episode / METADATA).unlink()
    old, new = read_manifest(episode), read_manifest(recover(episode).episode)
    assert (new.stopped_ns, new.stopped_utc) == (old.stopped_ns, old.stopped_utc)
    assert (new.wall_s, new.dropped) == (old.wall_s, old.dropped)
    assert 'lost' not in new.stop_reason


def test_interventions_of_an_imported_one_stay(episode: Path) -> None:
    person = Intervention(START_NS, START_NS + 1, 'teleop')
    origin = Origin('lerobot', 'x')
    manifest = replace(read_manifest(episode), origin=origin, interventions=(person,))
    write_manifest(episode, manifest)
    flip(episode)
    assert read_manifest(recover(episode).episode).interventions == (person,)


def test_into_another_root(episode: Path, tmp_path: Path) -> None:
    cut(episode)
    report = recover(episode, out=tmp_path / 'saved')
    assert report.episode.parent == tmp_path / 'saved' / episode.parent.name
    partial = episode.rename(episode.with_name('20250101T000009Z-0009.partial'))
    before = contents(partial)
    report = recover(partial, out=tmp_path / 'saved')
    assert contents(partial) == before
    assert verify(report.episode).ok


def test_what_cannot_be_saved_leaves_nothing(
    episode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (episode / RECORDING).write_bytes(b'not a recording')
    with pytest.raises(WamError, match='not an MCAP file'):
        recover(episode)
    assert [path.name for path in episode.parent.iterdir()] == [episode.name]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recovery.RecordingCopy, 'fill', interrupted)
    with pytest.raises(KeyboardInterrupt):
        recover(episode)
    assert [path.name for path in episode.parent.iterdir()] == [episode.name]


def test_what_a_killed_recovery_left_is_no_obstacle(episode: Path) -> None:
    cut(episode)
    report = recover(episode)
    left = report.episode.with_name(f'.{report.episode.name}.recovering')
    report.episode.rename(left)
    assert recover(episode) == report
    assert not left.exists()


def test_a_duration_longer_than_the_messages_is_a_flaw(episode: Path) -> None:
    manifest = read_manifest(episode)
    write_manifest(episode, replace(manifest, stopped_ns=START_NS + 7_000_000_000))
    flaws = verify(episode).flaws
    assert any(f'topic {HIGH}: nothing for 5.0' in flaw for flaw in flaws), flaws
    early = replace(manifest, started_ns=START_NS - 4_000_000_000)
    write_manifest(episode, early)
    flaws = verify(episode).flaws
    assert any(f'topic {HIGH}: nothing for 4 s from 0 s on' in flaw for flaw in flaws), flaws
