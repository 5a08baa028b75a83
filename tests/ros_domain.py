"""A ROS domain of a test's own: a node in it, and processes beside it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
import rclpy
import yaml
from ament_index_python.packages import get_package_prefix
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

Result = TypeVar('Result')

# Ten times what a loaded machine needs: a test that waits this long has failed.
TIMEOUT_S = 60.0


class Process:
    """A node's process: its output so far, and its end."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = Path(command[0]).name
        self._lines: list[str] = []
        self._popen = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        self._lines.extend(self._popen.stdout)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> str:
        """Standard output and error so far."""
        return ''.join(self._lines)

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process."""
        self._popen.send_signal(number)

    def wait(self, timeout: float = TIMEOUT_S) -> int:
        """Waits for the process to end by itself; its exit code."""
        code = self._popen.wait(timeout)
        self._reader.join(timeout)
        return code

    def terminate_and_wait(self, timeout: float = TIMEOUT_S) -> int:
        """Ends the process with SIGTERM; its exit code."""
        if self._popen.poll() is None:
            self.send(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """Ends the process as a crash would, with everything that it started."""
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
        self.wait()


class Ros:
    """A node of the test's own in a domain, and processes beside it.

    report: what a test that waited in vain shows.
    """

    def __init__(self, domain: int, folder: Path) -> None:
        self.domain = domain
        self.folder = folder
        self.processes: list[Process] = []
        self.report: Callable[[], str] = self._outputs
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node('test', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._clock = self.node.create_publisher(Clock, '/clock', 10)

    def start(
        self,
        package: str,
        executable: str,
        params: Mapping[str, Any] | None = None,
        params_file: Path | str | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Starts an installed executable in this domain; ``params`` override ``params_file``."""
        files = [str(params_file)] if params_file else []
        if params:
            path = self.folder / f'{executable}-{len(self.processes)}.yaml'
            path.write_text(yaml.safe_dump({'/**': {'ros__parameters': dict(params)}}))
            files.append(str(path))
        command = [f'{get_package_prefix(package)}/lib/{package}/{executable}', '--ros-args']
        for file in files:
            command += ['--params-file', file]
        process = Process(
            [*command, *arguments],
            {**os.environ, 'ROS_DOMAIN_ID': str(self.domain), **(environment or {})},
        )
        self.processes.append(process)
        return process

    def spin(self, timeout: float = 0.02) -> None:
        """Handles at most one callback of the test's node, waiting for it up to ``timeout`` s."""
        self._executor.spin_once(timeout_sec=timeout)

    def wait(
        self, predicate: Callable[[], Result], timeout: float = TIMEOUT_S, what: str = ''
    ) -> Result:
        """Spins until the predicate is true and returns its value; fails the test after that."""
        deadline = time.monotonic() + timeout
        while not (value := predicate()):
            if time.monotonic() > deadline:
                pytest.fail(f'waited {timeout:g} s for {what or predicate}\n{self.report()}')
            self.spin()
        return value

    def _outputs(self) -> str:
        return '\n'.join(f'--- {item.name}\n{item.output}' for item in self.processes)

    def collect(self, kind: Any, topic: str, qos: Any = 10) -> list[Any]:
        """A list that grows with each message on the topic."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def call(self, kind: Any, name: str, request: Any, timeout: float = TIMEOUT_S) -> Any:
        """The answer of a service that some node offers, or will soon."""
        client = self.node.create_client(kind, name)
        try:
            self.wait(client.service_is_ready, timeout, f'service {name}')
            future = client.call_async(request)
            self.wait(future.done, timeout, f'an answer of {name}')
            return future.result()
        finally:
            self.node.destroy_client(client)

    def set_parameters(self, node: str, **values: Any) -> list[Any]:
        """The results, one for each, of setting parameters of a node; its name begins with /."""
        parameters = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        request = SetParameters.Request(parameters=parameters)
        return list(self.call(SetParameters, f'{node}/set_parameters', request).results)

    def set_time(self, nanoseconds: int) -> None:
        """Publishes /clock: the test is the time source of nodes with use_sim_time."""
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(nanoseconds, 1_000_000_000)
        self._clock.publish(message)

    def close(self) -> list[str]:
        """Ends everything; the names of processes that SIGTERM did not end."""
        for process in self.processes:
            if process.returncode is None:
                process.send(signal.SIGTERM)
        stubborn = []
        for process in self.processes:
            try:
                process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                stubborn.append(process.name)
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()
        return stubborn
