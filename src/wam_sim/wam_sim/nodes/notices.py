"""Which notices of an arm are logged: one of each kind a second."""

import re
from typing import Final

_NUMBER: Final = re.compile(r'-?\d+(\.\d+)?')
_PERIOD_NS: Final = 1_000_000_000


class Throttle:
    """Texts that differ only in their numbers are of one kind: a refused goal comes 50 Hz."""

    def __init__(self) -> None:
        self._last_ns: dict[str, int] = {}

    def passes(self, text: str, now_ns: int) -> bool:
        """Whether nothing of this kind has passed within a second."""
        kind = _NUMBER.sub('#', text)
        if now_ns - self._last_ns.get(kind, -_PERIOD_NS) < _PERIOD_NS:
            return False
        self._last_ns[kind] = now_ns
        return True
