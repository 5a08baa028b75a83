"""Episodes to export in a bench: ``python -m …export_episodes ROOT COUNT SECONDS``.

A rig's streams at their rates, without a rig. Prints one path a line.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message
from wam_msgs.msg import AppliedAction, Proprioception

from wam_core.joints import DIM
from wam_data.cdr import compressed_image
from wam_data.frames import COMPRESSED
from wam_data.identity import Identity
from wam_data.manifest import EpisodeManifest, Outcome
from wam_data.writer import EpisodeWriter, Topic, close_episode

CAMERAS: Final = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
HEIGHT: Final = 480
WIDTH: Final = 640
_CAMERA_HZ: Final = 30
_STATE_HZ: Final = 100
_TICK_HZ: Final = 25
_QUALITY: Final = 95
_SECOND_NS: Final = 1_000_000_000
_PICTURES: Final = 2 * _CAMERA_HZ  # different ones per camera; then they come again


def make_episodes(root: Path, count: int, seconds: float) -> list[Path]:
    """Writes so many episodes of three cameras at 30 Hz. Raises OSError."""
    pictures = {camera: list(_jpegs(number)) for number, camera in enumerate(CAMERAS)}
    return [_write(root, number, seconds, pictures) for number in range(count)]


def _jpegs(seed: int) -> Iterator[bytes]:
    """A textured picture that moves: as large as JPEGs of real cameras, and as slow to encode."""
    generator = np.random.default_rng(seed)
    coarse = generator.uniform(0, 255, (12, 32, 3)).astype(np.float32)
    canvas = cv2.resize(coarse, (2 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = generator.normal(0.0, 3.0, canvas.shape).astype(np.float32)
    wide = np.clip(np.asarray(canvas) + grain, 0, 255).astype(np.uint8)
    for number in range(_PICTURES):
        left = number * WIDTH // _PICTURES
        view = np.ascontiguousarray(wide[:, left : left + WIDTH])
        _, jpeg = cv2.imencode('.jpg', view, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        yield jpeg.tobytes()


def _write(root: Path, number: int, seconds: float, pictures: dict[str, list[bytes]]) -> Path:
    folder = root / 'bench' / f'20250101T000000Z-{number:04x}.partial'
    folder.mkdir(parents=True)
    identity = Identity('fold shirt', 'fold_shirt', kind='demonstration', rig='aloha')
    manifest = EpisodeManifest(identity, '2025-01-01T00:00:00.000+00:00', _SECOND_NS)
    topics = {camera: f'/{camera}/camera/color/image_rect_raw/compressed' for camera in CAMERAS}
    writer = EpisodeWriter(
        folder,
        manifest,
        [
            Topic('/proprioception', 'wam_msgs/msg/Proprioception'),
            Topic('/applied_action', 'wam_msgs/msg/AppliedAction'),
            *(Topic(topic, COMPRESSED) for topic in topics.values()),
        ],
    )
    messages = [
        *((at, '/proprioception', _state(at)) for at in _stamps(_STATE_HZ, seconds)),
        *((at, '/applied_action', _tick(at)) for at in _stamps(_TICK_HZ, seconds)),
    ]
    for camera, topic in topics.items():
        for order, at in enumerate(_stamps(_CAMERA_HZ, seconds)):
            data = pictures[camera][order % _PICTURES]
            form = 'rgb8; jpeg compressed bgr8'
            messages.append((at, topic, compressed_image(at, camera, form, data)))
    for at, topic, data in sorted(messages, key=lambda entry: entry[:2]):
        writer.write(topic, data, at)
    writer.finish()
    outcome = Outcome('success', 100.0, by='bench')
    return close_episode(
        folder,
        EpisodeManifest(
            identity,
            manifest.started_utc,
            _SECOND_NS,
            stopped_ns=_SECOND_NS + round(seconds * _SECOND_NS),
            topics=writer.counters.statistics(),
            outcome=outcome,
            complete=True,
        ),
    )


def _stamps(hertz: int, seconds: float) -> list[int]:
    count = round(seconds * hertz)
    return [_SECOND_NS + number * _SECOND_NS // hertz for number in range(count)]


def _pose(at: int) -> NDArray[np.float64]:
    return np.full(DIM, 0.5 + 0.4 * np.sin(at / _SECOND_NS))


def _state(at: int) -> bytes:
    return _bytes(Proprioception(position=_pose(at)), at)


def _tick(at: int) -> bytes:
    pose = _pose(at)
    return _bytes(AppliedAction(source='teleop', requested=pose, limited=pose), at)


def _bytes(message: Any, at: int) -> bytes:
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(at, _SECOND_NS)
    return bytes(serialize_message(message))


def main() -> int:
    """Makes them. A process of its own: what it needs is in no other's memory."""
    root, count, seconds = sys.argv[1:]
    for path in make_episodes(Path(root), int(count), float(seconds)):
        print(path, flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
