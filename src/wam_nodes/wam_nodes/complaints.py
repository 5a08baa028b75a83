"""What the nodes complain of on /diagnostics right now, for a rollout that ends for it."""

import time
from collections.abc import Callable
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticStatus

_CURRENT_S: Final = 3.0  # wall time; each node reports once per second


class Complaints:
    """Keeps the newest report of each node. clock: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest: dict[str, tuple[float, str]] = {}

    def add(self, message: Any) -> None:
        """Takes a DiagnosticArray."""
        for status in message.status:
            if status.level == DiagnosticStatus.OK:
                self._newest.pop(status.name, None)
            else:
                self._newest[status.name] = (self._clock(), status.message)

    def text(self) -> str:
        """'camera_sync: stalled: ...; executor: ...'; empty: nobody complains."""
        since = self._clock() - _CURRENT_S
        return '; '.join(
            f'{name}: {text}' for name, (heard, text) in self._newest.items() if heard >= since
        )
