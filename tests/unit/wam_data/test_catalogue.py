import os
from pathlib import Path
from typing import Any

import pytest

from wam_core.errors import WamError
from wam_data.catalogue import find_episodes, newest_episode
from wam_data.index import read_index
from wam_data.layout import MANIFEST


def test_catalogue(episode: Path) -> None:
    root = episode.parent.parent
    partial = episode.with_name('20260101T000000Z-0009.partial')
    partial.mkdir()
    (partial / MANIFEST).write_text('broken')
    assert find_episodes(root) == find_episodes(episode.parent) == [episode, partial]
    assert newest_episode(root) == episode
    whole, broken = read_index(root)
    assert (whole.path, whole.partial, whole.problem) == (str(episode), False, '')
    assert (broken.path, broken.partial) == (str(partial), True)
    assert 'is not JSON' in broken.problem


def test_what_is_no_episode_is_left_out(episode: Path) -> None:
    root = episode.parent.parent
    (root / 'notes.txt').write_text('x')
    (root / 'empty' / 'folder').mkdir(parents=True)
    hidden = episode.rename(episode.with_name('.removing-x'))
    assert find_episodes(root) == []
    hidden.rename(episode)
    assert find_episodes(root) == [episode]


def test_a_folder_that_may_not_be_read(episode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = episode.parent.parent
    (root / 'lost+found').mkdir()
    look = os.scandir

    def scan(path: Path) -> Any:
        if path.name in forbidden:
            raise PermissionError(13, 'Permission denied')
        return look(path)

    monkeypatch.setattr(os, 'scandir', scan)
    forbidden = ['lost+found']
    assert find_episodes(root) == [episode]
    forbidden.append(root.name)
    with pytest.raises(WamError, match='cannot be read: Permission denied'):
        find_episodes(root)


def test_empty_catalogues(tmp_path: Path) -> None:
    assert find_episodes(tmp_path) == []
    with pytest.raises(WamError, match='no finished episode'):
        newest_episode(tmp_path)
    with pytest.raises(WamError, match='not a directory'):
        find_episodes(tmp_path / 'nothing')
