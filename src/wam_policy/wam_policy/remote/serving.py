"""Runs the servers of both protocols, each on a thread of its own."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import uvicorn
from websockets.asyncio.server import serve

from wam_core.errors import WamError
from wam_policy.policy import PolicySpec
from wam_policy.remote.access import PORTS, listen
from wam_policy.remote.cosmos_server import CosmosProtocol, application, check_cameras
from wam_policy.remote.openpi_server import MESSAGE_LIMIT, OpenpiProtocol
from wam_policy.remote.service import Service

_CONNECTIONS: Final = 32
_GOODBYE_S: Final = 10  # for replies under way when the server is stopped


class Server(Protocol):
    """A server that was started."""

    url: str  # where clients find it

    def wait(self) -> None:
        """Returns when the server has ended; a signal's exception passes."""

    def stop(self) -> None:
        """Ends the server: no new requests, those under way are answered. Returns when it has."""


def start(
    protocol: str, service: Service, reserved: socket.socket, token: str, future_images: bool
) -> Server:
    """Serves on a reserved socket: it listens from here on.

    Raises WamError for what ``check`` refuses, and for an address that is taken after all.
    """
    check(protocol, service.spec)
    listen(reserved)
    if protocol == 'cosmos':
        return _CosmosServer(CosmosProtocol(service, future_images), reserved, token)
    return _OpenpiServer(OpenpiProtocol(service, token), reserved)


def check(protocol: str, spec: PolicySpec) -> None:
    """Raises WamError for a protocol that there isn't, and a policy that it can't serve.

    A policy's file has all that this needs: nobody should wait for minutes of loading to read it.
    """
    if protocol not in PORTS:
        raise WamError(f'protocol {protocol!r}, expected one of {sorted(PORTS)}')
    if spec.privileged:
        raise WamError(
            f'policy {spec.name!r} needs the object poses of a simulator (privileged), '
            'which no client can send'
        )
    if protocol == 'cosmos':
        check_cameras(spec)


class _Background:
    """A daemon thread that can be waited for, and stopped after that was interrupted."""

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._ended = threading.Event()
        self._run = run
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        # Not by join: Python 3.10 to 3.12 take a thread whose join is interrupted for ended.
        self._ended.wait()

    def _work(self) -> None:
        try:
            self._run()
        finally:
            self._ended.set()


class _CosmosServer:
    def __init__(self, protocol: CosmosProtocol, listener: socket.socket, token: str) -> None:
        self.url = f'http://{_address(listener)}/act'
        config = uvicorn.Config(
            application(protocol, token),
            log_config=None,
            access_log=False,
            lifespan='off',
            ws='none',
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_GOODBYE_S,
        )
        self._server = uvicorn.Server(config)
        # Not on the main thread: there uvicorn takes the signals, which are the command's.
        self._background = _Background('cosmos', partial(self._server.run, [listener]))

    def wait(self) -> None:
        self._background.wait()

    def stop(self) -> None:
        self._server.should_exit = True
        self._background.wait()


class _OpenpiServer:
    def __init__(self, protocol: OpenpiProtocol, listener: socket.socket) -> None:
        self.url = f'ws://{_address(listener)}'
        self._protocol, self._listener = protocol, listener
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._background = _Background('openpi', self._run)

    def wait(self) -> None:
        self._background.wait()

    def stop(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._background.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with serve(
            self._protocol.converse,
            sock=self._listener,
            process_request=self._protocol.admit,
            compression=None,
            max_size=MESSAGE_LIMIT,
            max_queue=2,
            logger=logging.getLogger(f'{__name__}.websockets'),
        ):
            await self._stopping.wait()
            await self._protocol.finish(_GOODBYE_S)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
