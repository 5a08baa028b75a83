"""MP4 files that are the same bytes for the same frames."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from PIL import Image

from wam_core.errors import WamError
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


def write_mp4v(path: Path, frames: Iterable[Pixels], rate_hz: float, size: int) -> None:
    """Writes frames, (H, W, 3) R, G, B, squashed to ``size`` x ``size`` pixels by bicubic
    interpolation.

    Raises WamError where it can't be encoded, OSError where it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(rate_hz).limit_denominator(1000)
    try:
        with av.open(str(path), 'w', format='mp4', options={'fflags': '+bitexact'}) as container:
            # PyAV's stubs know a stream's class only by its codec's name, hence Any.
            stream: Any = container.add_stream(_CODEC, rate=rate, options=_OPTIONS)
            stream.height = stream.width = size
            stream.pix_fmt = 'yuv420p'
            drawn: Pixels | None = None
            for pixels in frames:
                if pixels is not drawn:
                    drawn, small = pixels, squashed(pixels, size)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format='rgb24')))
            container.mux(stream.encode())
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise WamError(f'{path}: cannot be encoded: {error}') from error


def squashed(pixels: Pixels, size: int) -> Pixels:
    """(size, size, 3): Pillow's bicubic, of the whole frame whatever its shape."""
    if pixels.shape[:2] == (size, size):
        return np.ascontiguousarray(pixels)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
