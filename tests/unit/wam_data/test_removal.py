from pathlib import Path

import pytest

from wam_core.errors import WamError
from wam_data import removal
from wam_data.catalogue import find_episodes
from wam_data.removal import remove


def test_an_episode_is_gone(episode: Path) -> None:
    remove(episode)
    assert list(episode.parent.iterdir()) == []


def test_a_partial_one_too(episode: Path) -> None:
    partial = episode.rename(episode.with_name(f'{episode.name}.partial'))
    remove(partial)
    assert list(episode.parent.iterdir()) == []


def test_a_crash_leaves_no_half_episode(episode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(path: Path, **options: object) -> None:
        (path / 'episode.json').unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(removal.shutil, 'rmtree', crash)
    with pytest.raises(KeyboardInterrupt):
        remove(episode)
    assert find_episodes(episode.parent.parent) == []
    monkeypatch.undo()
    other = episode.parent / '20250101T000000Z-0009'
    other.mkdir()
    (other / 'episode.json').write_text('{}')
    remove(other)
    assert list(episode.parent.iterdir()) == []  # what the crash left went too


def test_what_is_no_episode_stays(episode: Path, tmp_path: Path) -> None:
    link = tmp_path / 'link'
    link.symlink_to(episode)
    file = tmp_path / 'file'
    file.write_text('x')
    for path in (link, file, episode.parent, tmp_path / 'nothing'):
        with pytest.raises(WamError, match='is not an episode directory: nothing is removed'):
            remove(path)
    assert file.exists()
    assert (episode / 'episode.mcap').exists()


def test_a_disk_that_refuses_is_named(episode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(Path, 'rename', refuse)
    with pytest.raises(WamError, match='cannot be removed: Permission denied'):
        remove(episode)
    assert (episode / 'episode.mcap').exists()
