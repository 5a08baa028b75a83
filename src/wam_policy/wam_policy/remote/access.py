"""Who may talk to a server, and where it listens."""

import errno
import hmac
import ipaddress
import socket
from typing import Final

from wam_core.errors import WamError

PORTS: Final = {'cosmos': 8777, 'openpi': 8000}  # by protocol; of the official servers
# Schemes of the header Authorization: ours and that of openpi-client.
_SCHEMES: Final = ('bearer', 'api-key')
_BACKLOG: Final = 16  # connections that nobody has accepted yet


def is_loopback(host: str) -> bool:
    """Whether only processes of this machine reach that address. Host names but localhost: no."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reserve(host: str, port: int, token: str) -> socket.socket:
    """A socket that has the address, for nobody else to take; port 0: any free one.

    It does not listen yet: clients are refused, and know at once that they have to come again.
    Raises WamError for an address of other machines' without a token, and for one that is not to
    be had.
    """
    if not token and not is_loopback(host):
        raise WamError(
            f'host {host!r} can be reached from other machines, and there is no token: add '
            '--token-file, or use --host 127.0.0.1 behind an SSH tunnel'
        )
    try:
        return _bound(host, port, shared=False)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise _taken(host, port, error) from error
    except OverflowError as error:
        raise _taken(host, port, error) from error
    try:
        # In use by the last connections of an earlier server, perhaps, which keep nobody out.
        return _bound(host, port, shared=True)
    except OSError as error:
        raise _taken(host, port, error) from error


def listen(reserved: socket.socket) -> None:
    """Lets clients in. Raises WamError if somebody else listens there now."""
    host, port = reserved.getsockname()[:2]
    try:
        # Not before: two sockets with this option may have one address until one of them listens.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.listen(_BACKLOG)
    except OSError as error:
        raise _taken(host, port, error) from error


def _bound(host: str, port: int, shared: bool) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    try:
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(shared))
        made.bind((host, port))
    except (OSError, OverflowError):
        made.close()
        raise
    return made


def _taken(host: str, port: int, error: Exception) -> WamError:
    return WamError(
        f'cannot listen on {host} port {port}: {error}; see --host and --port, 0: any free port'
    )


def refusal(authorization: str | None, origin: str | None, token: str) -> tuple[int, str] | None:
    """HTTP status and text for a request that may not come in; None: it may.

    authorization, origin: the headers. Web pages, which send an origin, have no business here: in
    a browser on this machine they would get past the loopback address.
    """
    if origin is not None:
        return 403, 'web pages may not use this server (header Origin)'
    if not token:
        return None
    scheme, _, given = (authorization or '').partition(' ')
    known = scheme.lower() in _SCHEMES
    if known and hmac.compare_digest(given.strip().encode(), token.encode()):
        return None
    return 401, 'this server wants its token in the header `Authorization: Bearer <token>`'
