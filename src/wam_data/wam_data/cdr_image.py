"""Reads a serialized ``sensor_msgs/Image`` in place, without copying its pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_data.cdr import Cursor

_NANOSECONDS_PER_SECOND = 1_000_000_000

# Encodings (sensor_msgs/image_encodings.hpp) of 8 bits per channel: channels of one pixel.
CHANNELS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1}


@dataclass(frozen=True)
class ImageView:
    """The fields of a ``sensor_msgs/Image``; ``data`` looks into the bytes that it was read from.

    stamp_ns: capture time, ROS clock. height, width: pixels. step: bytes from row to row.
    data: (length,) bytes, read-only where the source is.
    """

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: memoryview

    def pixels(self) -> NDArray[np.uint8]:
        """The pixels, (height, width, channels), a view even where rows are padded.

        Raises WamError for an encoding that is not of 8 bits per channel, for a step shorter than
        a row, and for data shorter than height * step.
        """
        channels = CHANNELS.get(self.encoding)
        if channels is None:
            raise WamError(f'encoding {self.encoding!r}, expected one of {sorted(CHANNELS)}')
        row = self.width * channels
        if self.height < 1 or self.width < 1 or self.step < row:
            raise WamError(
                f'{self.height}x{self.width} {self.encoding} with step {self.step}, '
                f'expected at least 1x1 pixels and a step of at least {row}'
            )
        # The last row may lack its padding: some drivers leave it out.
        needed = (self.height - 1) * self.step + row
        if len(self.data) < needed:
            raise WamError(
                f'{len(self.data)} bytes of data, expected at least {needed} for '
                f'{self.height}x{self.width} {self.encoding} with step {self.step}'
            )
        shape, strides = (self.height, self.width, channels), (self.step, channels, 1)
        pixels: NDArray[np.uint8] = np.ndarray(shape, np.uint8, self.data, strides=strides)
        return pixels


def read_image(message: bytes | bytearray | memoryview) -> ImageView:
    """Reads a serialized ``sensor_msgs/Image``, as a subscription with ``raw=True`` gets it.

    message: (length,) bytes, encapsulation header first. Raises WamError for bytes that aren't an
    image: another encapsulation than plain CDR, a length that runs past the end, a nanosecond
    count of 1e9 or more.
    """
    cursor = Cursor(memoryview(message))
    seconds, nanoseconds = cursor.take('i', 4), cursor.unsigned()
    if nanoseconds >= _NANOSECONDS_PER_SECOND:
        raise WamError(f'stamp with {nanoseconds} ns, expected below {_NANOSECONDS_PER_SECOND}')
    frame_id = cursor.text()
    height, width = cursor.unsigned(), cursor.unsigned()
    encoding = cursor.text()
    is_bigendian = bool(cursor.take('B', 1))
    step = cursor.unsigned()
    return ImageView(
        stamp_ns=seconds * _NANOSECONDS_PER_SECOND + nanoseconds,
        frame_id=frame_id,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=step,
        data=cursor.view(cursor.unsigned()),
    )
