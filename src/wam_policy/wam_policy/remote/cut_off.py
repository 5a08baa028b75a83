"""A bound on everything that happens on a connection, not on each read of it."""

import socket
import threading
from types import TracebackType


class CutOff:
    """Context that ends a connection after ``seconds``: reads and writes under way then fail.

    ``expired`` says whether that was why. A timeout of the socket starts anew with each byte, so
    that a slow peer could hold a call for ever.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self.expired = False

    def __enter__(self) -> 'CutOff':
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.expired = True
        try:
            # The plain socket's: that of an SSL socket isn't made for a second thread.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
        except OSError:
            return  # closed already
