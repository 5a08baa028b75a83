"""Single keys from a terminal, without Enter and without echo."""

import os
import select
import sys
import termios
from contextlib import suppress
from types import TracebackType
from typing import Any

_LOCAL_FLAGS, _CONTROL = 3, 6  # places in what tcgetattr returns


class Terminal:
    """Standard input, unbuffered inside ``with``; its mode is put back at the end.

    Where standard input is no terminal, there are no keys. In the background the terminal is left
    alone: it belongs to another program then, and the kernel would suspend whoever touches it.
    """

    def __init__(self) -> None:
        self.present = sys.stdin is not None and sys.stdin.isatty()
        self._fd = sys.stdin.fileno() if self.present else -1
        self._saved: list[Any] | None = None

    def __enter__(self) -> 'Terminal':
        if self.present:
            self._saved = termios.tcgetattr(self._fd)
            # Whatever was typed before was meant for another program.
            self._engage(termios.TCSAFLUSH)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._saved is not None and self._ours():
            with suppress(termios.error):  # it may be gone
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)

    def read(self) -> bytes:
        """What was typed since the last call; it does not wait."""
        if self._saved is None:
            return b''
        try:
            # A shell puts its own mode back when this program is suspended.
            self._engage(termios.TCSANOW)
            if not self._ours() or not select.select([self._fd], [], [], 0.0)[0]:
                return b''
            return os.read(self._fd, 1024)
        except (OSError, termios.error):  # the terminal was closed
            return b''

    def _engage(self, when: int) -> None:
        mode = termios.tcgetattr(self._fd)
        buffered = termios.ICANON | termios.ECHO
        if mode[_LOCAL_FLAGS] & buffered and self._ours():
            mode[_LOCAL_FLAGS] &= ~buffered
            mode[_CONTROL] = list(mode[_CONTROL])
            mode[_CONTROL][termios.VMIN], mode[_CONTROL][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, when, mode)

    def _ours(self) -> bool:
        """Whether this program is in the foreground of the terminal."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # not the terminal that this program was started from: nobody else's
            return True
