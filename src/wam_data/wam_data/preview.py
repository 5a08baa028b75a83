"""preview.mp4: the cameras side by side, with the stage and the grippers drawn in."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from wam_core.errors import WamError
from wam_core.joints import GRIPPERS
from wam_core.policy import Image
from wam_data.frames import COMPRESSED, IMAGE, decode
from wam_data.layout import PREVIEW
from wam_data.overlay import State, strip
from wam_data.progress import Progress
from wam_data.reader import EpisodeReader, Message

_FPS: Final = 25
_PERIOD_NS: Final = 1_000_000_000 // _FPS
_CAMERA_WIDTH: Final = 480  # pixels; three of them fit a laptop's screen
# H.264 in 4:2:0 is what every browser plays; veryfast costs a fifth of the default's time.
_CODEC: Final = 'libx264'
_OPTIONS: Final = {'preset': 'veryfast', 'crf': '24'}
_STATE_TOPICS: Final = ('/proprioception', '/applied_action', '/task_state')


def write_preview(episode: Path, progress: Progress | None = None) -> Path:
    """Writes <episode>/preview.mp4 at 25 frames per second of ROS time and returns its path.

    progress: video frames done, and in all. Raises WamError for an episode without camera frames
    or with a damaged recording; an older preview is then left as it was.
    """
    target = episode / PREVIEW
    temporary = episode / f'.{PREVIEW}.tmp'
    with EpisodeReader(episode) as reader:
        cameras = [
            topic
            for topic, kind in sorted(reader.topics.items())
            if kind in (IMAGE, COMPRESSED) and reader.counts[topic] > 0
        ]
        if not cameras:
            raise WamError(f'{episode}: has no camera frames to make a preview of')
        try:
            _encode(temporary, _Pictures(reader, cameras), progress)
            temporary.replace(target)
        except (OSError, av.FFmpegError) as error:
            raise WamError(f'{target}: cannot be written: {error}') from error
        finally:
            temporary.unlink(missing_ok=True)
    return target


def _encode(path: Path, pictures: '_Pictures', progress: Progress | None) -> None:
    # PyAV's stubs know a stream's class only by its codec's name, hence Any.
    with av.open(str(path), 'w', format='mp4', options={'movflags': 'faststart'}) as container:
        stream: Any = None
        for number, picture in enumerate(pictures, start=1):
            if stream is None:
                stream = container.add_stream(_CODEC, rate=Fraction(_FPS), options=_OPTIONS)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = 'yuv420p'
            frame = av.VideoFrame.from_ndarray(picture, format='bgr24')
            container.mux(stream.encode(frame))
            if progress is not None:
                progress(min(number, pictures.total), pictures.total)
        if stream is not None:
            container.mux(stream.encode())


class _Pictures:
    """The pictures of a preview, one per 40 ms of ROS time. total: about how many."""

    def __init__(self, reader: EpisodeReader, cameras: list[str]) -> None:
        self._reader = reader
        self._newest: dict[str, Message | None] = dict.fromkeys(cameras)
        self._drawn: dict[str, tuple[Message, Image]] = {}
        self._state = State()
        self._height = 0
        start, stop = reader.span_ns
        self.total = max(1, (stop - start) // _PERIOD_NS)

    def __iter__(self) -> Iterator[Image]:
        topics = [topic for topic in _STATE_TOPICS if topic in self._reader.topics]
        begun = due = 0
        for message in self._reader.messages([*self._newest, *topics]):
            if begun:
                while message.log_time_ns >= due:
                    self._state.elapsed_s = (due - begun) / 1e9
                    yield self._picture()
                    due += _PERIOD_NS
            if message.topic in self._newest:
                self._newest[message.topic] = message
                if not begun:
                    begun, due = message.log_time_ns, message.log_time_ns + _PERIOD_NS
            else:
                self._read(message)
        self._state.elapsed_s = (due - begun) / 1e9
        yield self._picture()

    def _read(self, message: Message) -> None:
        fields = message.fields()
        if message.topic == '/task_state':
            self._state.stage = fields.stage_name
            self._state.score = fields.score
        elif message.topic == '/proprioception':
            self._state.measured = _grippers(fields.position)
        else:
            self._state.commanded = _grippers(fields.limited)
            self._state.source = fields.source

    def _picture(self) -> Image:
        row = np.concatenate([self._camera(topic) for topic in self._newest], axis=1)
        return np.concatenate([row, strip(row.shape[1], self._state)], axis=0)

    def _camera(self, topic: str) -> Image:
        """The newest frame at the preview's size; black before the first one."""
        message = self._newest[topic]
        if message is None:
            return np.zeros(
                (self._height or _even(_CAMERA_WIDTH * 3 / 4), _CAMERA_WIDTH, 3), np.uint8
            )
        if topic not in self._drawn or self._drawn[topic][0] is not message:
            pixels = decode(message)
            # The first camera's shape decides: cameras of another one are stretched to it.
            self._height = self._height or _even(_CAMERA_WIDTH * pixels.shape[0] / pixels.shape[1])
            scaled = cv2.resize(
                pixels, (_CAMERA_WIDTH, self._height), interpolation=cv2.INTER_AREA
            )
            self._drawn[topic] = (message, np.asarray(scaled, np.uint8))
        return self._drawn[topic][1]


def _grippers(vector: Any) -> tuple[float, float]:
    left, right = GRIPPERS
    return float(vector[left]), float(vector[right])


def _even(pixels: float) -> int:
    """H.264 in 4:2:0 wants even sizes."""
    return 2 * round(pixels / 2)
