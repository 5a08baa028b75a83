"""The output of the nodes: lines with the node's name before them, and a file for each node."""

import select
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from circus.stream import Redirector

_CHUNK = 65536


class NodeLog:
    """Writes ``[name] line`` to standard output, and ``line`` to <directory>/<name>.log.

    directory: made if it does not exist; None: no files. echo: whether to write to the terminal.
    """

    def __init__(self, directory: Path | None, echo: bool) -> None:
        self._directory = directory
        self._echo = echo
        self._files: dict[str, TextIO] = {}
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)

    def say(self, text: str) -> None:
        """A line of the launcher's own."""
        self.write('wam', text)

    def write(self, name: str, line: str) -> None:
        """One line of that process."""
        # A full disk or a closed terminal must not end the robot's graph.
        if self._echo:
            try:
                print(f'[{name}] {line}', flush=True)
            except OSError:
                self._echo = False
        if self._directory is not None:
            with suppress(OSError):
                self._file(name).write(f'{line}\n')

    def stream(self, name: str) -> 'LineStream':
        """Where circus puts the output of that process."""
        return LineStream(lambda line: self.write(name, line))

    def _file(self, name: str) -> TextIO:
        if name not in self._files:
            assert self._directory is not None
            path = self._directory / f'{name}.log'
            self._files[name] = path.open('a', buffering=1, encoding='utf-8')
        return self._files[name]


class LineStream:
    """Makes lines of the pieces that come out of a pipe."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rest = b''

    def __call__(self, data: Mapping[str, Any]) -> None:
        """Takes ``data['data']``, bytes: circus's interface."""
        *lines, self._rest = (self._rest + data['data']).split(b'\n')
        for line in lines:
            self._write(line.decode(errors='replace'))

    def flush(self) -> None:
        """Writes a last line that has no end."""
        if self._rest:
            self._write(self._rest.decode(errors='replace'))
            self._rest = b''


class DrainingRedirector(Redirector):
    """Reads what is left in the pipes of a dead process: the reason of its death is there."""

    def remove_redirections(self, process: Any) -> None:
        """Called by circus when a process has ended, and by ``Supervisor`` before it is reaped."""
        for kind, pipe in self.get_process_pipes(process):
            stream = self.redirect[kind]
            while not pipe.closed and select.select([pipe], [], [], 0)[0]:
                data = pipe.read1(_CHUNK)
                if not data:
                    break
                stream({'data': data, 'pid': process.pid, 'name': kind})
            stream.flush()
        super().remove_redirections(process)
