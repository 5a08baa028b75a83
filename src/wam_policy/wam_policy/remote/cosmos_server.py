"""Serves a policy as Cosmos Policy's server does: ``POST /act``.

The protocol: cosmos-policy, ``experiments/robot/aloha/deploy.py``. Failures have an HTTP status
and a text here; there they are the text "error" with status 200.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wam_core.errors import WamError
from wam_core.joints import DIM
from wam_core.policy import Candidate, Image, Prediction
from wam_policy.policy import PolicySpec
from wam_policy.remote import json_arrays
from wam_policy.remote.access import refusal
from wam_policy.remote.arrays import image, numbers
from wam_policy.remote.cosmos_http import CAMERAS
from wam_policy.remote.cosmos_reply import FUTURE_IMAGES
from wam_policy.remote.service import BusyError, FaultError, Query, Service
from wam_policy.remote.statement import statement

BODY_LIMIT: Final = 64_000_000  # bytes: three images of 640x480 as lists of numbers are 12 MB
_BODY_S: Final = 30.0  # for the arrival of a request
_TASK_LENGTH: Final = 2000


def check_cameras(spec: PolicySpec) -> None:
    """Raises WamError for a policy with cameras that the protocol has no key for."""
    unknown = sorted(set(spec.cameras) - set(CAMERAS.values()))
    if unknown:
        raise WamError(
            f'policy {spec.name!r} needs camera {unknown[0]!r}, the protocol has '
            f'{sorted(CAMERAS.values())}'
        )


class CosmosProtocol:
    """Requests and replies as JSON text. future_images: whether to decode them for each reply."""

    def __init__(self, service: Service, future_images: bool = True) -> None:
        self._service = service
        self._keys = {
            key: camera for key, camera in CAMERAS.items() if camera in service.spec.cameras
        }
        self._future_images = future_images
        self.statement = statement(service.spec)

    async def answer(self, body: bytes) -> str:
        """The reply to a request's body. Raises WamError and what ``Service.run`` raises."""
        return await self._service.run(partial(self._answer, body))

    def _answer(self, body: bytes) -> str:
        fields = json_arrays.loads(body, 'request')
        encoded = isinstance(fields, dict) and fields.keys() == {'encoded'}
        if encoded:
            if not isinstance(fields['encoded'], str):
                raise WamError('encoded is no text, expected JSON in a text')
            fields = json_arrays.loads(fields['encoded'], 'encoded')
        if not isinstance(fields, dict):
            raise WamError(f'request is {type(fields).__name__}, expected a mapping')
        everything = fields.get('return_all_query_results', False)
        if not isinstance(everything, bool):
            raise WamError('return_all_query_results: expected true or false')
        prediction = self._service.predict(self._query(fields))
        reply = json_arrays.dumps(self._reply(prediction, everything))
        return json.dumps(reply) if encoded else reply

    def _query(self, fields: Mapping[str, Any]) -> Query:
        missing = sorted({*self._keys, 'proprio', 'task_description'} - fields.keys())
        if missing:
            raise WamError(
                f'request has no key {missing[0]!r}, expected '
                f'{sorted([*self._keys, "proprio", "task_description"])}'
            )
        task = fields['task_description']
        if not isinstance(task, str) or len(task) > _TASK_LENGTH:
            raise WamError(f'task_description: expected text of at most {_TASK_LENGTH} characters')
        return Query(
            images={camera: image(fields[key], key) for key, camera in self._keys.items()},
            state=numbers(fields['proprio'], (DIM,), 'proprio'),
            task=task,
        )

    def _reply(self, prediction: Prediction, everything: bool) -> dict[str, object]:
        views: list[dict[str, Image] | None] = [None] * max(1, len(prediction.candidates))
        if self._future_images and prediction.decode_images is not None:
            views = [self._views(pictures) for pictures in prediction.decode_images()]
        reply: dict[str, object] = {
            'actions': list(prediction.actions),
            'future_image_predictions': views[prediction.chosen],
            'value_prediction': prediction.value,
            # The official client reads this key, which its own server does not send.
            'value_predictions': prediction.value,
        }
        if prediction.note:
            reply['note'] = prediction.note
        if everything:
            compared = prediction.candidates or (Candidate(prediction.actions, prediction.value),)
            reply['all_actions'] = [list(item.actions) for item in compared]
            reply['all_value_predictions'] = [item.value for item in compared]
            reply['all_future_image_predictions'] = views
        return reply

    def _views(self, pictures: Image) -> dict[str, Image]:
        """(N, H, W, 3) in the spec's order -> by the protocol's keys."""
        cameras = self._service.spec.cameras
        return {
            future: pictures[cameras.index(self._keys[key])]
            for future, key in FUTURE_IMAGES.items()
            if key in self._keys
        }


def application(protocol: CosmosProtocol, token: str) -> Starlette:
    """The ASGI application: POST and GET /act, GET /healthz. token: '' lets everybody in."""

    async def act(request: Request) -> Response:
        if request.method == 'GET':  # the official server has nothing here
            return JSONResponse(protocol.statement)
        body = await asyncio.wait_for(_body(request), _BODY_S)
        return Response(await protocol.answer(body), media_type='application/json')

    async def healthz(request: Request) -> Response:
        return Response('OK\n', media_type='text/plain')

    return Starlette(
        routes=[
            Route('/act', _guarded(act, token), methods=['GET', 'POST']),
            Route('/healthz', healthz, methods=['GET']),
        ]
    )


Endpoint = Callable[[Request], Awaitable[Response]]


def _guarded(endpoint: Endpoint, token: str) -> Endpoint:
    """The endpoint behind the token, its errors as replies."""

    async def guarded(request: Request) -> Response:
        refused = refusal(
            request.headers.get('authorization'), request.headers.get('origin'), token
        )
        try:
            if refused is not None:
                # Read nevertheless: a client that is still sending would see a broken connection.
                await asyncio.wait_for(_body(request, keep=False), _BODY_S)
                return _error(*refused)
            return await endpoint(request)
        except BusyError as error:
            return _error(503, str(error), {'Retry-After': '1'})
        except FaultError as error:
            return _error(500, str(error))
        except WamError as error:
            return _error(400, str(error))
        except (ClientDisconnect, asyncio.TimeoutError):
            return _error(408, f'the request did not arrive within {_BODY_S:g} s')

    return guarded


def _error(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({'error': text}, status, headers)


async def _body(request: Request, keep: bool = True) -> bytes:
    body = bytearray()
    size = 0
    async for part in request.stream():
        size += len(part)
        if keep:
            body += part
        if size > BODY_LIMIT:
            raise WamError(f'request is larger than {BODY_LIMIT // 1_000_000} MB')
    return bytes(body)
