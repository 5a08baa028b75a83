"""Which episodes are being recorded now, and which ones a recorder that died has left open.

Whoever writes a recording holds an advisory lock on its file (flock(2)), which ends with the
process, however it ends.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from wam_data.layout import PARTIAL, RECORDING


def hold(descriptor: int) -> None:
    """Says that the file is being written, until it is closed."""
    with suppress(OSError):  # a file system without locks: then nobody can know
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(episode: Path) -> bool:
    """Whether a running process on this machine writes its recording."""
    try:
        descriptor = os.open(episode / RECORDING, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def left_open(root: Path) -> list[Path]:
    """Episodes under a root directory that nobody writes any more, oldest first."""
    partial = root.glob(f'*/*{PARTIAL}')
    return sorted(path for path in partial if path.name[0] != '.' and not is_held(path))
