"""Small episodes whose contents tell when they were measured, to see where an export puts them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from wam_msgs.msg import AppliedAction, Proprioception, TaskState

from wam_data.frames import COMPRESSED, IMAGE
from wam_data.identity import Identity
from wam_data.manifest import EpisodeManifest, Intervention, Outcome
from wam_data.writer import EpisodeWriter, Topic, close_episode

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
BITS = 8
SUCCESS = Outcome('success', 100.0, ('lifted',), by='sim')
FAILURE = Outcome('failure', 50.0, ('lifted',), by='sim')


@dataclass(frozen=True)
class Script:
    """What an episode of 0 to ``seconds`` consists of; times are in s from its beginning.

    cameras: name -> height and width. raw: frames as they come instead of JPEG. simulated: with a
    task state. active: when a source was followed. moved: own time of every stamp, e.g. a jitter;
    dropped: (stream, time) that is not recorded; stream: state, action, or a camera's name.
    broken: number of the frames that nobody can decode.
    """

    seconds: float = 0.6
    tick_hz: float = 25.0
    camera_hz: float = 30.0
    state_hz: float = 100.0
    cameras: dict[str, tuple[int, int]] = field(
        default_factory=lambda: dict.fromkeys(
            ('cam_high', 'cam_left_wrist', 'cam_right_wrist'), (32, 48)
        )
    )
    raw: bool = False
    simulated: bool = False
    active: tuple[float, float] = (0.0, 99.0)
    source: str = 'policy'
    moved: Callable[[str, float], float] = lambda stream, time: time
    dropped: Callable[[str, float], bool] = lambda stream, time: False
    broken: int = -1
    task: str = 'move the cube'
    rig: str = 'sim'
    kind: str = 'rollout'
    outcome: Outcome | None = SUCCESS
    interventions: tuple[Intervention, ...] = ()


def state_of(time: float) -> NDArray[np.float64]:
    """(14,) position that was measured then."""
    return time + 0.01 * np.arange(14)


def sent_at(time: float) -> NDArray[np.float64]:
    """(14,) command that went out then; what was requested is 1 more."""
    return -time - 0.01 * np.arange(14)


def number_of(pixels: NDArray[np.uint8]) -> int:
    """Of the frame that ``frame`` drew, whatever coding it went through; R, G, B."""
    height, width = pixels.shape[:2]
    edges = np.linspace(0, width, BITS + 1)
    middles = ((edges[1:] + edges[:-1]) / 2).astype(int)
    bits = pixels[height // 2, middles, 0] > 127
    return int(sum(1 << place for place, bit in enumerate(bits) if bit))


def frame(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """(height, width, 3) R, G, B: its number modulo 256 as stripes in red; green is dark."""
    edges = np.linspace(0, width, BITS + 1).astype(int)
    pixels = np.full((height, width, 3), (0, 20, 90), np.uint8)
    for place in range(BITS):
        if number >> place & 1:
            pixels[:, edges[place] : edges[place + 1], 0] = 255
    return pixels


def record(root: Path, number: int = 1, script: Script | None = None) -> Path:
    """Writes <root>/move-the-cube/20250101T000000Z-<number> and returns it."""
    script = script or Script()
    folder = root / 'move-the-cube' / f'20250101T000000Z-{number:04x}.partial'
    folder.mkdir(parents=True)
    identity = Identity(
        script.task,
        script.task.replace(' ', '_'),
        kind=script.kind,
        operator='someone',
        policy='scripted',
        rig=script.rig,
    )
    manifest = EpisodeManifest(identity, '2025-01-01T00:00:00.000+00:00', START_NS)
    writer = EpisodeWriter(folder, manifest, _topics(script))
    for log_ns, topic, data in sorted(_messages(script), key=lambda entry: entry[:2]):
        writer.write(topic, data, log_ns)
    writer.finish()
    finished = EpisodeManifest(
        identity,
        manifest.started_utc,
        START_NS,
        stopped_ns=START_NS + round(script.seconds * SECOND_NS),
        topics=writer.counters.statistics(),
        interventions=script.interventions,
        outcome=script.outcome,
        complete=True,
    )
    return close_episode(folder, finished)


def stamps(hertz: float, seconds: float) -> list[float]:
    """Times of a stream, s."""
    return [number / hertz for number in range(round(seconds * hertz))]


def _topics(script: Script) -> list[Topic]:
    kind = IMAGE if script.raw else COMPRESSED
    found = [
        Topic('/proprioception', 'wam_msgs/msg/Proprioception'),
        Topic('/applied_action', 'wam_msgs/msg/AppliedAction'),
        Topic('/task_state', 'wam_msgs/msg/TaskState'),
    ]
    return found + [Topic(_topic(camera, script.raw), kind) for camera in script.cameras]


def _topic(camera: str, raw: bool) -> str:
    return f'/{camera}/camera/color/image_rect_raw' + ('' if raw else '/compressed')


def _messages(script: Script) -> Sequence[tuple[int, str, bytes]]:
    found = []

    def add(stream: str, topic: str, time: float, message: Any) -> None:
        if script.dropped(stream, time):
            return
        moved = START_NS + round(script.moved(stream, time) * SECOND_NS)
        seconds, rest = divmod(moved, SECOND_NS)
        message.header.stamp.sec, message.header.stamp.nanosec = seconds, rest
        log_ns = START_NS + round(time * SECOND_NS) + 5_000_000
        found.append((log_ns, topic, bytes(serialize_message(message))))

    for time in stamps(script.state_hz, script.seconds):
        add('state', '/proprioception', time, _state(time))
    for time in stamps(script.tick_hz, script.seconds):
        active = script.active[0] <= time < script.active[1]
        tick = AppliedAction(source=script.source if active else 'hold')
        tick.limited, tick.requested = sent_at(time), sent_at(time) + 1.0
        add('action', '/applied_action', time, tick)
    if script.simulated:
        add('truth', '/task_state', 0.0, TaskState())
    for camera, (height, width) in script.cameras.items():
        for number, time in enumerate(stamps(script.camera_hz, script.seconds)):
            pixels = frame(number, height, width)
            image = _image(pixels, script.raw)
            if number == script.broken:
                image.data = b'\xff\xd8 and no more'
            add(camera, _topic(camera, script.raw), time, image)
    return found


def _state(time: float) -> Any:
    message = Proprioception(position=state_of(time))
    message.velocity, message.effort = np.full(14, 1.0), np.full(14, 100.0 * time)
    message.gripper_angle = np.array([0.5, 0.6])
    return message


def _image(pixels: NDArray[np.uint8], raw: bool) -> Any:
    height, width = pixels.shape[:2]
    if raw:
        step = 3 * width
        return Image(height=height, width=width, encoding='rgb8', step=step, data=pixels.tobytes())
    done, jpeg = cv2.imencode('.jpg', pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return CompressedImage(format='rgb8; jpeg compressed bgr8', data=jpeg.tobytes())
