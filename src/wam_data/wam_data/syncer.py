"""Syncs a file to disk in a thread of its own, so that a slow disk holds up nobody who writes."""

import threading
import time
from collections.abc import Callable


class Syncer:
    """sync: what to do, raises OSError where the disk fails. done: is told how long it took, s.

    error: of the disk, once it has failed; then nothing more is done.
    """

    def __init__(self, sync: Callable[[], None], done: Callable[[float], None]) -> None:
        self._sync = sync
        self._done = done
        self._began_s: float | None = None
        self._slowest_s = 0.0
        self._wanted = threading.Event()
        self._over = False
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name='sync')
        self._thread.start()

    def request(self) -> None:
        """A sync that begins from now on, or as soon as the one that is under way is done."""
        self._wanted.set()

    @property
    def slowest_s(self) -> float:
        """That a sync has taken, the one that is under way included."""
        began_s = self._began_s
        running_s = 0.0 if began_s is None else time.monotonic() - began_s
        return max(self._slowest_s, running_s)

    def close(self) -> None:
        """Returns when no sync is under way any more."""
        self._over = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while self._wanted.wait() and not self._over:
            self._wanted.clear()
            self._began_s = began_s = time.monotonic()
            try:
                self._sync()
            except OSError as error:
                self.error = error
                return
            took_s = time.monotonic() - began_s
            self._slowest_s, self._began_s = max(self._slowest_s, took_s), None
            self._done(took_s)
