"""Tells a camera that stalled from images that wait in a queue of ours."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

# Between two checks the executor takes an image from each queue that has one, so a camera that
# brings none has an empty queue. One check more for what the middleware still had to deliver.
_QUIET_CHECKS: Final = 2


@dataclass
class _Quiet:
    """Checks in a row at which the camera was overdue, and its images as of the first."""

    received: int
    checks: int = 0


class StallWatch:
    """Judges overdue cameras at regular checks: with no image between them, a camera stalled.

    A process that got no processor finds its newest image old because it has not taken the newer
    ones yet. So being overdue is a suspicion only, and one that a check which comes late itself
    starts again. late_ns: time between two checks from which on the second is late.
    """

    def __init__(self, late_ns: int) -> None:
        self._late_ns = late_ns
        self._checked_ns: int | None = None
        self._quiet: dict[str, _Quiet] = {}
        self._stalled: set[str] = set()

    def check(
        self, overdue: Collection[str], received: Mapping[str, int], now_ns: int
    ) -> tuple[str, ...]:
        """The cameras that have stalled, in the order of ``overdue``.

        received: camera -> images so far. now_ns: monotonic. A camera that stalled stays so until
        it is no longer overdue: late images alone are no all-clear.
        """
        if self._checked_ns is None or now_ns - self._checked_ns > self._late_ns:
            self._quiet.clear()
        self._checked_ns = now_ns
        quiet = {camera: self._next(camera, received[camera]) for camera in overdue}
        self._quiet = quiet
        self._stalled.intersection_update(overdue)
        self._stalled.update(camera for camera in overdue if quiet[camera].checks >= _QUIET_CHECKS)
        return tuple(camera for camera in overdue if camera in self._stalled)

    def _next(self, camera: str, received: int) -> _Quiet:
        before = self._quiet.get(camera)
        if before is None or before.received != received:
            return _Quiet(received)
        return _Quiet(received, before.checks + 1)
