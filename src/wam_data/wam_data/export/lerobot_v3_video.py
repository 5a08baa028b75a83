"""Videos of a LeRobotDataset: the same bytes for the same frames."""

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from wam_core.errors import WamError
from wam_data.export.lerobot_v3_statistics import PictureCounts
from wam_data.export.source import Pixels

# LeRobot's own settings (its video_utils.py): a key frame at every second frame, since training
# reads single frames. So many threads always: how work is split can change an encoder's bytes.
CODECS: Final = {
    'av1': ('libsvtav1', {'g': '2', 'preset': '12', 'svtav1-params': 'lp=2'}),
    'h264': ('libx264', {'g': '2', 'preset': 'veryfast', 'threads': '2'}),
}
LOWEST_CRF: Final = 0
HIGHEST_CRF: Final = {'av1': 63, 'h264': 51}
_ONLY_ERRORS: Final = '1'


def write_video(
    path: Path,
    frames: Iterable[Pixels],
    rate_hz: float,
    codec: str,
    crf: int,
    counts: PictureCounts,
) -> None:
    """Writes frames, (H, W, 3) R, G, B with even H and W, and counts their levels.

    codec: of CODECS. crf: its quality, lower is better. Raises WamError where it can't be encoded,
    OSError where it can't be written.
    """
    os.environ.setdefault('SVT_LOG', _ONLY_ERRORS)  # it fills a page for each video
    path.parent.mkdir(parents=True, exist_ok=True)
    name, options = CODECS[codec]
    try:
        with av.open(str(path), 'w', format='mp4', options={'fflags': '+bitexact'}) as container:
            # PyAV's stubs know a stream's class only by its codec's name, hence Any.
            stream: Any = container.add_stream(
                name, rate=Fraction(round(rate_hz)), options={**options, 'crf': str(crf)}
            )
            stream.pix_fmt = 'yuv420p'
            for number, pixels in enumerate(frames):
                if number == 0:
                    stream.height, stream.width = pixels.shape[:2]
                counts.look(number, pixels)
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise WamError(f'{path}: cannot be encoded: {error}') from error


def video_info(rate_hz: float, codec: str, shape: tuple[int, int]) -> dict[str, object]:
    """What info.json says of a camera's videos. shape: height and width."""
    return {
        'video.height': shape[0],
        'video.width': shape[1],
        'video.codec': codec,
        'video.pix_fmt': 'yuv420p',
        'video.is_depth_map': False,
        'video.fps': round(rate_hz),
        'video.channels': 3,
        'has_audio': False,
    }
