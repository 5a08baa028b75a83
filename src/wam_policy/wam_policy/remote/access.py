"""Who may talk to a server, and where it listens."""

import hmac
import ipaddress
import socket
from typing import Final

from wam_core.errors import WamError

PORTS: Final = {'cosmos': 8777, 'openpi': 8000}  # by protocol; of the official servers
# Schemes of the header Authorization: ours and that of openpi-client.
_SCHEMES: Final = ('bearer', 'api-key')


def is_loopback(host: str) -> bool:
    """Whether only processes of this machine reach that address. Host names but localhost: no."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, token: str) -> socket.socket:
    """A listening socket; port 0: any free one.

    Raises WamError for an address of other machines' without a token, and for one that is not to
    be had.
    """
    if not token and not is_loopback(host):
        raise WamError(
            f'host {host!r} can be reached from other machines, and there is no token: add '
            '--token-file, or use --host 127.0.0.1 behind an SSH tunnel'
        )
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=16)
    except (OSError, OverflowError) as error:
        raise WamError(f'cannot listen on {host} port {port}: {error}') from error


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
