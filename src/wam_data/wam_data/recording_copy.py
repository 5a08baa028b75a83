"""A new recording with the messages of an old one, counted again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mcap.records import Channel, Schema
from mcap.writer import CompressionType, Writer

from wam_data.bag_metadata import Qos, TopicEntry, metadata_text
from wam_data.layout import RECORDING
from wam_data.progress import Progress
from wam_data.scan import Scanner
from wam_data.statistics import Counters
from wam_data.writer import File


class RecordingCopy:
    """Written to a file that is not there yet. periods_ns: nominal, of topics that have one."""

    def __init__(self, path: Path, periods_ns: Mapping[str, int]) -> None:
        self._path = path
        self._periods_ns = periods_ns
        self._file = File(path)
        self._writer = Writer(self._file, compression=CompressionType.ZSTD, enable_data_crcs=True)
        self._schemas: dict[int, int] = {}
        self._channels: dict[int, int] = {}
        self._entries: dict[str, tuple[str, str, str]] = {}
        self.counters = Counters()
        self.first_ns = 0
        self.last_ns = 0

    def fill(self, scanner: Scanner, progress: Progress | None) -> None:
        """Copies every message that the scanner finds, then writes index and summary."""
        self._writer.start(profile='ros2', library='wam_data')
        reported = -1
        for schema, channel, message in scanner.messages():
            if channel.id not in self._channels:
                self._add(schema, channel)
            self._writer.add_message(
                self._channels[channel.id],
                message.log_time,
                message.data,
                message.publish_time,
                message.sequence,
            )
            self.counters.observe(
                channel.topic, message.data, message.publish_time, message.log_time
            )
            self.first_ns = min(self.first_ns or message.log_time, message.log_time)
            self.last_ns = max(self.last_ns, message.log_time)
            if progress is not None and scanner.result.good_bytes != reported:
                reported = scanner.result.good_bytes
                progress(reported, scanner.result.total_bytes)
        self._add_silent(scanner.channels)
        self._writer.finish()
        self._file.sync()
        self._file.close()

    def _add_silent(self, channels: Sequence[tuple[Schema, Channel]]) -> None:
        """Topics that were subscribed to and had no message: an episode tells these too."""
        for schema, channel in channels:
            if channel.id not in self._channels:
                self._add(schema, channel)

    def _add(self, schema: Schema, channel: Channel) -> None:
        if schema.id not in self._schemas:
            self._schemas[schema.id] = self._writer.register_schema(
                schema.name, schema.encoding, schema.data
            )
        self._channels[channel.id] = self._writer.register_channel(
            channel.topic, channel.message_encoding, self._schemas[schema.id], channel.metadata
        )
        qos = channel.metadata.get('offered_qos_profiles', Qos().text())
        digest = channel.metadata.get('topic_type_hash', '')
        self._entries[channel.topic] = (schema.name, qos, digest)
        self.counters.add(channel.topic, schema.name, self._periods_ns.get(channel.topic, 0))

    def metadata(self, episode: str) -> str:
        """The contents of metadata.yaml."""
        topics = {
            name: TopicEntry(kind, self.counters.topics[name].messages, qos, digest)
            for name, (kind, qos, digest) in self._entries.items()
        }
        return metadata_text(RECORDING, topics, self.first_ns, self.last_ns, episode)

    @property
    def messages(self) -> int:
        """Copied, all topics together."""
        return sum(topic.messages for topic in self.counters.topics.values())

    def close(self) -> None:
        """Gives the file back; may be called twice."""
        self._file.close()

    def discard(self) -> None:
        """Removes the new file again."""
        self.close()
        self._path.unlink(missing_ok=True)
