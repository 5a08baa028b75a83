"""Frames of a source in other codings, and series made longer."""

from collections.abc import Iterator
from itertools import islice, repeat
from typing import Final, TypeVar

import cv2

from wam_core.errors import WamError
from wam_data.export.source import Source

_QUALITY: Final = 95  # of frames that were not recorded as JPEG
Row = TypeVar('Row')


def held(rows: Iterator[Row], count: int) -> Iterator[Row]:
    """So many rows: the last one again and again where there are fewer. At least one is needed."""
    given = 0
    for row in islice(rows, count):
        given += 1
        yield row
    yield from repeat(row, count - given)


def jpegs(source: Source, camera: str) -> Iterator[bytes]:
    """JPEG files in grid order: as recorded, or made now of pixels. Raises WamError."""
    if source.is_jpeg(camera):
        yield from source.jpegs(camera)
        return
    for pixels in source.frames(camera):
        options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        done, jpeg = cv2.imencode('.jpg', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
        if not done:
            raise WamError(f'{source.path}: camera {camera}: JPEG encoding failed')
        yield jpeg.tobytes()
