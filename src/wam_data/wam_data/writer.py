"""Writes one episode: CDR messages as they come into a chunked, indexed MCAP file.

``log_time`` of a message is the ROS time at which the recorder received it; ``publish_time`` is
its header stamp (the capture time), or the log time for types without a header.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mcap.writer import CompressionType, Writer

from wam_core.errors import WamError
from wam_data.bag_metadata import Qos, TopicEntry, metadata_text
from wam_data.cdr import header_stamp_ns
from wam_data.definitions import Definition, Definitions
from wam_data.layout import METADATA, RECORDING, complete, final, write_atomically
from wam_data.manifest import EpisodeManifest, write_manifest
from wam_data.open_episodes import hold
from wam_data.statistics import Counters

COMPRESSIONS: Final = {
    'zstd': CompressionType.ZSTD,
    'lz4': CompressionType.LZ4,
    'none': CompressionType.NONE,
}
# Small enough to hold in memory many times over, large enough that its index costs nothing.
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_PROFILE: Final = 'ros2'


@dataclass(frozen=True)
class Topic:
    """A topic to record. type: package/msg/Type. period_ns: nominal; 0: none."""

    name: str
    type: str
    qos: Qos = field(default_factory=Qos)
    period_ns: int = 0


class File:
    """An unbuffered file for ``mcap.writer.Writer``: after an error nothing is left to write."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._size = 0
        hold(self._descriptor)

    def write(self, data: bytes) -> int:
        """Writes all of ``data``. Raises OSError, e.g. where the disk is full."""
        view = memoryview(data)
        while view:
            done = os.write(self._descriptor, view)
            self._size += done
            view = view[done:]
        return len(data)

    def tell(self) -> int:
        """Bytes written."""
        return self._size

    def flush(self) -> None:
        """Nothing is left to do: it isn't buffered."""

    def sync(self) -> None:
        """Makes what was written survive a power cut. Safe beside a thread that writes."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Gives the file back; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class EpisodeWriter:
    """One open episode in a *.partial directory. Not safe for several threads at once.

    Every method raises OSError where the disk fails; what was flushed before is recoverable.
    """

    def __init__(
        self,
        directory: Path,
        manifest: EpisodeManifest,
        topics: Sequence[Topic],
        compression: str = 'zstd',
        definitions: Definitions | None = None,
    ) -> None:
        """Opens the file and writes a first episode.json, so that a crash leaves it readable."""
        if compression not in COMPRESSIONS:
            raise WamError(f'compression {compression!r}, expected one of {sorted(COMPRESSIONS)}')
        found = Definitions() if definitions is None else definitions
        self.directory = directory
        self.manifest = manifest
        self.counters = Counters()
        self._topics = {topic.name: topic for topic in topics}
        self._definitions = {name: found.find(topic.type) for name, topic in self._topics.items()}
        self._first_ns = 0
        self._last_ns = 0
        self._file = File(directory / RECORDING)
        self._writer = Writer(
            self._file,
            chunk_size=_CHUNK_BYTES,
            compression=COMPRESSIONS[compression],
            enable_data_crcs=True,
        )
        try:
            self._writer.start(profile=_PROFILE, library='wam_data')
            self._channels = self._register()
            write_manifest(directory, replace(manifest, topics=self.counters.statistics()))
        except OSError:
            self._file.close()
            raise

    def _register(self) -> dict[str, int]:
        schemas: dict[str, int] = {}
        channels = {}
        for topic in self._topics.values():
            definition = self._definitions[topic.name]
            if topic.type not in schemas:
                schemas[topic.type] = self._writer.register_schema(
                    topic.type, 'ros2msg', definition.text.encode()
                )
            metadata = {
                'offered_qos_profiles': topic.qos.text(),
                'topic_type_hash': definition.digest,
            }
            channels[topic.name] = self._writer.register_channel(
                topic.name, 'cdr', schemas[topic.type], metadata
            )
            self.counters.add(topic.name, topic.type, topic.period_ns)
        return channels

    def write(self, topic: str, data: bytes, log_ns: int) -> None:
        """One message of a topic that the writer was made with. log_ns: ROS time of receipt."""
        stamp_ns = publish_time_ns(self._definitions[topic], data, log_ns)
        self._writer.add_message(self._channels[topic], log_ns, data, stamp_ns)
        self.counters.observe(topic, data, stamp_ns, log_ns)
        self._first_ns = min(self._first_ns, log_ns) if self._first_ns else log_ns
        self._last_ns = max(self._last_ns, log_ns)

    def flush(self) -> None:
        """Ends the chunk and writes it: from now on it survives the end of this process."""
        self._writer.flush()

    def sync(self) -> None:
        """What was flushed survives a power cut, too. Safe beside a thread that writes."""
        self._file.sync()

    @property
    def bytes_on_disk(self) -> int:
        """Size of the file; what is in the open chunk isn't counted."""
        return self._file.tell()

    def finish(self) -> None:
        """Writes index, summary and metadata.yaml. The directory keeps its name."""
        self._writer.finish()
        self._file.sync()
        self._file.close()
        entries = {
            name: TopicEntry(
                topic.type,
                self.counters.topics[name].messages,
                topic.qos.text(),
                self._definitions[name].digest,
            )
            for name, topic in self._topics.items()
        }
        text = metadata_text(
            RECORDING, entries, self._first_ns, self._last_ns, final(self.directory).name
        )
        write_atomically(self.directory / METADATA, text)

    def abandon(self) -> None:
        """Closes the file as it is, after an error. ``recover`` mends the directory."""
        self._file.close()


def publish_time_ns(definition: Definition, data: bytes, log_ns: int) -> int:
    """Header stamp of a message; ``log_ns`` for types without a header or with an unset stamp."""
    if not definition.stamped:
        return log_ns
    try:
        return max(0, header_stamp_ns(data)) or log_ns
    except WamError:
        return log_ns  # too short to hold a stamp; verify names it


def close_episode(directory: Path, manifest: EpisodeManifest) -> Path:
    """Writes the final manifest and takes .partial off the name. Returns the final directory."""
    write_manifest(directory, manifest)
    return complete(directory)
