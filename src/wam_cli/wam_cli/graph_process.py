"""A graph in the background: ``wam up`` as a child of this process, its logs in files."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from ament_index_python.packages import get_package_prefix

from wam_cli.death_signal import dying_with_parent
from wam_core.errors import WamError

_STOP_S: Final = 90.0  # seven nodes, each with 10 s to end
_TAIL: Final = 20  # lines


class GraphProcess:
    """Runs ``wam up <graph> <arguments>`` from ``with`` to its end."""

    def __init__(self, graph: str, arguments: Sequence[str]) -> None:
        self._arguments = [graph, *arguments]
        self.logs = _log_directory()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> 'GraphProcess':
        self.logs.mkdir(parents=True)
        # Not `python -m wam_cli`: that looks for modules in the user's directory first.
        wam = Path(get_package_prefix('wam_cli')) / 'bin' / 'wam'
        command = [sys.executable, str(wam), 'up', *self._arguments]
        command += ['--quiet', '--log-directory', str(self.logs)]
        with (self.logs / 'up.log').open('wb') as log:
            self._child = subprocess.Popen(
                dying_with_parent(command, 'TERM'),
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
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            # Its children die with it.
            self._child.kill()
            self._child.wait()

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
