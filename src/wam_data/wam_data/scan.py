"""Walks over an MCAP file that may end anywhere, or be damaged: whole records only."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import breakup_chunk
from mcap.writer import MCAP0_MAGIC

from wam_core.errors import WamError

_HEAD: Final = struct.Struct('<BQ')
# What mcap raises of bytes that are not as they were written. ValueError: its CRC's error too;
# OverflowError, MemoryError: a length that was never meant.
DAMAGE: Final = (
    McapError,
    ValueError,
    OverflowError,
    MemoryError,
    struct.error,
    zstandard.ZstdError,
    RuntimeError,
)


class Record(NamedTuple):
    """A message with its channel and the channel's schema."""

    schema: Schema
    channel: Channel
    message: Message


@dataclass
class Scan:
    """What a walk met. good_bytes: up to the end of the last whole record."""

    good_bytes: int = 0
    total_bytes: int = 0
    damaged_chunks: int = 0
    finished: bool = False


class Scanner:
    """Yields the messages of a file in the order in which they were written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.result = Scan()
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}

    @property
    def channels(self) -> list[tuple[Schema, Channel]]:
        """All that were met so far and whose schema was, too."""
        known = [c for c in self._channels.values() if c.schema_id in self._schemas]
        return [(self._schemas[c.schema_id], c) for c in known]

    def messages(self) -> Iterator[Record]:
        """Raises WamError where the file can't be opened or is no MCAP file at all."""
        try:
            with self.path.open('rb') as stream:
                self.result.total_bytes = self.path.stat().st_size
                if stream.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
                    raise WamError(f'{self.path}: is not an MCAP file')
                yield from self._records(stream)
        except OSError as error:
            raise WamError(f'{self.path}: cannot be read: {error.strerror}') from error

    def _records(self, stream: BinaryIO) -> Iterator[Record]:
        result = self.result
        while True:
            result.good_bytes = stream.tell()
            head = stream.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            code, length = _HEAD.unpack(head)
            if length > result.total_bytes - stream.tell():
                return
            if code in (Opcode.DATA_END, Opcode.FOOTER):
                result.finished = self._ends_well(stream)
                result.good_bytes = result.total_bytes if result.finished else result.good_bytes
                return
            body = stream.read(length)
            if code == Opcode.CHUNK:
                yield from self._chunk(body)
            else:
                yield from self._loose(code, body)

    def _ends_well(self, stream: BinaryIO) -> bool:
        stream.seek(-len(MCAP0_MAGIC), 2)
        return stream.read() == bytes(MCAP0_MAGIC)

    def _chunk(self, body: bytes) -> Iterator[Record]:
        try:
            records = breakup_chunk(Chunk.read(_stream(body)), validate_crc=True)
        except DAMAGE:
            self.result.damaged_chunks += 1
            return
        for record in records:
            yield from self._meet(record)

    def _loose(self, code: int, body: bytes) -> Iterator[Record]:
        """A record outside a chunk: other writers don't chunk."""
        try:
            if code == Opcode.SCHEMA:
                yield from self._meet(Schema.read(_stream(body)))
            elif code == Opcode.CHANNEL:
                yield from self._meet(Channel.read(_stream(body)))
            elif code == Opcode.MESSAGE:
                yield from self._meet(Message.read(_stream(body), len(body)))
        except DAMAGE:
            self.result.damaged_chunks += 1

    def _meet(self, record: object) -> Iterator[Record]:
        if isinstance(record, Schema):
            self._schemas[record.id] = record
        elif isinstance(record, Channel):
            self._channels[record.id] = record
        elif isinstance(record, Message):
            channel = self._channels.get(record.channel_id)
            schema = self._schemas.get(channel.schema_id) if channel else None
            if channel is None or schema is None:
                self.result.damaged_chunks += 1  # its channel was in a chunk that is lost
                return
            yield Record(schema, channel, record)


def data_is_sound(path: Path) -> bool:
    """Whether a finished file's data section is as it was written, by the CRC at its end.

    True also for files of writers that leave that CRC out. Raises WamError where the file can't be
    read or has no end.
    """
    try:
        with path.open('rb') as stream:
            checksum = zlib.crc32(stream.read(len(MCAP0_MAGIC)))
            while len(head := stream.read(_HEAD.size)) == _HEAD.size:
                code, length = _HEAD.unpack(head)
                if length > path.stat().st_size:
                    break
                body = stream.read(length)
                if code == Opcode.DATA_END:
                    expected = int.from_bytes(body[:4], 'little')
                    return expected in (0, checksum)
                checksum = zlib.crc32(body, zlib.crc32(head, checksum))
    except OSError as error:
        raise WamError(f'{path}: cannot be read: {error.strerror}') from error
    raise WamError(f'{path}: has no end: it was cut off')


def _stream(body: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(body))
