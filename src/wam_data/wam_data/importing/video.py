"""Frames out of a video file, by their times."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

from wam_core.errors import WamError
from wam_core.policy import Image

_SEEK_BACK_S = 0.5


def frames(path: Path, start_s: float, count: int, rate_hz: float) -> Iterator[Image]:
    """Frames at start_s + k / rate_hz, k = 0 .. count - 1: pixels (height, width, 3), B, G, R.

    start_s: into the file. A frame serves a time that it is less than half a period from. Raises
    WamError for a file that is damaged, and for a time without a frame.
    """
    try:
        with av.open(str(path), metadata_errors='ignore') as container:
            if not container.streams.video:
                raise WamError(f'{path}: has no video')
            yield from _at(path, container, [start_s + k / rate_hz for k in range(count)], rate_hz)
    except WamError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise WamError(f'{path}: cannot be decoded: {error}') from error


def _at(path: Path, container: Any, times_s: list[float], rate_hz: float) -> Iterator[Image]:
    stream = container.streams.video[0]
    stream.thread_type = 'AUTO'
    half_s = 0.5 / rate_hz
    decoded = _from(container, stream, times_s[0] - half_s) if times_s else iter(())
    frame = next(decoded, None)
    for number, time_s in enumerate(times_s):
        while frame is not None and frame.time < time_s - half_s:
            frame = next(decoded, None)
        if frame is None or frame.time >= time_s + half_s:
            raise WamError(f'{path}: has no frame {number} of {len(times_s)}, at {time_s:.3f} s')
        yield np.asarray(frame.to_ndarray(format='bgr24'), np.uint8)


def _from(container: Any, stream: Any, start_s: float) -> Iterator[Any]:
    """Frames with a time, in order, from a key frame before ``start_s`` on."""
    if start_s > _SEEK_BACK_S:
        container.seek(int((start_s - _SEEK_BACK_S) / stream.time_base), stream=stream)
    with_time = (frame for frame in container.decode(stream) if frame.time is not None)
    first = next(with_time, None)
    if first is not None and first.time > start_s + 2 * _SEEK_BACK_S:
        container.seek(0, stream=stream)  # an index that leads past its own key frames
        with_time = (frame for frame in container.decode(stream) if frame.time is not None)
        first = next(with_time, None)
    return iter(()) if first is None else chain([first], with_time)
