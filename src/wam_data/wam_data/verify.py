"""Checks that an episode is what its manifest says: structure, counts, stamps, topics."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import yaml

from wam_core.errors import WamError
from wam_data.layout import METADATA, RECORDING, is_partial
from wam_data.manifest import EpisodeManifest, read_manifest
from wam_data.reader import EpisodeReader
from wam_data.scan import data_is_sound

REQUIRED: Final = ('/proprioception', '/applied_action', '/executor_state')
"""Topics without which an episode says nothing of what the arms did."""
_MANY_PUBLISHERS: Final = ('/diagnostics', '/episode_event', '/stream_status')
"""Topics whose stamps come from several nodes, and so in any order."""


@dataclass(frozen=True)
class VerificationReport:
    """problems: what makes the episode wrong. notes: what its reader should know."""

    episode: Path
    messages: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def text(self) -> str:
        """For people: one line each."""
        verdict = 'ok' if self.ok else f'{len(self.problems)} problems'
        lines = [f'{self.episode}: {verdict}, {self.messages} messages']
        lines += [f'  problem: {problem}' for problem in self.problems]
        lines += [f'  note: {note}' for note in self.notes]
        return '\n'.join(lines)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self) | {'episode': str(self.episode), 'ok': self.ok}


def verify(path: Path) -> VerificationReport:
    """Reads all of an episode and compares it with its manifest. Never changes it.

    Raises WamError only where ``path`` is not a directory; everything else is in the report.
    """
    if not path.is_dir():
        raise WamError(f'{path}: is not an episode directory')
    if is_partial(path):
        problem = 'is partial: still being recorded, or to be recovered'
        return VerificationReport(path, 0, (problem,), ())
    try:
        manifest = read_manifest(path)
        if not data_is_sound(path / RECORDING):
            problem = f'{RECORDING} is damaged: its data fails its checksum'
            return VerificationReport(path, 0, (problem,), ())
        with EpisodeReader(path) as reader:
            messages, problems = _check_messages(reader)
            problems += _check_counts(reader, manifest, messages)
            problems += _check_metadata(path, reader)
    except WamError as error:
        return VerificationReport(path, 0, (str(error),), ())
    problems += [f'topic {topic} has no message' for topic in REQUIRED if not messages[topic]]
    return VerificationReport(path, messages.total(), tuple(problems), tuple(_notes(manifest)))


def _check_messages(reader: EpisodeReader) -> tuple[Counter[str], list[str]]:
    """Decodes every message; counts per topic, and what is wrong with them."""
    counts: Counter[str] = Counter()
    newest: dict[str, int] = {}
    backwards: Counter[str] = Counter()
    undecodable: dict[str, str] = {}
    for message in reader.messages():
        counts[message.topic] += 1
        backwards[message.topic] += message.publish_time_ns < newest.get(message.topic, 0)
        newest[message.topic] = max(newest.get(message.topic, 0), message.publish_time_ns)
        try:
            message.fields()
        except WamError as error:
            undecodable.setdefault(message.topic, str(error))
    problems = [
        f'topic {topic}: {number} stamps are older than the one before'
        for topic, number in backwards.items()
        if number and topic not in _MANY_PUBLISHERS
    ]
    return counts, problems + list(undecodable.values())


def _check_counts(
    reader: EpisodeReader, manifest: EpisodeManifest, messages: Counter[str]
) -> Iterator[str]:
    claimed = {name: topic.messages for name, topic in manifest.topics.items()}
    for topic in sorted({*claimed, *reader.counts}):
        seen = {
            'the recording': messages[topic],
            'its index': reader.counts.get(topic, 0),
            'episode.json': claimed.get(topic, 0),
        }
        if len(set(seen.values())) > 1:
            said = ', '.join(f'{number} in {where}' for where, number in seen.items())
            yield f'topic {topic}: {said}'


def _check_metadata(path: Path, reader: EpisodeReader) -> Iterator[str]:
    try:
        contents = yaml.safe_load((path / METADATA).read_text(encoding='utf-8'))
        topics = contents['rosbag2_bagfile_information']['topics_with_message_count']
        counts = {entry['topic_metadata']['name']: entry['message_count'] for entry in topics}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        yield f'{METADATA} cannot be read: {error!r}'
        return
    if counts != reader.counts:
        yield f'{METADATA} counts other messages than the recording has'


def _notes(manifest: EpisodeManifest) -> Iterator[str]:
    if manifest.outcome is None:
        yield 'has no outcome yet'
    if not manifest.complete:
        yield f'is not complete: {manifest.stop_reason or "messages were dropped"}'
    for name, topic in manifest.topics.items():
        if topic.dropped:
            yield f'topic {name}: {topic.dropped} messages dropped by the recorder'
        if topic.missing:
            yield f'topic {name}: {topic.missing} messages missing, judged by their stamps'
