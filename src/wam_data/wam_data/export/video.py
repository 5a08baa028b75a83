"""MP4 files that are the same bytes for the same frames."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from PIL import Image

from wam_core.errors import WamError
from wam_data.export.scheduling import unchanged_scheduling
from wam_data.export.source import Pixels

# MPEG-4 part 2, 'mp4v', as OpenCV writes it, at its best quantiser (2 of 31): what follows trains
# on these frames. One thread: how a frame is split among several changes the bytes.
_CODEC: Final = 'mpeg4'
_QUANTISER: Final = 2
_LAMBDA: Final = 118  # FF_QP2LAMBDA of libavutil
_OPTIONS: Final = {
    'flags': '+qscale+bitexact',
    'global_quality': str(_QUANTISER * _LAMBDA),
    'threads': '1',
}


def encode(
    path: Path,
    frames: Iterable[Pixels],
    rate: Fraction,
    codec: str,
    options: Mapping[str, str],
) -> None:
    """Writes frames, (H, W, 3) R, G, B with even H and W, as 4:2:0.

    codec, options: of FFmpeg; those that fix the number of threads fix the bytes. Raises WamError
    where it can't be encoded, OSError where it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with av.open(str(path), 'w', format='mp4', options={'fflags': '+bitexact'}) as container:
            # PyAV's stubs know a stream's class only by its codec's name, hence Any.
            stream: Any = container.add_stream(codec, rate=rate, options=dict(options))
            stream.pix_fmt = 'yuv420p'
            for number, pixels in enumerate(frames):
                if number == 0:
                    stream.height, stream.width = pixels.shape[:2]
                    with unchanged_scheduling():
                        stream.codec_context.open()
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise WamError(f'{path}: cannot be encoded: {error}') from error


def write_mp4v(path: Path, frames: Iterable[Pixels], rate_hz: float, size: int) -> None:
    """Writes frames, squashed to ``size`` x ``size`` pixels by bicubic interpolation.

    Raises as ``encode``.
    """
    rate = Fraction(rate_hz).limit_denominator(1000)
    encode(path, _squashed(frames, size), rate, _CODEC, _OPTIONS)


def _squashed(frames: Iterable[Pixels], size: int) -> Iterator[Pixels]:
    drawn: Pixels | None = None
    for pixels in frames:
        if pixels is not drawn:  # a row that repeats the one before
            drawn, small = pixels, squashed(pixels, size)
        yield small


def squashed(pixels: Pixels, size: int) -> Pixels:
    """(size, size, 3): Pillow's bicubic, of the whole frame whatever its shape."""
    if pixels.shape[:2] == (size, size):
        return np.ascontiguousarray(pixels)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
