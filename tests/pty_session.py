"""A command in a terminal of its own, as a person would have it."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from typing import Any

_LOCAL_FLAGS = 3
_TIMEOUT_S = 60.0


class PtySession:
    """Runs ``wam <words>``. ``poll`` has to be called now and then: it reads what was shown."""

    def __init__(self, words: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        self._shown = b''
        self.popen = subprocess.Popen(
            [sys.executable, '-m', 'wam_cli', *words],
            env={**environment, 'TERM': 'xterm', 'COLUMNS': '200'},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._before = self.mode()

    def mode(self) -> Any:
        """Of the terminal."""
        return termios.tcgetattr(self._master)

    @property
    def unbuffered(self) -> bool:
        """Whether single keys arrive, without echo."""
        return not self.mode()[_LOCAL_FLAGS] & (termios.ICANON | termios.ECHO)

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was before the command."""
        return bool(self.mode() == self._before)

    def type(self, text: str) -> None:
        """Presses keys."""
        os.write(self._master, text.encode())

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the command."""
        self.popen.send_signal(number)

    def poll(self) -> str:
        """All that it has shown so far."""
        try:
            while select.select([self._master], [], [], 0.0)[0]:
                data = os.read(self._master, 65536)
                if not data:
                    break
                self._shown += data
        except OSError:  # it has closed its end
            pass
        return self._shown.decode(errors='replace')

    def wait_for(self, text: str) -> None:
        """Waits until it has shown this."""
        deadline = time.monotonic() + _TIMEOUT_S
        while text not in self.poll():
            assert time.monotonic() < deadline, f'waited for {text!r}:\n{self.poll()}'
            assert self.popen.poll() is None, f'ended before {text!r}:\n{self.poll()}'
            select.select([self._master], [], [], 0.1)

    def wait(self) -> int:
        """Waits for its end; its exit code."""
        deadline = time.monotonic() + _TIMEOUT_S
        while not self.ended():
            assert time.monotonic() < deadline, f'waited for the end:\n{self.poll()}'
            select.select([self._master], [], [], 0.1)
        return int(self.popen.returncode)

    def ended(self) -> bool:
        """Whether it has ended."""
        self.poll()
        return self.popen.poll() is not None

    def close(self) -> None:
        """Ends it, if it has not ended."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self._master)
