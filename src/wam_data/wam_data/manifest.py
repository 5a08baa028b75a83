"""episode.json: what an episode is, how it ended, and how well it was recorded."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from wam_core.errors import WamError
from wam_core.mapping import Section
from wam_core.utf8 import check_texts
from wam_data.identity import ADDED, Identity, Origin, parse_identity, parse_origin
from wam_data.layout import MANIFEST, write_atomically

SCHEMA: Final = 1
RESULTS: Final = ('success', 'failure', 'aborted')
_LARGEST: Final = 2**63 - 1
Part = TypeVar('Part')


@dataclass(frozen=True)
class Outcome:
    """How an episode ended. score: 0..100. stages: reached, in order. by: who says so, at: UTC."""

    result: str
    score: float = 0.0
    stages: tuple[str, ...] = ()
    note: str = ''
    by: str = ''
    at: str = ''

    def __post_init__(self) -> None:
        if self.result not in RESULTS:
            raise WamError(f'outcome {self.result!r}, expected one of {list(RESULTS)}')
        if not 0.0 <= self.score <= 100.0:  # false for NaN too
            raise WamError(f'score {self.score:g}, allowed 0 to 100')
        for name in ('note', 'by', 'stages'):
            check_texts(getattr(self, name), name)

    @property
    def success(self) -> bool:
        """Whether the task was done."""
        return self.result == 'success'


@dataclass(frozen=True)
class TopicStatistics:
    """One topic. bytes: before compression. dropped: received, not written. missing: judged by the
    gaps between header stamps, and to the episode's ends, and the nominal ``period_s`` (0:
    unknown). backwards: stamps that were older than the one before. rate_hz, largest_gap_s: by
    header stamps.
    """

    type: str
    messages: int = 0
    bytes: int = 0
    dropped: int = 0
    missing: int = 0
    backwards: int = 0
    rate_hz: float = 0.0
    largest_gap_s: float = 0.0
    period_s: float = 0.0


@dataclass(frozen=True)
class Spread:
    """Newest minus oldest stamp of the matched camera sets, ms."""

    sets: int
    mean_ms: float
    max_ms: float


@dataclass(frozen=True)
class Intervention:
    """An interval in which a person took over. ROS clock, ns."""

    start_ns: int
    stop_ns: int
    source: str


@dataclass(frozen=True)
class EpisodeManifest:
    """The contents of episode.json.

    started_ns, stopped_ns: ROS clock; started_utc, stopped_utc: ISO 8601. wall_s: seconds on the
    monotonic clock. labels: outcomes that were replaced, oldest first. complete: nothing was
    dropped and the recording was closed in order; stop_reason says why not. origin: None for one
    that this stack recorded.
    """

    identity: Identity
    started_utc: str
    started_ns: int
    stopped_utc: str = ''
    stopped_ns: int = 0
    wall_s: float = 0.0
    topics: Mapping[str, TopicStatistics] = field(default_factory=dict)
    camera_sync: Spread | None = None
    interventions: tuple[Intervention, ...] = ()
    outcome: Outcome | None = None
    labels: tuple[Outcome, ...] = ()
    complete: bool = False
    recovered: bool = False
    stop_reason: str = ''
    origin: Origin | None = None

    @property
    def duration_s(self) -> float:
        """Of the recording on the ROS clock, s; 0 while it is open."""
        return max(0, self.stopped_ns - self.started_ns) / 1e9

    @property
    def messages(self) -> int:
        """Written, all topics together."""
        return sum(topic.messages for topic in self.topics.values())

    @property
    def dropped(self) -> int:
        """Received and not written, all topics together."""
        return sum(topic.dropped for topic in self.topics.values())

    def labelled(self, outcome: Outcome) -> 'EpisodeManifest':
        """The same episode with another outcome; the old one goes into the history."""
        history = self.labels if self.outcome is None else (*self.labels, self.outcome)
        return replace(self, outcome=outcome, labels=history)

    def text(self) -> str:
        """JSON, with what can be derived written out for readers in other languages.

        Raises WamError for a text that no reader would take.
        """
        identity = asdict(self.identity) | {'policy_hash': self.identity.policy_hash}
        contents: dict[str, Any] = {'schema': SCHEMA, **identity}
        rest = asdict(self)
        del rest['identity']
        contents |= rest
        contents['duration_s'] = self.duration_s
        contents['outcome'] = None if self.outcome is None else _outcome_contents(self.outcome)
        contents['labels'] = [_outcome_contents(label) for label in self.labels]
        check_texts(contents, MANIFEST)
        return json.dumps(contents, indent=2, allow_nan=False) + '\n'


def _outcome_contents(outcome: Outcome) -> dict[str, object]:
    return {**asdict(outcome), 'success': outcome.success}


def write_manifest(episode: Path, manifest: EpisodeManifest) -> None:
    """Writes episode.json so that a reader sees the old one or the new one. Raises OSError."""
    write_atomically(episode / MANIFEST, manifest.text())


def read_manifest(episode: Path) -> EpisodeManifest:
    """The manifest of an episode directory. Raises WamError naming the file and the fault."""
    path = episode / MANIFEST
    try:
        contents = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise WamError(f'{path}: cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise WamError(f'{path}: is not JSON: {error}') from error
    return parse_manifest(contents, str(path))


def parse_manifest(contents: object, source: str) -> EpisodeManifest:
    """Checks the contents of episode.json. Raises WamError with ``source`` and the key."""
    if isinstance(contents, Mapping):  # null and a missing key mean the same: not known
        given = {key: value for key, value in contents.items() if value is not None}
        contents = {**ADDED, **given}
    check_texts(contents, source)
    section = Section(contents, source)
    section.integer('schema', SCHEMA, SCHEMA)
    section.number('duration_s')
    section.text('policy_hash')
    identity = parse_identity(section)
    topics = section.section('topics')
    manifest = EpisodeManifest(
        identity=identity,
        started_utc=section.text('started_utc'),
        started_ns=section.integer('started_ns', 0, _LARGEST),
        stopped_utc=section.text('stopped_utc'),
        stopped_ns=section.integer('stopped_ns', 0, _LARGEST),
        wall_s=section.number('wall_s', 0.0),
        topics={name: _topic(topics.section(name)) for name in topics.names()},
        camera_sync=_optional(section, 'camera_sync', _spread),
        interventions=tuple(map(_intervention, _entries(section, 'interventions'))),
        outcome=_optional(section, 'outcome', _outcome),
        labels=tuple(map(_outcome, _entries(section, 'labels'))),
        complete=section.flag('complete'),
        recovered=section.flag('recovered'),
        stop_reason=section.text('stop_reason'),
        origin=_optional(section, 'origin', parse_origin),
    )
    section.close()
    return manifest


def _optional(section: Section, key: str, parse: Callable[[Section], Part]) -> Part | None:
    return parse(section.section(key)) if key in section else None


def _entries(section: Section, key: str) -> list[Section]:
    return [
        Section(entry, f'{section.source}: {key}[{index}]')
        for index, entry in enumerate(section.sequence(key))
    ]


def _outcome(section: Section) -> Outcome:
    section.flag('success')
    texts = {key: section.text(key) for key in ('note', 'by', 'at')}
    score, stages = section.number('score', 0.0, 100.0), section.texts('stages')
    outcome = Outcome(section.text('result', RESULTS), score, stages, **texts)
    section.close()
    return outcome


def _topic(section: Section) -> TopicStatistics:
    counts = {
        key: section.integer(key, 0, _LARGEST)
        for key in ('messages', 'bytes', 'dropped', 'missing', 'backwards')
    }
    topic = TopicStatistics(
        section.text('type'),
        **counts,
        rate_hz=section.number('rate_hz'),
        largest_gap_s=section.number('largest_gap_s'),
        period_s=section.number('period_s'),
    )
    section.close()
    return topic


def _spread(section: Section) -> Spread:
    sets = section.integer('sets', 0, _LARGEST)
    spread = Spread(sets, section.number('mean_ms'), section.number('max_ms'))
    section.close()
    return spread


def _intervention(section: Section) -> Intervention:
    start, stop = (section.integer(key, 0, _LARGEST) for key in ('start_ns', 'stop_ns'))
    intervention = Intervention(start, stop, section.text('source'))
    section.close()
    return intervention
