"""What both clients say about a server that cannot be reached."""

from wam_core.errors import WamError


def unreachable(url: str, error: Exception) -> WamError:
    """There is no connection. Servers of ours refuse them until their policy is loaded."""
    reason = f'{type(error).__name__}: {error}'
    if isinstance(error, ConnectionRefusedError):
        reason += ': nothing listens there; a server may still be loading its policy'
    return WamError(f'server {url}: no connection: {reason}')
