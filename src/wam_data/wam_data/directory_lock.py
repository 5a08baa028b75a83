"""Holds a directory against other processes that want to do the same there (flock(2))."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(directory: Path, *, wait: bool) -> Iterator[None]:
    """Until it is left, or the process ends. On a file system without such locks it does nothing.

    Raises BlockingIOError where another holds the directory and ``wait`` is false, and OSError
    where it can't be opened.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:  # NFS has none for directories: then nobody can know
            pass
        yield
    finally:
        os.close(descriptor)
