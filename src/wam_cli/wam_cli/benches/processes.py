"""The processes of a benchmark: in a ROS domain of their own, ended when it ends."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import domain_coordinator  # type: ignore[import-untyped]
import psutil
from ament_index_python.packages import get_package_prefix
from rich.console import Console
from rich.progress import Progress

from wam_bringup import environment
from wam_core.errors import WamError

_END_S: Final = 10.0


@contextmanager
def private_environment() -> Iterator[dict[str, str]]:
    """The environment of processes in a domain that no one else on this machine uses."""
    with domain_coordinator.domain_id() as domain:
        yield {
            **os.environ,
            **environment.settings(os.environ),
            'ROS_DOMAIN_ID': str(domain),
        }


@contextmanager
def process(
    module: str,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    python: Path | str = sys.executable,
) -> Iterator['subprocess.Popen[str]']:
    """A module of this package as a process, ended on leaving by ending its standard input."""
    command = [str(python), '-m', f'wam_cli.benches.{module}', *arguments]
    with _ended(command, variables, by_input=True) as started:
        yield started


@contextmanager
def node_process(
    package: str, executable: str, ros_arguments: Sequence[str], variables: Mapping[str, str]
) -> Iterator['subprocess.Popen[str]']:
    """A node's own executable, ended on leaving by SIGTERM."""
    path = f'{get_package_prefix(package)}/lib/{package}/{executable}'
    with _ended([path, '--ros-args', *ros_arguments], variables, by_input=False) as started:
        yield started


def expect(started: 'subprocess.Popen[str]', word: str) -> None:
    """Waits for a line of the process. Raises WamError when its output ends without it.

    Other lines are passed on: Fast DDS complains on standard output.
    """
    for line in _stream(started.stdout):
        if line.strip() == word:
            return
        sys.stderr.write(line)
    raise WamError(f'{started.args!r}: ended without printing {word!r}')


def tell(started: 'subprocess.Popen[str]', word: str) -> None:
    """Writes a line to the process."""
    stream = _stream(started.stdin)
    stream.write(f'{word}\n')
    stream.flush()


def finish(started: 'subprocess.Popen[str]', timeout_s: float = _END_S) -> str:
    """Ends a process by ending its standard input; the rest of what it prints.

    Raises WamError when it takes longer than that.
    """
    try:
        output, _ = started.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise WamError(f'{started.args!r}: did not end within {timeout_s:g} s') from error
    return output


def cpu_s(started: 'subprocess.Popen[str]') -> float:
    """Processor time that the process has used so far, s."""
    times = psutil.Process(started.pid).cpu_times()
    return times.user + times.system


def progress(title: str, seconds: float, check: Callable[[], None] = lambda: None) -> None:
    """A progress bar on standard error for so long. check: is called all the while."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=seconds)
        start = time.monotonic()
        while not bar.finished:
            time.sleep(0.2)
            check()
            bar.update(task, completed=time.monotonic() - start)


@contextmanager
def _ended(
    command: Sequence[str], variables: Mapping[str, str], by_input: bool
) -> Iterator['subprocess.Popen[str]']:
    started = subprocess.Popen(
        command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield started
    finally:
        # In good order where possible: a participant that is killed leaves its shared memory.
        end_input = _stream(started.stdin).close
        for end in (*([end_input] if by_input else []), started.terminate, started.kill):
            with suppress(BrokenPipeError):
                end()
            with suppress(subprocess.TimeoutExpired):
                started.wait(_END_S)
                break


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
