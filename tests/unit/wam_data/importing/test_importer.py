import fcntl
import os
from pathlib import Path

import foreign_data
import pytest
from import_desk import Desk

from wam_core.errors import WamError
from wam_data.importing import writing
from wam_data.importing.foreign import ForeignEpisode
from wam_data.importing.importer import Settings, read_layout
from wam_data.importing.messages import Messages
from wam_data.manifest import read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / 'data'
    made.mkdir()
    for number in range(3):
        foreign_data.aloha(made / f'episode_{number}.hdf5', length=2, cameras=('cam_high',))
    return made


def test_what_was_imported_is_left_alone(desk: Desk, folder: Path) -> None:
    first = desk(folder)
    before = {path: (path / 'episode.mcap').stat().st_mtime_ns for path in desk.episodes()}
    second = desk(folder)
    assert [result.status for result in second] == ['known'] * 3
    assert [result.episode for result in second] == [result.episode for result in first]
    assert {path: (path / 'episode.mcap').stat().st_mtime_ns for path in desk.episodes()} == before


def test_it_goes_on_where_it_was_cut_off(desk: Desk, folder: Path) -> None:
    importer = desk.importer(folder)
    results = importer.run(importer.names, lambda done, total: None)
    assert next(results).status == 'imported'
    results.close()
    assert [result.status for result in desk(folder)] == ['known', 'imported', 'imported']


def test_what_a_killed_import_left_is_replaced(desk: Desk, folder: Path) -> None:
    for result in desk(folder):
        assert result.episode is not None
        if result.name == 'episode_1':
            left = result.episode.with_name(f'{result.episode.name}.partial')
            result.episode.rename(left)
    assert [result.status for result in desk(folder)] == ['known', 'imported', 'known']
    assert not left.exists()
    assert len(desk.episodes()) == 3


def test_somebody_else_s_partial_episode_stays(desk: Desk, folder: Path) -> None:
    (result, *_) = desk(folder)
    assert result.episode is not None
    other = result.episode.with_name('20250101T000000Z-0000.partial')
    result.episode.rename(other)
    manifest = read_manifest(other)
    write_manifest(other, type(manifest)(manifest.identity, manifest.started_utc, 0))
    desk(folder)
    assert other.is_dir()


def test_an_import_that_is_interrupted_leaves_nothing(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(Messages, 'applied_action', interrupt)
    with pytest.raises(KeyboardInterrupt):
        desk(folder)
    assert desk.episodes() == []


def test_a_full_disk_is_named_and_nothing_is_left(
    desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> Path:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(writing, 'close_episode', fill)
    results = desk(folder)
    assert {result.status for result in results} == {'failed'}
    assert 'No space left on device' in results[0].text
    assert desk.episodes() == []


def test_a_source_whose_name_is_not_utf8_is_imported_once(desk: Desk, folder: Path) -> None:
    odd = folder.rename(folder.with_name(os.fsdecode(b'caf\xe9')))
    assert {result.status for result in desk(odd)} == {'imported'}
    origin = read_manifest(desk.episodes()[0]).origin
    assert origin is not None
    assert origin.path.endswith('caf\\udce9')
    assert {result.status for result in desk(odd)} == {'known'}


def test_two_imports_at_once_are_refused(desk: Desk, folder: Path) -> None:
    desk.root.mkdir()
    descriptor = os.open(desk.root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(WamError, match='another import writes there'):
            desk(folder)
    finally:
        os.close(descriptor)


def test_an_unknown_name_is_refused(desk: Desk, folder: Path) -> None:
    importer = desk.importer(folder)
    with pytest.raises(WamError, match="has no episode 'episode_9', but episode_0, episode_1"):
        list(importer.run(['episode_9'], lambda done, total: None))


def test_progress_counts_frames(desk: Desk, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    importer = desk.importer(folder)
    list(importer.run(['episode_0'], lambda done, total: seen.append((done, total))))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ('settings', 'said'),
    [({'rate_hz': 0.0}, 'rate 0 Hz'), ({'jpeg_quality': 101}, 'JPEG quality 101')],
)
def test_bad_settings_are_refused(settings: dict[str, float], said: str) -> None:
    with pytest.raises(WamError, match=said):
        Settings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('state: {columns: [1, 2]}', 'columns has 2 entries, expected 14'),
        ('state: {columns: [1.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}', 'number, name or null'),
        ('state: {scale: [1]}', 'scale has 1 numbers, expected 14'),
        ('states: {}', "unknown key 'states'"),
        ('cameras: {cam_high: 1}', 'expected text'),
        ('- 1', 'expected a mapping'),
        ('{', 'cannot be read'),
    ],
)
def test_a_bad_layout_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / 'layout.yaml'
    path.write_text(text)
    with pytest.raises(WamError, match=said) as caught:
        read_layout(path)
    assert str(path) in str(caught.value)


def test_a_layout_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WamError, match='cannot be read'):
        read_layout(tmp_path / 'none.yaml')


def test_lengths_are_those_of_the_state(folder: Path, desk: Desk) -> None:
    rows = foreign_data.state(4).astype(float)
    episode = ForeignEpisode('a', '', 30.0, rows, rows, None, None, {})
    assert episode.length == 4
