"""Shared memory of processes that were killed: each left the segment of its image transport.

A Fast DDS process holds a lock on ``<segment>_el`` for as long as it lives. The kernel lifts it
when the process dies, however that happened, so a file that can be locked belongs to nobody.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path('/dev/shm')
_LOCK: Final = re.compile(r'fastrtps_[0-9a-f]{16}_el')
# A process makes the file, then locks it: not for long, but then it is not dead yet.
_YOUNG_S: Final = 10.0


@dataclass(frozen=True)
class Segment:
    """lock: its lock file. owner: user id. size: bytes that it takes."""

    lock: Path
    owner: int
    size: int


def find(folder: Path = FOLDER) -> list[Segment]:
    """Segments whose process is dead, as far as this user may know."""
    dead = []
    for lock in sorted(folder.glob('fastrtps_*_el')):
        if not _LOCK.fullmatch(lock.name):
            continue
        with _locked(lock) as owner:
            if owner is not None:
                dead.append(Segment(lock, owner, _size(_memory(lock))))
    return dead


def remove(folder: Path = FOLDER) -> list[Segment]:
    """Removes the dead segments of this user; those that it removed."""
    removed = []
    for segment in find(folder):
        with _locked(segment.lock) as owner:
            if owner != os.geteuid():
                continue
            with suppress(OSError):  # a folder that nothing may be removed from
                _memory(segment.lock).unlink(missing_ok=True)
                segment.lock.unlink(missing_ok=True)
                removed.append(segment)
    return removed


def sweep(say: Callable[[str], None]) -> None:
    """Removes the dead segments of this user and says how much that was, if anything."""
    if removed := remove():
        say(f'removed shared memory of killed processes: {text(removed)}')


def text(segments: Iterable[Segment]) -> str:
    """'51 segments, 1.35 GB'."""
    sizes = [segment.size for segment in segments]
    return f'{len(sizes)} segment{"s" * (len(sizes) != 1)}, {sum(sizes) / 1e9:.2f} GB'


@contextmanager
def _locked(path: Path) -> Iterator[int | None]:
    """Owner of a file that nobody else has locked meanwhile; None: somebody has, or it is new."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:  # gone, or of a user who lets nobody look
        yield None
        return
    try:
        yield _lock_if_dead(handle)
    finally:
        os.close(handle)


def _lock_if_dead(handle: int) -> int | None:
    status = os.fstat(handle)
    if time.time() - status.st_mtime < _YOUNG_S:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return status.st_uid


def _memory(lock: Path) -> Path:
    return lock.with_name(lock.name.removesuffix('_el'))


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0
