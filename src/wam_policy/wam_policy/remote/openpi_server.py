"""Serves a policy by the openpi protocol: MessagePack over a websocket, GET /healthz.

The protocol: openpi, ``serving/websocket_policy_server.py`` and openpi-client 0.1.2. After an
error the connection stays; there it is closed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from wam_core.errors import WamError
from wam_core.joints import DIM
from wam_core.policy import Image, Prediction
from wam_policy.remote.access import refusal
from wam_policy.remote.arrays import image, numbers
from wam_policy.remote.msgpack_arrays import packb, unpackb
from wam_policy.remote.service import Query, Service
from wam_policy.remote.statement import statement

MESSAGE_LIMIT: Final = 64_000_000  # bytes
CONNECTIONS: Final = 32
_TASK_LENGTH: Final = 2000


class OpenpiProtocol:
    """Requests with the keys of openpi's ALOHA policies: images.<camera>, state, prompt."""

    def __init__(self, service: Service, token: str = '') -> None:
        self._service = service
        self._token = token
        self._connections = 0
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = False

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None opens the websocket; a response answers instead. For websockets' serve."""
        if request.path == '/healthz':
            return connection.respond(200, 'OK\n')
        refused = refusal(
            request.headers.get('Authorization'), request.headers.get('Origin'), self._token
        )
        if refused is None and self._connections >= CONNECTIONS:
            refused = (503, f'busy: {CONNECTIONS} clients are connected')
        if refused is None and self._ending:
            refused = (503, 'the server is being stopped')
        if refused is not None:
            status, text = refused
            return connection.respond(status, f'{text}\n')
        return None

    async def converse(self, connection: ServerConnection) -> None:
        """Metadata, then a reply to each message until the client leaves; errors are text."""
        self._connections += 1
        try:
            await connection.send(packb(statement(self._service.spec)))
            previous_ms: float | None = None
            async for message in connection:
                start = time.perf_counter()
                job = partial(self._answer, message, connection, previous_ms)
                self._answering += 1
                self._idle.clear()
                try:
                    await connection.send(await self._outcome(job))
                finally:
                    self._answering -= 1
                    if not self._answering:
                        self._idle.set()
                previous_ms = 1e3 * (time.perf_counter() - start)
        except ConnectionClosed:
            return
        finally:
            self._connections -= 1

    async def finish(self, seconds: float) -> None:
        """Takes no more requests; returns once none is being answered, or after that long."""
        self._ending = True
        waiting = asyncio.ensure_future(self._idle.wait())
        await asyncio.wait({waiting}, timeout=seconds)
        waiting.cancel()

    async def _outcome(self, job: Callable[[], bytes]) -> str | bytes:
        try:
            if self._ending:
                raise WamError('the server is being stopped')
            return await self._service.run(job)
        except WamError as error:
            return str(error)

    def _answer(
        self, message: str | bytes, episode: ServerConnection, previous_ms: float | None
    ) -> bytes:
        if isinstance(message, str):
            raise WamError('request is text, expected MessagePack in a binary message')
        fields = unpackb(message, 'request')
        if not isinstance(fields, dict):
            raise WamError(f'request is {type(fields).__name__}, expected a mapping')
        query = self._query(fields, episode)
        start = time.perf_counter()
        prediction = self._service.predict(query)
        timing = {'infer_ms': 1e3 * (time.perf_counter() - start)}
        if previous_ms is not None:
            timing['prev_total_ms'] = previous_ms
        return packb(_reply(prediction, timing))

    def _query(self, fields: Mapping[Any, Any], episode: object) -> Query:
        missing = sorted({'images', 'state', 'prompt'} - fields.keys())
        if missing:
            raise WamError(
                f"request has no key {missing[0]!r}, expected ['images', 'prompt', 'state']"
            )
        images, task = fields['images'], fields['prompt']
        if not isinstance(images, dict):
            raise WamError(f'images is {type(images).__name__}, expected a mapping by camera')
        cameras = self._service.spec.cameras
        lacking = [camera for camera in cameras if camera not in images]
        if lacking:
            raise WamError(
                f'images has no camera {lacking[0]!r} (of {list(cameras)}), but '
                f'{sorted(map(str, images))[:10]}'
            )
        if not isinstance(task, str) or len(task) > _TASK_LENGTH:
            raise WamError(f'prompt: expected text of at most {_TASK_LENGTH} characters')
        return Query(
            images={camera: _picture(images[camera], f'images.{camera}') for camera in cameras},
            state=numbers(fields['state'], (DIM,), 'state'),
            task=task,
            episode=episode,
        )


def _picture(value: object, where: str) -> Image:
    """(height, width, 3), of that or of (3, height, width), which openpi's examples send."""
    if isinstance(value, np.ndarray) and value.ndim == 3 and value.shape[2] != 3:
        value = value.transpose(1, 2, 0)
    return image(value, where)


def _reply(prediction: Prediction, timing: Mapping[str, float]) -> dict[str, object]:
    """Actions are the only array: openpi-client's chunk broker takes each array's row k."""
    reply: dict[str, object] = {
        'actions': np.asarray(prediction.actions),
        'server_timing': dict(timing),
        'policy_timing': {f'{name}_ms': float(ms) for name, ms in prediction.stage_ms.items()},
    }
    if prediction.value is not None:
        reply['value'] = float(prediction.value)
    if prediction.note:
        reply['note'] = prediction.note
    return reply
