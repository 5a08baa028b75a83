"""Reads an episode: messages in order of receipt, decoded by the definitions that it embeds."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mcap.reader import McapReader, make_reader
from mcap.summary import Summary
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from wam_core.errors import WamError
from wam_data.layout import RECORDING
from wam_data.scan import DAMAGE
from wam_data.wanted_fields import fault


@dataclass(frozen=True)
class Message:
    """type: package/msg/Type. log_time_ns: receipt; publish_time_ns: header stamp; ROS clock.

    data: CDR bytes.
    """

    topic: str
    type: str
    log_time_ns: int
    publish_time_ns: int
    data: bytes
    _types: Typestore
    _fault: str  # why it can't be read as what it should be; empty: it can

    def fields(self) -> Any:
        """The decoded message: fields by name; number arrays are NumPy arrays.

        Raises WamError also where the recorded definition lacks a field that readers look at.
        """
        if self._fault:
            raise WamError(self._fault)
        try:
            return self._types.deserialize_cdr(self.data, self.type)
        except (SerdeError, AssertionError, KeyError) as error:
            raise WamError(
                f'{self.topic}: {len(self.data)} bytes at {self.log_time_ns} are not a '
                f'{self.type}: {error}'
            ) from error


class EpisodeReader:
    """The recording of an episode directory. A context manager; opening raises WamError."""

    def __init__(self, episode: Path) -> None:
        self.path = episode / RECORDING
        self._types = get_typestore(Stores.EMPTY)
        with ExitStack() as stack:
            self._summary = self._open(stack)
            self._register()
            self._faults = self._find_faults()
            self._stack = stack.pop_all()

    def _open(self, stack: ExitStack) -> Summary:
        try:
            stream = stack.enter_context(self.path.open('rb'))
            self._reader: McapReader = make_reader(stream, validate_crcs=True)
            summary = self._reader.get_summary()
        except OSError as error:
            raise WamError(f'{self.path}: cannot be read: {error.strerror}') from error
        except DAMAGE as error:
            raise WamError(f'{self.path}: is cut off or damaged: {error!r}') from error
        if summary is None or summary.statistics is None:
            raise WamError(f'{self.path}: has no index; `wam episodes recover` makes one that has')
        return summary

    def _register(self) -> None:
        for schema in self._summary.schemas.values():
            if schema.encoding != 'ros2msg':
                raise WamError(
                    f'{self.path}: definition of {schema.name} is {schema.encoding!r}, '
                    "expected 'ros2msg'"
                )
            try:
                text = schema.data.decode()
                self._types.register(get_types_from_msg(text, schema.name))
            except (TypesysError, UnicodeDecodeError) as error:
                raise WamError(f'{self.path}: definition of {schema.name}: {error}') from error
        for channel in self._summary.channels.values():
            if channel.schema_id not in self._summary.schemas:
                raise WamError(f'{self.path}: the definition of topic {channel.topic} is missing')

    def _find_faults(self) -> dict[int, str]:
        """Number of each channel -> why its messages can't be read; empty: they can."""
        faults = {}
        for number, channel in self._summary.channels.items():
            kind = self._summary.schemas[channel.schema_id].name
            found = fault(self._types, channel.topic, kind)
            faults[number] = f'{self.path}: {found}' if found else ''
        return faults

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> package/msg/Type of everything that was subscribed to."""
        summary = self._summary
        return {
            channel.topic: summary.schemas[channel.schema_id].name
            for channel in summary.channels.values()
        }

    @property
    def counts(self) -> dict[str, int]:
        """Topic -> number of messages, by the summary."""
        statistics = self._summary.statistics
        assert statistics is not None
        return {
            channel.topic: statistics.channel_message_counts.get(number, 0)
            for number, channel in self._summary.channels.items()
        }

    @property
    def span_ns(self) -> tuple[int, int]:
        """Log times of the first and the last message, ROS clock; (0, 0) without messages."""
        statistics = self._summary.statistics
        assert statistics is not None
        return statistics.message_start_time, statistics.message_end_time

    def messages(self, topics: Sequence[str] | None = None) -> Iterator[Message]:
        """Messages in order of receipt; of all topics, or of some. Raises WamError."""
        try:
            for schema, channel, message in self._reader.iter_messages(topics=topics):
                assert schema is not None
                yield Message(
                    channel.topic,
                    schema.name,
                    message.log_time,
                    message.publish_time,
                    message.data,
                    self._types,
                    self._faults[channel.id],
                )
        except KeyError as error:
            raise WamError(
                f'{self.path}: has messages of channel {error}, which its index lacks'
            ) from error
        except (*DAMAGE, OSError) as error:
            raise WamError(f'{self.path}: is damaged: {error!r}') from error

    def close(self) -> None:
        """Closes the file."""
        self._stack.close()

    def __enter__(self) -> 'EpisodeReader':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
