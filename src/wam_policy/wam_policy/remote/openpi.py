"""The policy ``openpi``: asks a websocket server of the openpi protocol (pi0, pi0.5, Cosmos 3).

The protocol: openpi, ``serving/websocket_policy_server.py`` and openpi-client 0.1.2.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wam_core.errors import WamError
from wam_core.gripper_scale import from_scale
from wam_core.mapping import Section
from wam_core.options import parameter
from wam_core.policy import Matrix
from wam_policy.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction
from wam_policy.remote.arrays import number, numbers
from wam_policy.remote.backoff import Backoff
from wam_policy.remote.msgpack_arrays import packb, unpackb
from wam_policy.remote.openpi_fields import ObservationFields, timings
from wam_policy.remote.options import GripperOptions, ServerOptions, read_part, read_token
from wam_policy.remote.statement import check_statement, note_of
from wam_policy.remote.websocket_client import WebsocketClient


@dataclass(frozen=True)
class ReplyOptions:
    """Section ``reply`` of ``options``."""

    actions: str = parameter('actions', 'key of the action chunk; `action` for Cosmos 3')
    value: str = parameter('', 'key of a value 0 to 1; empty: none is read')


class OpenpiPolicy:
    """A chunk from the server for each observation, over one kept connection."""

    def __init__(self, config: PolicyConfig, backoff: Backoff | None = None) -> None:
        """Reads the options; the server is contacted by ``reset``. Raises WamError."""
        self._spec = config.spec
        section = Section(config.options, f'policy {config.spec.name!r}: options')
        server = read_part(ServerOptions, section, 'server')
        self._gripper = read_part(GripperOptions, section, 'gripper')
        self._reply = read_part(ReplyOptions, section, 'reply')
        fields = (
            section.section('observation')
            if 'observation' in section
            else Section({}, section.source)
        )
        self._fields = ObservationFields(fields, config.spec)
        section.close()
        self._client = WebsocketClient(server, read_token(server.token_file, config.directory))
        self._server = f'server {self._client.url}'
        self._backoff = backoff or Backoff(server.backoff_s, server.backoff_limit_s)

    @property
    def spec(self) -> PolicySpec:
        """As configured; what the protocol's metadata mean differs by server."""
        return self._spec

    def reset(self, task: str) -> None:
        """Connects anew: servers take a connection for an episode. Raises WamError."""
        self._backoff.attempt(self._connect)

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The server's chunk. Raises WamError naming server and field; later calls wait then."""
        return self._backoff.attempt(lambda: self._ask(observation, request.task))

    def _connect(self) -> None:
        self._client.connect()
        check_statement(self._client.metadata, self._spec, self._server)

    def _ask(self, observation: Observation, task: str) -> Prediction:
        start = time.perf_counter()
        message = packb(self._fields.message(observation, task, self._gripper.state))
        encoded = time.perf_counter()
        data = self._client.exchange(message)
        received = time.perf_counter()
        reply = unpackb(data, f'{self._server}: reply')
        if not isinstance(reply, dict):
            raise WamError(f'{self._server}: reply is {type(reply).__name__}, expected a mapping')
        actions, value = self._actions(reply), self._value(reply)
        stage_ms = {
            'encode': 1e3 * (encoded - start),
            'server': 1e3 * (received - encoded),
            'decode': 1e3 * (time.perf_counter() - received),
            **timings(reply),
        }
        return Prediction(actions, value=value, note=note_of(reply), stage_ms=stage_ms)

    def _actions(self, reply: Mapping[Any, Any]) -> Matrix:
        key = self._reply.actions
        if key not in reply:
            raise WamError(
                f'{self._server}: reply has no key {key!r} (`reply: actions` of the policy file), '
                f'but {sorted(map(str, reply))[:10]}'
            )
        shape = (self._spec.horizon, self._spec.action_dim)
        return from_scale(
            numbers(reply[key], shape, f'{self._server}: {key}'), self._gripper.action
        )

    def _value(self, reply: Mapping[Any, Any]) -> float | None:
        key = self._reply.value
        if not key or reply.get(key) is None:
            return None
        return number(reply[key], f'{self._server}: {key}', 0.0, 1.0)
