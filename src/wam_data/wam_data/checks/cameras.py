"""Pictures: whether they decode, show something, and change while the arms move."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.joints import SIDE_SLICES
from wam_data.checks.finding import Findings
from wam_data.checks.joints import Joints
from wam_data.checks.thresholds import Thresholds
from wam_data.frames import COMPRESSED, IMAGE, decode
from wam_data.reader import Message

_LOOK_NS: Final = 1_000_000_000  # between two frames that are decoded: all would take too long
_FLAT: Final = 1.0  # standard deviation of grey levels below which a picture shows nothing
_JPEG: Final = (b'\xff\xd8', b'\xff\xd9')  # its first and its last two bytes (ISO 10918-1)


@dataclass
class _Camera:
    data: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    since_ns: int = 0  # stamp from which the picture is the same
    newest_ns: int = 0
    looked_ns: int = 0
    still: list[tuple[int, int]] = field(default_factory=list)
    broken: int = 0
    flat: int = 0
    fault: str = ''


class Cameras:
    """Follows every camera through an episode."""

    def __init__(self, bounds: Thresholds) -> None:
        self._bounds = bounds
        self._cameras: dict[str, _Camera] = {}

    def observe(self, message: Message, fields: Any) -> None:
        """Each message once, in order; those of other types are passed over."""
        if message.type not in (IMAGE, COMPRESSED):
            return
        camera = self._cameras.setdefault(message.topic, _Camera())
        data, stamp = np.asarray(fields.data), message.publish_time_ns
        if not np.array_equal(data, camera.data):
            self._end(camera)
            camera.data, camera.since_ns = data, stamp
        camera.newest_ns = stamp
        if message.type == COMPRESSED and 'jpeg' in fields.format and not _whole(data):
            camera.broken += 1
        elif stamp - camera.looked_ns >= _LOOK_NS:
            camera.looked_ns = stamp
            self._look(camera, message)

    def _end(self, camera: _Camera) -> None:
        """Of a run of equal pictures."""
        if camera.newest_ns - camera.since_ns > self._bounds.freeze * 1e9:
            camera.still.append((camera.since_ns, camera.newest_ns))

    def _look(self, camera: _Camera, message: Message) -> None:
        try:
            camera.flat += bool(decode(message, half=True).std() < _FLAT)
        except WamError as error:
            camera.broken += 1
            camera.fault = camera.fault or str(error)

    def findings(self, joints: Joints) -> Findings:
        """joints: what the arms did meanwhile."""
        found = Findings()
        for topic, camera in self._cameras.items():
            self._end(camera)
            if camera.broken:
                why = f': {camera.fault}' if camera.fault else ''
                found.problems.append(f'topic {topic}: {camera.broken} broken pictures{why}')
            if camera.flat:
                found.flaws.append(
                    f'topic {topic}: {camera.flat} of the pictures looked at, one per second, '
                    'are of one colour'
                )
            self._frozen(topic, camera, joints, found)
        return found

    def _frozen(self, topic: str, camera: _Camera, joints: Joints, found: Findings) -> None:
        columns = _seen(topic)
        frozen: list[tuple[float, float]] = []
        still: list[tuple[float, float]] = []
        for start, stop in camera.still:
            moved = joints.moved(start, stop, columns)
            run = ((stop - start) / 1e9, moved)
            (frozen if moved > self._bounds.moved else still).append(run)
        if frozen:
            seconds, moved = max(frozen)
            found.flaws.append(
                f'topic {topic}: the picture froze {len(frozen)} times, once for {seconds:.3g} s '
                f'in which a joint moved by {moved:.2g} rad'
            )
        if still:
            found.notes.append(
                f'topic {topic}: the picture was the same for up to {max(still)[0]:.3g} s '
                'while the arms stood still'
            )


def _whole(data: NDArray[np.uint8]) -> bool:
    return data.size > 4 and (data[:2].tobytes(), data[-2:].tobytes()) == _JPEG


def _seen(topic: str) -> slice:
    """Joints that must show: a wrist camera need not see the other arm."""
    for side, columns in SIDE_SLICES.items():
        if side in topic:
            return columns
    return slice(None)
