"""The policy ``cosmos_http``: asks a server of Cosmos Policy, ``POST /act``.

The protocol: cosmos-policy, ``experiments/robot/aloha/deploy.py`` (server) and
``run_aloha_eval.py`` (client).
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from wam_core.errors import WamError
from wam_core.gripper_scale import to_scale
from wam_core.mapping import Section
from wam_core.options import parameter
from wam_policy.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction
from wam_policy.remote import json_arrays
from wam_policy.remote.backoff import Backoff
from wam_policy.remote.cosmos_reply import ReplyReader
from wam_policy.remote.http_client import HttpClient, quoted
from wam_policy.remote.options import GripperOptions, ServerOptions, read_part, read_token
from wam_policy.remote.statement import check_statement

# The official keys of the request, and the cameras of an ALOHA rig.
CAMERAS: Final = {
    'primary_image': 'cam_high',
    'left_wrist_image': 'cam_left_wrist',
    'right_wrist_image': 'cam_right_wrist',
}


@dataclass(frozen=True)
class RequestOptions:
    """Section ``request`` of ``options``."""

    form: str = parameter(
        'plain', 'plain: arrays in the JSON; encoded: JSON in a text in the JSON',
        allowed=('plain', 'encoded'),
    )  # fmt: skip
    all_results: bool = parameter(True, 'ask a planning server for all its candidates')


class CosmosHttpPolicy:
    """A chunk from the server for each observation."""

    def __init__(self, config: PolicyConfig, backoff: Backoff | None = None) -> None:
        """Reads the options; the server is contacted by ``reset``. Raises WamError."""
        self._spec = config.spec
        section = Section(config.options, f'policy {config.spec.name!r}: options')
        server = read_part(ServerOptions, section, 'server')
        self._gripper = read_part(GripperOptions, section, 'gripper')
        self._request = read_part(RequestOptions, section, 'request')
        cameras = section.section('cameras').values() if 'cameras' in section else CAMERAS
        section.close()
        self._cameras = _cameras(cameras, config.spec)
        self._client = HttpClient(server, read_token(server.token_file, config.directory))
        self._server = f'server {self._client.url}'
        self._reader = ReplyReader(self._spec, self._cameras, self._gripper.action, self._server)
        self._backoff = backoff or Backoff(server.backoff_s, server.backoff_limit_s)

    @property
    def spec(self) -> PolicySpec:
        """As configured; the protocol has no way for the server to state its own."""
        return self._spec

    def reset(self, task: str) -> None:
        """Checks that the server is there and lets us in; it keeps nothing between requests.

        Raises WamError. Which tasks the server knows shows with the first request only.
        """
        self._backoff.attempt(self._probe)

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The server's chunk. Raises WamError naming server and field; later calls wait then."""
        return self._backoff.attempt(lambda: self._ask(observation, request.task))

    def _probe(self) -> None:
        status, reply = self._client.exchange('GET')
        # 405: there is a resource, and it takes POST. That is what the official server says.
        if status not in (200, 405):
            raise WamError(f'{self._server}: HTTP status {status}: {quoted(reply)}')
        if status == 200:
            stated = json_arrays.loads(reply, f'{self._server}: statement')
            check_statement(stated, self._spec, self._server)

    def _ask(self, observation: Observation, task: str) -> Prediction:
        start = time.perf_counter()
        body = self._body(observation, task)
        encoded = time.perf_counter()
        status, reply = self._client.exchange('POST', body)
        received = time.perf_counter()
        if status != 200:
            raise WamError(f'{self._server}: HTTP status {status}: {quoted(reply)}')
        prediction = self._reader.read(self._content(reply))
        stage_ms = {
            'encode': 1e3 * (encoded - start),
            'server': 1e3 * (received - encoded),
            'decode': 1e3 * (time.perf_counter() - received),
        }
        return replace(prediction, stage_ms=stage_ms)

    def _body(self, observation: Observation, task: str) -> bytes:
        fields: dict[str, object] = {
            key: observation.images[self._spec.cameras.index(camera)]
            for key, camera in self._cameras.items()
        }
        fields['proprio'] = to_scale(observation.position, self._gripper.state)
        fields['task_description'] = task
        fields['return_all_query_results'] = self._request.all_results
        text = json_arrays.dumps(fields)
        if self._request.form == 'encoded':
            text = json.dumps({'encoded': text})
        return text.encode()

    def _content(self, reply: bytes) -> Any:
        content = json_arrays.loads(reply, f'{self._server}: reply')
        # The encoded form is JSON in a text; so is a failure, which is the text `error`.
        if isinstance(content, str) and content != 'error':
            return json_arrays.loads(content, f'{self._server}: reply')
        return content


def _cameras(cameras: Mapping[str, object], spec: PolicySpec) -> dict[str, str]:
    """Key of the request -> camera; each camera of the spec once."""
    if set(cameras.values()) != set(spec.cameras) or len(cameras) != len(spec.cameras):
        raise WamError(
            f'policy {spec.name!r}: options: cameras = {dict(cameras)}, expected a key of the '
            f'request for each of {list(spec.cameras)}'
        )
    return {str(key): str(camera) for key, camera in cameras.items()}
