"""A graph in the background: ``wam up`` as a child of this process, its logs in files."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from wam_cli import parking
from wam_cli.death_signal import dying_with_parent
from wam_core.errors import WamError

_STOP_S: Final = 100.0 + parking.TIMEOUT_S  # eight nodes, each with 10 s to end
_LOOK_S: Final = 0.05
_TAIL: Final = 20  # lines


class GraphProcess:
    """Runs ``wam up <graph> <arguments>`` from ``with`` to its end.

    stopping: called many times a second while the graph is being stopped; a KeyboardInterrupt that
    it raises leaves out parking, or cuts it short.
    """

    def __init__(
        self,
        graph: str,
        arguments: Sequence[str],
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        self._arguments = [graph, *arguments]
        self._stopping = stopping
        self.logs = _log_directory()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> 'GraphProcess':
        self.logs.mkdir(parents=True)
        command = parking.wam('up', *self._arguments)
        command += ['--quiet', '--log-directory', str(self.logs)]
        with (self.logs / 'up.log').open('wb') as log:
            self._child = subprocess.Popen(
                # Not TERM, which parks: nobody watches the arms when this process was killed.
                dying_with_parent(command, 'HUP'),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which stops it in order
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raises WamError with the end of the guilty log when the graph has ended."""
        if self._child is not None and self._child.poll() is not None:
            raise WamError(f'the graph ended: {self.reason()}\nall logs: {self.logs}')

    def stop(self) -> None:
        """Stops every node in order, and waits for that."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while self._child.poll() is None:
            if time.monotonic() > deadline:
                self._child.kill()  # its children die with it
            try:
                self._stopping()
            except KeyboardInterrupt:
                self._child.send_signal(signal.SIGTERM)
            time.sleep(_LOOK_S)

    def parking(self) -> str:
        """How parking goes or went: the newest line about it; empty: there is none."""
        lines = _tail(self.logs / f'{parking.NAME}.log')
        return lines[-1] if lines else ''

    def reason(self) -> str:
        """Why it ended: the launcher's words, and the last lines of the node that it names."""
        own = _tail(self.logs / 'wam.log')
        why = next((line for line in own if line.endswith(': stopping everything')), '')
        if not why:
            return '\n'.join(['', *own, *_tail(self.logs / 'up.log')])
        path = self.logs / f'{why.split()[0]}.log'
        lines = [f'    {line}' for line in _tail(path)]
        return '\n'.join([why.removesuffix(': stopping everything'), f'end of {path}:', *lines])


def _log_directory() -> Path:
    """A new name below ROS's own log directory."""
    home = Path(os.environ.get('ROS_HOME') or Path.home() / '.ros')
    logs = Path(os.environ.get('ROS_LOG_DIR') or home / 'log')
    return logs / f'wam_{time.strftime("%Y%m%d_%H%M%S")}_{os.getpid()}'


def _tail(path: Path) -> list[str]:
    try:
        return path.read_text(encoding='utf-8', errors='replace').splitlines()[-_TAIL:]
    except OSError:
        return []
