"""Reads the few fields that a recorder needs straight from CDR bytes, without deserialising.

CDR as ROS 2 writes it (OMG DDS-XTypes, XCDR1): four bytes of encapsulation, of which the second
tells the byte order, then the fields in order; each primitive is aligned to its size, counted from
behind the encapsulation; a string is its length with the closing NUL, then its bytes.
"""

import struct
from typing import Final

from wam_core.errors import WamError

_ENCAPSULATION: Final = 4


class Cursor:
    """Walks over CDR fields. Raises WamError where the bytes end too early."""

    def __init__(self, data: bytes | memoryview) -> None:
        if len(data) < _ENCAPSULATION or data[0] != 0 or data[1] not in (0, 1):
            found = bytes(data[:2]).hex() or 'absent'
            raise WamError(f'CDR: unknown encapsulation {found}, expected 0000 or 0001')
        self.data = data
        self.order = '<' if data[1] == 1 else '>'
        self.offset = _ENCAPSULATION

    def take(self, code: str, size: int) -> int:
        """An integer of a struct ``code`` that is ``size`` bytes long."""
        self.align(size)
        if self.offset + size > len(self.data):
            raise WamError(f'CDR: {len(self.data)} bytes end inside a field at {self.offset}')
        (value,) = struct.unpack_from(self.order + code, self.data, self.offset)
        self.offset += size
        return int(value)

    def align(self, size: int) -> None:
        """Moves to the next multiple of ``size`` behind the encapsulation."""
        self.offset += (_ENCAPSULATION - self.offset) % size

    def view(self, size: int) -> memoryview:
        """The next ``size`` bytes, in place."""
        start, self.offset = self.offset, self.offset + size
        if self.offset > len(self.data):
            raise WamError(f'CDR: {len(self.data)} bytes end inside a field at {start}')
        return memoryview(self.data)[start : self.offset]

    def unsigned(self) -> int:
        """A uint32."""
        return self.take('I', 4)

    def time_ns(self) -> int:
        """A builtin_interfaces Time or Duration, ns."""
        seconds = self.take('i', 4)
        return seconds * 1_000_000_000 + self.unsigned()

    def text(self) -> str:
        """A string."""
        # The length counts the closing NUL; some writers send an empty string as length 0.
        return bytes(self.view(self.unsigned())).rstrip(b'\0').decode('utf-8', errors='replace')


def header_stamp_ns(data: bytes) -> int:
    """Stamp of a message whose first field is a std_msgs/Header, ns."""
    return Cursor(data).time_ns()


def compressed_image(stamp_ns: int, frame_id: str, form: str, data: bytes) -> bytes:
    """A sensor_msgs/CompressedImage, little-endian. form: its ``format`` field."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    message = bytearray(b'\0\1\0\0' + struct.pack('<iI', seconds, nanoseconds))
    for content in (frame_id.encode() + b'\0', form.encode() + b'\0', data):
        message += bytes((_ENCAPSULATION - len(message)) % 4)
        message += struct.pack('<I', len(content)) + content
    return bytes(message)


def frame_set_spread(data: bytes) -> tuple[int, int]:
    """Spread of a wam_msgs/FrameSet in ns, and the offset of its pixels' length field."""
    cursor = Cursor(data)
    cursor.time_ns()
    cursor.text()
    for _ in range(cursor.unsigned()):
        cursor.text()
    for _ in range(cursor.unsigned()):
        cursor.time_ns()
    spread = cursor.time_ns()
    cursor.unsigned()  # height
    cursor.unsigned()  # width
    return spread, cursor.offset


def without_pixels(data: bytes) -> bytes:
    """A wam_msgs/FrameSet with the same stamps and an empty ``data``."""
    _, offset = frame_set_spread(data)
    return data[:offset] + bytes(4)
