"""Videos of a LeRobotDataset: the same bytes for the same frames."""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

from wam_data.export.lerobot_v3_statistics import PictureCounts
from wam_data.export.source import Pixels
from wam_data.export.video import encode

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

    codec: of CODECS. crf: its quality, lower is better. Raises as ``encode``.
    """
    os.environ.setdefault('SVT_LOG', _ONLY_ERRORS)  # it fills a page for each video
    name, options = CODECS[codec]
    rate = Fraction(round(rate_hz))
    encode(path, _counted(frames, counts), rate, name, {**options, 'crf': str(crf)})


def _counted(frames: Iterable[Pixels], counts: PictureCounts) -> Iterator[Pixels]:
    for number, pixels in enumerate(frames):
        counts.look(number, pixels)
        yield pixels


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
