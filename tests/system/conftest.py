"""The whole stack as a user starts it, in a ROS domain of its own; no process outlives a test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import domain_coordinator
import psutil
import pytest
from rclpy.qos import qos_profile_sensor_data
from ros_domain import Ros

Result = TypeVar('Result')

# Of one condition; a whole episode on a loaded machine takes half of it.
TIMEOUT_S = 180.0
_POLL_S = 0.1


class Command:
    """A running command."""

    def __init__(self, words: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self._output = folder / f'output-{time.monotonic_ns()}.txt'
        with self._output.open('wb') as output:
            self.popen = subprocess.Popen(
                [sys.executable, *words],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text()

    def wait(self) -> int:
        """Its exit code."""
        return self.popen.wait(TIMEOUT_S)


class Stack:
    """Starts commands in one domain and finds the processes that they start."""

    def __init__(self, domain: int, folder: Path) -> None:
        self.domain = domain
        self.folder = folder
        self.root = folder / 'episodes'
        self.environment = {
            **os.environ,
            'ROS_DOMAIN_ID': str(domain),
            'ROS_LOG_DIR': str(folder / 'log'),
        }
        self.commands: list[Command] = []

    def start(self, *words: str) -> Command:
        """Starts ``wam <words>``."""
        return self.python('-m', 'wam_cli', *words)

    def python(self, *words: str) -> Command:
        """Starts ``python <words>``."""
        self.commands.append(Command(words, self.folder, self.environment))
        return self.commands[-1]

    def run(self, *words: str) -> Command:
        """Runs ``wam <words>`` to its end."""
        command = self.start(*words)
        command.wait()
        return command

    def processes(self, name: str = '') -> list[psutil.Process]:
        """Every process of this test, or those of one executable."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get('ROS_LOG_DIR') == self.environment['ROS_LOG_DIR']
                words = process.cmdline()
            except psutil.Error:
                continue
            named = not name or any(word.endswith(f'/{name}') for word in words[:2])
            if mine and named and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def listen(self) -> Ros:
        """A node of the test's own among them; to be closed."""
        ros = Ros(self.domain, self.folder)
        ros.report = self.report
        return ros

    def heard(self, kind: Any, topic: str) -> bool:
        """Whether somebody publishes on that topic, within a second."""
        ros = self.listen()
        messages = ros.collect(kind, topic, qos_profile_sensor_data)
        deadline = time.monotonic() + 1.0
        while not messages and time.monotonic() < deadline:
            ros.spin(0.1)
        ros.close()
        return bool(messages)

    def episodes(self) -> list[Path]:
        """Recordings, whole and partial."""
        return sorted(self.root.glob('*/*'))

    def until(self, condition: Callable[[], Result], what: str) -> Result:
        """Waits until it is true and returns its value; fails the test after TIMEOUT_S."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f'waited {TIMEOUT_S:g} s for {what}\n{self.report()}')
            time.sleep(_POLL_S)
        return value

    def report(self) -> str:
        """All outputs and logs, for a test that failed."""
        parts = [command.output for command in self.commands]
        for path in sorted((self.folder / 'log').glob('wam_*/*.log')):
            parts.append(f'--- {path.name}\n{path.read_text()[-4000:]}')
        return '\n'.join(parts)

    def close(self) -> list[str]:
        """Stops what still runs. Returns the processes that did not end by themselves."""
        for command in self.commands:
            if command.popen.poll() is None:
                command.popen.send_signal(signal.SIGTERM)
                command.popen.wait(TIMEOUT_S)
        left = [' '.join(process.cmdline()) for process in self.processes()]
        for process in self.processes():
            process.kill()
        return left


@contextmanager
def stack_in(folder: Path) -> Iterator[Stack]:
    """A fresh domain; the test fails if a process of it survives."""
    with domain_coordinator.domain_id() as domain:
        handle = Stack(domain, folder)
        try:
            yield handle
        finally:
            left = handle.close()
        assert left == []


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A fresh domain and folder."""
    with stack_in(tmp_path) as handle:
        yield handle


@pytest.fixture(scope='class')
def class_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One domain and folder for the tests of a class."""
    with stack_in(tmp_path_factory.mktemp('stack')) as handle:
        yield handle
