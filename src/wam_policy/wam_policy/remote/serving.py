"""Runs the servers of both protocols, each on a thread of its own."""

import asyncio
import logging
import socket
import threading
from typing import Final, Protocol

import uvicorn
from websockets.asyncio.server import serve

from wam_core.errors import WamError
from wam_policy.remote.access import PORTS
from wam_policy.remote.cosmos_server import CosmosProtocol, application
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
    protocol: str, service: Service, listener: socket.socket, token: str, future_images: bool
) -> Server:
    """Serves on a listening socket. Raises WamError for an unknown protocol and a bad policy."""
    if protocol == 'cosmos':
        return _CosmosServer(CosmosProtocol(service, future_images), listener, token)
    if protocol == 'openpi':
        return _OpenpiServer(OpenpiProtocol(service, token), listener)
    raise WamError(f'protocol {protocol!r}, expected one of {sorted(PORTS)}')


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
        self._thread = threading.Thread(
            target=self._server.run, kwargs={'sockets': [listener]}, name='cosmos', daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        self._thread.join()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


class _OpenpiServer:
    def __init__(self, protocol: OpenpiProtocol, listener: socket.socket) -> None:
        self.url = f'ws://{_address(listener)}'
        self._protocol, self._listener = protocol, listener
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name='openpi', daemon=True)
        self._thread.start()

    def wait(self) -> None:
        self._thread.join()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

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
            await self._ended.wait()
            await self._protocol.finish(_GOODBYE_S)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
