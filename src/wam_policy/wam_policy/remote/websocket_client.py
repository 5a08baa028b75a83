"""Messages to one websocket server of the openpi protocol over one kept connection."""

import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from wam_core.errors import WamError
from wam_policy.remote.cut_off import CutOff
from wam_policy.remote.failures import unreachable
from wam_policy.remote.msgpack_arrays import unpackb
from wam_policy.remote.options import ServerOptions

_SCHEMES: Final = {'ws': 80, 'wss': 443}
_QUOTED: Final = 500  # characters of the end of a server's error text
_CLOSE_S: Final = 1.0  # for the farewell


class WebsocketClient:
    """Bounded in time and size. Proxies of the environment and redirections are not followed."""

    def __init__(self, options: ServerOptions, token: str) -> None:
        """Raises WamError for a URL that isn't one. Connects with the first request."""
        self.url = options.url
        try:
            parts = urlsplit(options.url)
            port = parts.port
        except ValueError as error:
            raise WamError(f'server url {options.url!r}: {error}') from error
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.username is not None:
            raise WamError(f'server url {options.url!r}, expected ws://<host>:<port> or wss://...')
        self._address = (parts.hostname, port or _SCHEMES[parts.scheme])
        self._tls = parts.scheme == 'wss'
        self._options = options
        self._headers = {'Authorization': f'Api-Key {token}'} if token else {}
        self._connection: ClientConnection | None = None
        self.metadata: dict[Any, Any] = {}  # what the server said of itself

    def close(self) -> None:
        """Ends the connection; the next request makes one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with CutOff(connection.socket, _CLOSE_S):
                connection.close()

    def connect(self) -> ClientConnection:
        """A fresh connection, and the server's metadata. Raises WamError naming the server."""
        self.close()
        connection = self._connection = self._open()
        try:
            data = self._receive(connection, self._options.connect_timeout_s)
        except ConnectionClosed as error:
            raise self._closed(error) from error
        metadata = unpackb(data, f'server {self.url}: metadata')
        if not isinstance(metadata, dict):
            self.close()
            raise WamError(
                f'server {self.url}: metadata are {type(metadata).__name__}, expected a mapping: '
                'is this a server of the openpi protocol?'
            )
        self.metadata = metadata
        return connection

    def exchange(self, message: bytes) -> bytes:
        """The reply to a message. Raises WamError naming the server; drops the connection then."""
        if self._connection is not None:
            try:
                return self._exchange(self._connection, message)
            except ConnectionClosed:
                self._connection = None  # since the last reply: servers close idle ones
        connection = self.connect()
        try:
            return self._exchange(connection, message)
        except ConnectionClosed as error:
            raise self._closed(error) from error

    def _exchange(self, connection: ClientConnection, message: bytes) -> bytes:
        seconds = self._options.reply_timeout_s
        with CutOff(connection.socket, seconds) as cut:
            try:
                connection.send(message)
                return self._receive(connection, seconds)
            except ConnectionClosed as error:
                if cut.expired:
                    raise self._late(seconds) from error
                raise

    def _receive(self, connection: ClientConnection, seconds: float) -> bytes:
        try:
            reply = connection.recv(timeout=seconds)
        except TimeoutError as error:
            raise self._late(seconds) from error
        if isinstance(reply, bytes):
            return reply
        self.close()
        end = ' '.join(reply.split())[-_QUOTED:]
        raise WamError(f'server {self.url} answered with an error: {end}')

    def _late(self, seconds: float) -> WamError:
        # Without a farewell, which would be waited for as well: a late reply must not be taken
        # for that of the next request.
        connection, self._connection = self._connection, None
        if connection is not None:
            with CutOff(connection.socket, 0.0):
                connection.close()
        return WamError(
            f'server {self.url}: no reply within {seconds:g} s '
            '(keys `reply_timeout_s`, `connect_timeout_s` of the policy file)'
        )

    def _closed(self, error: ConnectionClosed) -> WamError:
        self._connection = None
        return WamError(f'server {self.url}: the connection was closed: {error}')

    def _open(self) -> ClientConnection:
        seconds = self._options.connect_timeout_s
        made: socket.socket | None = None
        try:
            made = socket.create_connection(self._address, timeout=seconds)
            opened = connect(
                self.url,
                sock=made,
                ssl=ssl.create_default_context() if self._tls else None,
                additional_headers=self._headers,
                compression=None,
                open_timeout=seconds,
                close_timeout=_CLOSE_S,
                ping_interval=None,  # openpi's server does not answer while it infers
                max_size=self._options.reply_limit_mb * 1_000_000,
            )
            # The connection itself up to websockets 16, something that makes it from 17 on.
            return opened.__enter__()
        except (OSError, InvalidHandshake, WebSocketException) as error:
            if made is not None:
                made.close()
            raise unreachable(self.url, error) from error
