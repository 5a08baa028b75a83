"""Requests to one HTTP address over one kept connection."""

import http.client
import ssl
from typing import Final
from urllib.parse import urlsplit

from wam_core.errors import WamError
from wam_policy.remote.cut_off import CutOff
from wam_policy.remote.failures import unreachable
from wam_policy.remote.options import ServerOptions

_SCHEMES: Final = {'http': 80, 'https': 443}
_QUOTED: Final = 300  # characters of a reply that an error repeats


class HttpClient:
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
            raise WamError(
                f'server url {options.url!r}, expected http://<host>:<port>/<path> or https://...'
            )
        self._host, self._port = parts.hostname, port or _SCHEMES[parts.scheme]
        self._tls = parts.scheme == 'https'
        self._path = (parts.path or '/') + (f'?{parts.query}' if parts.query else '')
        self._options = options
        self._headers = {'Authorization': f'Bearer {token}'} if token else {}
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Drops the connection; the next request makes one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def exchange(self, method: str, body: bytes = b'') -> tuple[int, bytes]:
        """(status, reply). Raises WamError naming the server; the connection is dropped then."""
        if self._connection is not None:
            try:
                return self._exchange(method, body)
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()  # since the last reply: servers close idle ones
        try:
            return self._exchange(method, body)
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            raise WamError(f'server {self.url}: {_text(error)}') from error

    def _exchange(self, method: str, body: bytes) -> tuple[int, bytes]:
        connection = self._connected()
        seconds = self._options.reply_timeout_s
        limit = self._options.reply_limit_mb * 1_000_000
        with CutOff(connection.sock, seconds) as cut:
            try:
                headers = {**self._headers, 'Content-Type': 'application/json'}
                connection.request(method, self._path, body or None, headers if body else
                                   self._headers)  # fmt: skip
                response = connection.getresponse()
                data = response.read(limit + 1)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if cut.expired or isinstance(error, TimeoutError):
                    raise WamError(self._late()) from error
                if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                    raise
                raise WamError(f'server {self.url}: {_text(error)}') from error
        if cut.expired:
            self.close()
            raise WamError(self._late())
        if len(data) > limit:
            self.close()
            raise WamError(
                f'server {self.url}: the reply is larger than {limit // 1_000_000} MB '
                '(key `reply_limit_mb` of the policy file)'
            )
        if response.length:  # bytes that were announced and did not come
            self.close()
            raise WamError(f'server {self.url}: the reply ended {response.length} bytes too early')
        if response.will_close:
            self.close()
        return response.status, data

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            seconds = self._options.connect_timeout_s
            made: http.client.HTTPConnection
            if self._tls:
                made = http.client.HTTPSConnection(
                    self._host, self._port, timeout=seconds, context=ssl.create_default_context()
                )
            else:
                made = http.client.HTTPConnection(self._host, self._port, timeout=seconds)
            try:
                made.connect()
            except (OSError, http.client.HTTPException) as error:
                made.close()
                raise unreachable(self.url, error) from error
            made.sock.settimeout(self._options.reply_timeout_s)
            self._connection = made
        return self._connection

    def _late(self) -> str:
        return (
            f'server {self.url}: no reply within {self._options.reply_timeout_s:g} s '
            '(key `reply_timeout_s` of the policy file)'
        )


def quoted(data: bytes) -> str:
    """The start of a reply, for an error."""
    text = data[:_QUOTED].decode('utf-8', 'replace')
    return ''.join(sign if sign.isprintable() else ' ' for sign in text).strip()


def _text(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'
