"""Reads an episode once and keeps what a report tells."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.joints import DIM
from wam_core.status import State
from wam_data.checks.streams import camera_spreads
from wam_data.frames import COMPRESSED, IMAGE
from wam_data.layout import is_partial
from wam_data.manifest import EpisodeManifest, read_manifest
from wam_data.reader import EpisodeReader, Message
from wam_data.report.content import Chunk, Content, Event, Shot, Span, Track
from wam_data.report.thumbnails import thumbnail
from wam_data.verify import VerificationReport, verify

SHOTS: Final = 8  # thumbnails per camera
UNDERRUN: Final = 'underrun'
_STATES: Final = {state.value: state.name.lower() for state in State}
_WAIT_NS: Final = 60_000_000_000  # at most, from the start of a recording to its first message
_PAUSE_S: Final = 0.5  # without a tick: nothing was active meanwhile
_PERCENTILES: Final = (50, 99, 100)


def gather(episode: Path, shots: int = SHOTS) -> Content:
    """What there is to tell of a finished episode. shots: thumbnails per camera, 0: none.

    Raises WamError for one that is still being recorded, or can't be read.
    """
    if not episode.is_dir():
        raise WamError(f'{episode}: is not an episode directory')
    if is_partial(episode):
        raise WamError(f'{episode}: is still being recorded, or was cut off: recover it first')
    manifest = read_manifest(episode)
    with EpisodeReader(episode) as reader:
        collector = _Collector(manifest, reader, shots)
        for message in reader.messages(sorted(collector.wanted)):
            with suppress(WamError):  # of one that can't be decoded: verification names it
                collector.take(message)
    return collector.content(episode, verify(episode))


class _Rows:
    """A growing (N, 14) array with its times."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._rows: list[Any] = []

    def add(self, t_s: float, row: Any) -> None:
        self._times.append(t_s)
        self._rows.append(np.asarray(row, np.float64))

    def track(self) -> Track:
        return Track(np.array(self._times), np.array(self._rows).reshape(-1, DIM))


class _Spans:
    """A value that changes from time to time."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def see(self, t_s: float, name: str) -> None:
        last = self._spans[-1] if self._spans else None
        near = last is not None and t_s - last.stop_s < _PAUSE_S
        if last is not None and near:
            self._spans[-1] = Span(last.start_s, t_s, last.name)
        if last is None or not near or last.name != name:
            self._spans.append(Span(t_s, t_s, name))

    def spans(self) -> tuple[Span, ...]:
        return tuple(self._spans)


class _Collector:
    def __init__(self, manifest: EpisodeManifest, reader: EpisodeReader, shots: int) -> None:
        self._manifest = manifest
        first, last = reader.span_ns
        # An imported or recovered episode may not tell when it began.
        known = first - _WAIT_NS < manifest.started_ns <= last
        self._start_ns = manifest.started_ns if known else first
        self._stop_ns = last
        self._measured, self._requested, self._sent = _Rows(), _Rows(), _Rows()
        self._sources, self._states = _Spans(), _Spans()
        self._events: list[Event] = []
        self._chunks: list[Chunk] = []
        self._merged: int | None = None  # chunks and underruns as of the last tick
        self._underruns = 0
        step = (last - self._start_ns) / max(shots, 1)
        self._due = [self._start_ns + (number + 0.5) * step for number in range(shots)]
        self._handlers: dict[str, Callable[[float, Any], None]] = {
            '/proprioception': self._state,
            '/applied_action': self._tick,
            '/executor_state': self._executor,
            '/episode_event': self._event,
        }
        kinds = sorted(reader.topics.items())
        cameras = [name for name, kind in kinds if kind in (IMAGE, COMPRESSED)]
        self._names = camera_names(cameras)
        self._frames: dict[str, list[int]] = {topic: [] for topic in cameras}
        self._shots: dict[str, list[Shot]] = {topic: [] for topic in cameras}
        self._taken = dict.fromkeys(cameras, 0)  # moments of _due that are done with
        self._newest: dict[str, Message] = {}
        self.wanted = {*cameras, *(self._handlers.keys() & reader.topics.keys())}

    def take(self, message: Message) -> None:
        """Each wanted message, in order of receipt."""
        handler = self._handlers.get(message.topic)
        if handler is None:
            self._frame(message)
        else:
            handler(self._seconds(message.publish_time_ns), message.fields())

    def _seconds(self, stamp_ns: int) -> float:
        return (stamp_ns - self._start_ns) / 1e9

    def _state(self, t_s: float, fields: Any) -> None:
        self._measured.add(t_s, fields.position)

    def _tick(self, t_s: float, fields: Any) -> None:
        self._requested.add(t_s, fields.requested)
        self._sent.add(t_s, fields.limited)
        self._sources.see(t_s, fields.source)

    def _executor(self, t_s: float, fields: Any) -> None:
        self._states.see(t_s, _STATES.get(int(fields.state), 'unknown'))
        merged, underruns = int(fields.chunks_merged), int(fields.underruns)
        if self._merged is not None and merged > self._merged:
            self._chunks.append(Chunk(t_s, float(fields.latency_s)))
        if self._merged is not None and underruns > self._underruns:
            self._events.append(Event(t_s, 'executor', UNDERRUN, 'the timeline ran empty'))
        self._merged, self._underruns = merged, underruns  # a new run counts from 0 again

    def _event(self, t_s: float, fields: Any) -> None:
        self._events.append(Event(t_s, fields.node, fields.kind, fields.text))

    def _frame(self, message: Message) -> None:
        self._frames[message.topic].append(message.publish_time_ns)
        self._newest[message.topic] = message
        # One frame for all moments that passed while nothing came, not as many as moments.
        passed = bisect_right(self._due, message.publish_time_ns)
        if passed > self._taken[message.topic]:
            self._shoot(message)
            self._taken[message.topic] = passed

    def _shoot(self, message: Message) -> None:
        shot = Shot(self._seconds(message.publish_time_ns), thumbnail(message))
        self._shots[message.topic].append(shot)

    def _shoot_what_ended_early(self) -> None:
        for topic, message in self._newest.items():
            if self._due and not self._shots[topic]:
                with suppress(WamError):  # as above
                    self._shoot(message)

    def content(self, episode: Path, verification: VerificationReport) -> Content:
        """When all messages were taken."""
        self._shoot_what_ended_early()
        spreads = camera_spreads([np.array(stamps) for stamps in self._frames.values() if stamps])
        return Content(
            episode,
            self._manifest,
            verification,
            self._seconds(self._stop_ns),
            self._measured.track(),
            self._requested.track(),
            self._sent.track(),
            self._sources.spans(),
            self._states.spans(),
            tuple(self._interventions()),
            tuple(sorted(self._events, key=lambda event: event.t_s)),
            tuple(self._chunks),
            sum(event.kind == UNDERRUN for event in self._events),
            {self._names[topic]: len(stamps) for topic, stamps in self._frames.items()},
            {self._names[topic]: tuple(shots) for topic, shots in self._shots.items()},
            _summary_ms(spreads) if spreads.size else None,
        )

    def _interventions(self) -> list[Span]:
        return [
            Span(self._seconds(each.start_ns), self._seconds(each.stop_ns), each.source)
            for each in self._manifest.interventions
        ]


def _summary_ms(spreads_ns: NDArray[np.int64]) -> tuple[float, float, float]:
    median, high, largest = np.percentile(spreads_ns, _PERCENTILES) / 1e6
    return float(median), float(high), float(largest)


def camera_names(topics: Sequence[str]) -> dict[str, str]:
    """Topic -> its first part, as drivers run in a namespace of the camera's name; the whole of
    it where several begin alike."""
    first = {topic: topic.strip('/').split('/')[0] for topic in topics}
    names = list(first.values())
    return {topic: name if names.count(name) == 1 else topic for topic, name in first.items()}
