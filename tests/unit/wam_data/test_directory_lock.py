"""One process at a time in a directory."""

import errno
from pathlib import Path
from typing import Any

import pytest

from wam_data.directory_lock import locked


def test_a_held_directory_is_refused_until_it_is_left(tmp_path: Path) -> None:
    with locked(tmp_path, wait=False):
        with pytest.raises(BlockingIOError), locked(tmp_path, wait=False):
            pass
        with locked(tmp_path.parent, wait=False):
            pass
    with locked(tmp_path, wait=True):
        pass


def test_a_file_system_without_locks_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.EBADF, 'Bad file descriptor')

    monkeypatch.setattr('fcntl.flock', none)
    with locked(tmp_path, wait=False), locked(tmp_path, wait=True):
        pass


def test_what_is_not_there_cannot_be_held(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / 'nothing', wait=True):
        pass
