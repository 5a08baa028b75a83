"""Which shared memory belongs to nobody."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from wam_cli import dead_segments, finding
from wam_cli.finding import GOOD, NOTE

AGE_S = 3600.0


def segment(folder: Path, number: int, size: int = 8192, age_s: float = AGE_S) -> Path:
    """The lock file of a segment; the segment lies beside it."""
    memory = folder / f'fastrtps_{number:016x}'
    memory.write_bytes(bytes(size))
    lock = folder / f'{memory.name}_el'
    lock.touch()
    then = time.time() - age_s
    os.utime(lock, (then, then))
    return lock


def test_only_segments_without_a_process_are_removed(tmp_path: Path) -> None:
    dead = [segment(tmp_path, 1), segment(tmp_path, 2)]
    alive = segment(tmp_path, 3)
    segment(tmp_path, 4, age_s=0.0)  # its process is about to lock it
    for name in ('fastrtps_port7400_el', 'fastrtps_port7400', 'sem.other', 'fastrtps_x_el'):
        (tmp_path / name).touch()
    before = {path.name for path in tmp_path.iterdir()}
    with alive.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert [found.lock for found in dead_segments.find(tmp_path)] == dead
        removed = dead_segments.remove(tmp_path)
    assert [found.lock for found in removed] == dead
    assert dead_segments.text(removed * 50_000) == '100000 segments, 0.82 GB'
    assert dead_segments.text(removed[:1]) == '1 segment, 0.00 GB'
    gone = before - {path.name for path in tmp_path.iterdir()}
    assert gone == {name for lock in dead for name in (lock.name, lock.name[:-3])}


def test_a_lock_whose_segment_is_gone_is_removed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = segment(tmp_path, 1)
    (tmp_path / lock.name[:-3]).unlink()
    said: list[str] = []
    monkeypatch.setattr(dead_segments.remove, '__defaults__', (tmp_path,))
    dead_segments.sweep(said.append)
    assert said == ['removed shared memory of killed processes: 1 segment, 0.00 GB']
    dead_segments.sweep(said.append)
    assert len(said) == 1
    assert list(tmp_path.iterdir()) == []


def test_those_of_other_users_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment(tmp_path, 1)
    own = os.geteuid()
    monkeypatch.setattr(os, 'geteuid', lambda: own + 1)
    assert dead_segments.remove(tmp_path) == []
    assert len(dead_segments.find(tmp_path)) == 1


def test_a_folder_without_shared_memory_has_none(tmp_path: Path) -> None:
    assert dead_segments.find(tmp_path / 'none') == []


def test_the_doctor_names_number_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding.dead_segments.find, '__defaults__', (tmp_path,))
    assert finding.killed_processes().level == GOOD
    segment(tmp_path, 1)
    found = finding.killed_processes()
    assert (found.level, found.found) == (NOTE, 'left 1 segment, 0.00 GB in /dev/shm')
    assert '`wam up`' in found.meaning
    own = os.geteuid()
    monkeypatch.setattr(os, 'geteuid', lambda: own + 1)
    assert '1 segment, 0.00 GB of other users' in finding.killed_processes().meaning
