"""Policies, servers and observations for the tests of remote policies."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import json_numpy  # type: ignore[import-untyped]
import numpy as np
import requests

from wam_core.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction
from wam_policy.policy import Policy
from wam_policy.remote.access import reserve
from wam_policy.remote.backoff import Backoff
from wam_policy.remote.cosmos_http import CosmosHttpPolicy
from wam_policy.remote.openpi import OpenpiPolicy
from wam_policy.remote.service import Service
from wam_policy.remote.serving import Server, start

CAMERAS = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
HORIZON = 5


def make_spec(**changes: Any) -> PolicySpec:
    values: dict[str, Any] = {
        'name': 'remote',
        'cameras': CAMERAS,
        'image_height': 12,
        'image_width': 16,
        'resampling': 'pil_bicubic',
        'horizon': HORIZON,
        'dt_ns': 40_000_000,
    }
    return PolicySpec(**{**values, **changes})


def make_config(url: str, spec: PolicySpec | None = None, **options: Any) -> PolicyConfig:
    """Of a remote policy, with short times; options: further sections."""
    server = {'url': url, 'connect_timeout_s': 5.0, 'reply_timeout_s': 10.0}
    server |= options.pop('server', {})
    return PolicyConfig('remote', spec or make_spec(), {'server': server, **options})


def make_observation(spec: PolicySpec | None = None, seed: int = 0) -> Observation:
    spec = spec or make_spec()
    random = np.random.default_rng(seed)
    shape = (len(spec.cameras), spec.image_height, spec.image_width, 3)
    return Observation(
        stamp_ns=10**18,
        images=random.integers(0, 256, shape, np.uint8),
        position=random.uniform(0.0, 1.0, 14),
        velocity=np.zeros(14),
        effort=np.zeros(14),
    )


REQUEST = InferenceRequest(7, 'fold shirt', 'async', np.zeros((0, 14)))


class FakeTime:
    """A clock that goes on by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def backoff(self, first_s: float = 0.1, limit_s: float = 1.0) -> Backoff:
        return Backoff(first_s, limit_s, self.clock, self.sleep)


class ServedPolicy:
    """Answers with what ``answer`` makes of the observation; keeps what it was asked."""

    def __init__(
        self, answer: Callable[[Observation], Prediction] | None = None, **spec: Any
    ) -> None:
        self.spec = make_spec(**spec)
        self.answer = answer or self.hold
        self.tasks: list[str] = []
        self.observations: list[Observation] = []
        self.threads: set[int] = {threading.get_ident()}

    def hold(self, observation: Observation) -> Prediction:
        return Prediction(np.tile(observation.position, (self.spec.horizon, 1)))

    def reset(self, task: str) -> None:
        self.threads.add(threading.get_ident())
        self.tasks.append(task)

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        self.threads.add(threading.get_ident())
        self.observations.append(observation)
        return self.answer(observation)


@contextmanager
def serving(
    protocol: str,
    policy: Any,
    token: str = '',
    waiting: int = 4,
    gripper: str = 'finger',
    port: int = 0,
) -> Iterator[Server]:
    """A server of ours on this machine; policy: one, or what makes one."""
    service = Service(policy if callable(policy) else lambda: policy, gripper, waiting)
    server = start(protocol, service, reserve('127.0.0.1', port, token), token, True)
    try:
        yield server
    finally:
        server.stop()
        service.close()


@contextmanager
def raw_server(*scripts: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that treats its n-th connection as the n-th script says; yields its port.

    Each connection is closed when its script returns. Connections beyond them are refused.
    """
    listener = socket.create_server(('127.0.0.1', 0))
    connections: list[socket.socket] = []

    def play() -> None:
        for script in scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            with connection:
                try:
                    script(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def read_request(connection: socket.socket) -> bytes:
    """The body of an HTTP request."""
    data = b''
    while b'\r\n\r\n' not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b'\r\n\r\n')
    length = 0
    for line in head.lower().split(b'\r\n'):
        if line.startswith(b'content-length:'):
            length = int(line.split(b':')[1])
    while len(body) < length:
        body += connection.recv(65536)
    return body


def http_reply(body: bytes, status: str = '200 OK', headers: str = '') -> bytes:
    return f'HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n'.encode() + body


ACTIONS = np.linspace(0.0, 1.0, HORIZON * 14).reshape(HORIZON, 14)
GOOD = {'actions': list(ACTIONS), 'value_prediction': 0.25, 'future_image_predictions': None}


def cosmos_client(port: int, time: FakeTime | None = None, **options: Any) -> CosmosHttpPolicy:
    config = make_config(f'http://127.0.0.1:{port}/act', **options)
    return CosmosHttpPolicy(config, (time or FakeTime()).backoff())


def openpi_client(port: int, time: FakeTime | None = None, **options: Any) -> OpenpiPolicy:
    config = make_config(f'ws://127.0.0.1:{port}', **options)
    return OpenpiPolicy(config, (time or FakeTime()).backoff())


def answering(*bodies: bytes, seen: list[Any] | None = None) -> Callable[[socket.socket], None]:
    """A script that answers the requests of one connection with these bodies."""

    def script(connection: socket.socket) -> None:
        for body in bodies:
            request = read_request(connection)
            if seen is not None:
                seen.append(json.loads(request))
            connection.sendall(http_reply(body))

    return script


def infer(policy: Policy) -> Any:
    return policy.infer(make_observation(), REQUEST)


def drip(connection: socket.socket) -> None:
    """A reply whose header never ends, a byte at a time."""
    read_request(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nX: ')
    while True:
        connection.sendall(b'a' * 1000)


def silence(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


TOKEN = '0123456789abcdef'


def aloha_example(height: int = 224, width: int = 224) -> dict[str, Any]:
    """As openpi's simple client sends it: pixels behind channels, and a camera too many."""
    random = np.random.default_rng(1)
    cameras = (*CAMERAS, 'cam_low')
    return {
        'state': np.linspace(0.0, 1.0, 14),
        'images': {
            name: random.integers(0, 256, (3, height, width), np.uint8) for name in cameras
        },
        'prompt': 'do something',
    }


def act(url: str, body: object, **options: Any) -> requests.Response:
    """As the official client asks, arrays by json-numpy."""
    text = body if isinstance(body, str | bytes) else json_numpy.dumps(body)
    return requests.post(url, data=text, timeout=20, **options)


def official_request(seed: int = 0) -> dict[str, Any]:
    observation = make_observation(seed=seed)
    keys = ('primary_image', 'left_wrist_image', 'right_wrist_image')
    return {
        **dict(zip(keys, observation.images, strict=True)),
        'proprio': observation.position,
        'task_description': 'fold shirt',
        'return_all_query_results': False,
    }


CLIENTS: dict[str, Callable[..., Any]] = {
    'cosmos': lambda url, **options: CosmosHttpPolicy(
        make_config(url, **options), FakeTime().backoff()
    ),
    'openpi': lambda url, **options: OpenpiPolicy(
        make_config(url, **options), FakeTime().backoff()
    ),
}
