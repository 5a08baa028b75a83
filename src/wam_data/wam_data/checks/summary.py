"""Whether the index at the end of a recording is as it was written."""

import struct
import zlib
from pathlib import Path
from typing import Final

from mcap.opcode import Opcode
from mcap.writer import MCAP0_MAGIC

from wam_core.errors import WamError

# Footer of an MCAP file: opcode, length, start of the summary, start of its offsets, CRC-32 of
# everything from the summary's start to before the CRC (0: not computed). mcap.dev/spec
_FOOTER: Final = struct.Struct('<BQQQI')
_LENGTH: Final = 20


def summary_is_sound(path: Path) -> bool:
    """Whether the summary passes its checksum; true where its writer left that out.

    Raises WamError where the file can't be read, or has no footer.
    """
    tail = _FOOTER.size + len(MCAP0_MAGIC)
    try:
        size = path.stat().st_size
        with path.open('rb') as stream:
            stream.seek(max(0, size - tail))
            found = stream.read(_FOOTER.size)
            if len(found) < _FOOTER.size:
                raise WamError(f'{path}: has no end: it was cut off')
            code, length, start, _, checksum = _FOOTER.unpack(found)
            if (code, length) != (Opcode.FOOTER, _LENGTH):
                raise WamError(f'{path}: has no end: it was cut off')
            stop = size - len(MCAP0_MAGIC) - struct.calcsize('<I')
            stream.seek(min(start or stop, stop))
            covered = stream.read(stop - stream.tell())
    except OSError as error:
        raise WamError(f'{path}: cannot be read: {error.strerror}') from error
    return checksum in (0, zlib.crc32(covered))
