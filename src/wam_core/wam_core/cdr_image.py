"""Reads a serialized ``sensor_msgs/Image`` in place, without copying its pixels.

Layout: OMG DDS-RTPS 2.5 section 10 (encapsulation header) and DDS-XTypes 1.3 section 7.4.1
(PLAIN_CDR, version 1), which is what every ROS 2 middleware puts on the wire.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError

_ENCAPSULATION = 4  # bytes; CDR aligns relative to the first byte after them
_BYTE_ORDERS = {b'\x00\x00': '>', b'\x00\x01': '<'}
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


class _Reader:
    """Reads primitive values in order from the body of a CDR message, with CDR's alignment."""

    def __init__(self, message: memoryview, order: str) -> None:
        self._body = message[_ENCAPSULATION:]
        self._uint32 = struct.Struct(order + 'I')
        self._int32 = struct.Struct(order + 'i')
        self._position = 0

    def uint32(self) -> int:
        return int(self._uint32.unpack(self._aligned())[0])

    def int32(self) -> int:
        return int(self._int32.unpack(self._aligned())[0])

    def take(self, length: int) -> memoryview:
        taken = self._body[self._position : self._position + length]
        if len(taken) < length:
            raise WamError(
                f'serialized image ends after {len(self._body)} bytes, '
                f'expected {length} bytes at {self._position}'
            )
        self._position += length
        return taken

    def text(self) -> str:
        # The length counts a terminating NUL; some writers send an empty string as length 0.
        return bytes(self.take(self.uint32())).rstrip(b'\0').decode('utf-8', 'replace')

    def _aligned(self) -> memoryview:
        self._position += -self._position % 4
        return self.take(4)


def read_image(message: bytes | bytearray | memoryview) -> ImageView:
    """Reads a serialized ``sensor_msgs/Image``, as a subscription with ``raw=True`` gets it.

    message: (length,) bytes, encapsulation header first. Raises WamError for bytes that aren't an
    image: another encapsulation than plain CDR, a length that runs past the end, a nanosecond
    count of 1e9 or more.
    """
    view = memoryview(message)
    order = _BYTE_ORDERS.get(bytes(view[:2]))
    if order is None:
        raise WamError(
            f'CDR encapsulation {bytes(view[:2]).hex() or "absent"}, expected 0000 or 0001'
        )
    reader = _Reader(view, order)
    seconds, nanoseconds = reader.int32(), reader.uint32()
    if nanoseconds >= _NANOSECONDS_PER_SECOND:
        raise WamError(f'stamp with {nanoseconds} ns, expected below {_NANOSECONDS_PER_SECOND}')
    frame_id = reader.text()
    height, width = reader.uint32(), reader.uint32()
    encoding = reader.text()
    is_bigendian = bool(reader.take(1)[0])
    step = reader.uint32()
    data = reader.take(reader.uint32())
    return ImageView(
        stamp_ns=seconds * _NANOSECONDS_PER_SECOND + nanoseconds,
        frame_id=frame_id,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=is_bigendian,
        step=step,
        data=data,
    )
