"""Matches frames by capture stamp, as a ``message_filters`` filter."""

from collections.abc import Mapping
from typing import Any

from message_filters import SimpleFilter

from wam_core.frame_matching import FrameMatcher
from wam_nodes.conversions import nanoseconds


class FrameSetFilter(SimpleFilter):
    """One message per camera, matched: calls ``callback(message, …)`` in the order of ``inputs``.

    Takes the place of ``ApproximateTimeSynchronizer`` and composes as that does: inputs may be any
    filters of messages with a header, and other filters may be fed from this one.
    """

    def __init__(self, inputs: Mapping[str, Any], matcher: FrameMatcher[Any]) -> None:
        """inputs: camera name -> filter; the names are those of the matcher."""
        super().__init__()
        self.matcher = matcher
        for camera, source in inputs.items():
            source.registerCallback(self._add, camera)

    def _add(self, message: Any, camera: str) -> None:
        for matched in self.matcher.add(camera, nanoseconds(message.header.stamp), message):
            self.signalMessage(*matched.frames)
