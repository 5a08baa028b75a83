"""Mends an episode whose recorder died: a *.partial directory becomes a valid episode.

The original recording is replaced only when the new one is complete and synced to disk.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mcap.records import Channel, Schema
from mcap.writer import CompressionType, Writer

from wam_core.errors import WamError
from wam_data.bag_metadata import Qos, TopicEntry, metadata_text
from wam_data.identity import Identity
from wam_data.layout import (
    METADATA,
    RECORDING,
    complete,
    final,
    is_partial,
    sync_directory,
    write_atomically,
)
from wam_data.manifest import EpisodeManifest, read_manifest, write_manifest
from wam_data.open_episodes import is_held
from wam_data.progress import Progress
from wam_data.scan import Scanner
from wam_data.statistics import Counters
from wam_data.writer import File

_MENDED: Final = '.recovered.mcap'
_REASON: Final = 'the recorder ended without closing it; recovered'


@dataclass(frozen=True)
class RecoveryReport:
    """What was saved. bytes_lost: behind the last whole record. chunks_bad: failed their check."""

    episode: Path
    messages: int
    bytes_lost: int
    chunks_bad: int

    def text(self) -> str:
        """For people."""
        return (
            f'{self.episode}: {self.messages} messages recovered, {self.bytes_lost} bytes '
            f'and {self.chunks_bad} damaged chunks lost'
        )

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self) | {'episode': str(self.episode)}


def recover(path: Path, progress: Progress | None = None) -> RecoveryReport:
    """Makes a valid episode of what a dead recorder left. progress: bytes read, bytes in all.

    Raises WamError where there is nothing to mend, or nothing that can be mended, and then leaves
    the directory as it was; OSError where the disk fails.
    """
    if not path.is_dir():
        raise WamError(f'{path}: is not a directory; expected an episode that ends in .partial')
    path = path.absolute()
    if not is_partial(path):
        raise WamError(f'{path}: is not a partial episode: nothing to recover')
    if is_held(path):
        raise WamError(f'{path}: is being recorded: stop the recorder first')
    if final(path).exists():
        raise WamError(f'{path}: {final(path).name} exists already; move one of them away')
    scanner = Scanner(path / RECORDING)
    copy = _Copy(path / _MENDED, _periods(path))
    try:
        copy.fill(scanner, progress)
    except (WamError, OSError):
        copy.discard()
        raise
    manifest = _manifest(path, copy)
    (path / _MENDED).replace(path / RECORDING)
    sync_directory(path)
    write_atomically(path / METADATA, copy.metadata(final(path).name))
    write_manifest(path, manifest)
    result = scanner.result
    lost = 0 if result.finished else result.total_bytes - result.good_bytes
    return RecoveryReport(complete(path), manifest.messages, lost, result.damaged_chunks)


class _Copy:
    """A new recording with the messages of an old one."""

    def __init__(self, path: Path, periods_ns: dict[str, int]) -> None:
        self._path = path
        self._periods_ns = periods_ns
        path.unlink(missing_ok=True)  # of a recovery that was itself interrupted
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
            self.counters.observe(channel.topic, message.data, message.publish_time)
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

    def discard(self) -> None:
        """Removes the new file again."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _old_manifest(path: Path) -> EpisodeManifest | None:
    try:
        return read_manifest(path)
    except WamError:
        return None  # a recording without a readable manifest is still worth saving


def _periods(path: Path) -> dict[str, int]:
    manifest = _old_manifest(path)
    topics = manifest.topics if manifest else {}
    return {name: round(topic.period_s * 1e9) for name, topic in topics.items()}


def _manifest(path: Path, copy: _Copy) -> EpisodeManifest:
    manifest = _old_manifest(path)
    if manifest is None:
        # The directory's name is the only other witness of the time; the parent's, of the task.
        begun = path.name.split('-', maxsplit=1)[0]
        manifest = EpisodeManifest(Identity(path.parent.name), begun, copy.first_ns)
    span = timedelta(microseconds=(copy.last_ns - copy.first_ns) / 1000)
    return replace(
        manifest,
        stopped_utc=manifest.stopped_utc or _later(manifest.started_utc, span),
        stopped_ns=manifest.stopped_ns or max(copy.last_ns, manifest.started_ns),
        topics=copy.counters.statistics(),
        camera_sync=copy.counters.spread(),
        interventions=copy.counters.interventions(),
        complete=False,
        recovered=True,
        stop_reason=manifest.stop_reason or _REASON,
    )


def _later(start: str, span: timedelta) -> str:
    """UTC of the end, as far as the messages tell it; empty where the start is unknown."""
    try:
        return (datetime.fromisoformat(start) + span).isoformat(timespec='milliseconds')
    except ValueError:
        return ''
