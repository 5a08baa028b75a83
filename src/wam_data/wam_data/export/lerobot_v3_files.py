"""Puts the episodes of a LeRobotDataset together in few files, as LeRobot does itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import pyarrow.parquet as pq

from wam_core.errors import WamError

CHUNK: Final = 1000
"""Files in a folder."""
_MB: Final = 1024 * 1024


@dataclass(frozen=True)
class Slot:
    """Where an episode is. chunk, file: numbers of the folder and of the file in it. first: frames
    of other episodes that are before it in that file.
    """

    chunk: int
    file: int
    first: int

    @property
    def numbers(self) -> dict[str, int]:
        """As metadata and patterns of file names have them."""
        return {'chunk_index': self.chunk, 'file_index': self.file}


def slots(parts: Sequence[Path], lengths: Sequence[int], limit_mb: int) -> list[Slot]:
    """One for each episode, in their order; no file grows to ``limit_mb`` by more than one.

    parts: a file for each episode. lengths: its frames. Raises OSError.
    """
    found: list[Slot] = []
    file = size = first = 0
    for part, length in zip(parts, lengths, strict=True):
        more = part.stat().st_size
        if size and size + more >= limit_mb * _MB:
            file, size, first = file + 1, 0, 0
        found.append(Slot(*divmod(file, CHUNK), first))
        size, first = size + more, first + length
    return found


def join_tables(parts: Sequence[Path], target: Path) -> None:
    """A row group for each. Raises OSError, pa.ArrowException."""
    target.parent.mkdir(parents=True, exist_ok=True)
    schema = pq.read_schema(parts[0])
    with pq.ParquetWriter(target, schema, compression='snappy') as writer:
        for part in parts:
            writer.write_table(pq.read_table(part, partitioning=None))


def join_videos(
    parts: Sequence[Path], lengths: Sequence[int], rate_hz: float, target: Path
) -> None:
    """One after the other, without encoding again. Raises WamError, OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    stream: Any = None
    first = 0
    try:
        with av.open(str(target), 'w', format='mp4', options={'fflags': '+bitexact'}) as whole:
            for part, length in zip(parts, lengths, strict=True):
                with av.open(str(part)) as source:
                    given = source.streams.video[0]
                    if stream is None:
                        stream = whole.add_stream_from_template(given, opaque=True)
                    _copy(source, given, whole, stream, first / rate_hz)
                first += length
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise WamError(f'{target}: cannot be put together: {error}') from error


def _copy(source: Any, given: Any, whole: Any, stream: Any, later_s: float) -> None:
    later = round(later_s / given.time_base)
    for packet in source.demux(given):
        if packet.dts is None:  # the end
            continue
        packet.pts += later
        packet.dts += later
        packet.stream = stream
        whole.mux(packet)
