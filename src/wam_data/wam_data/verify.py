"""Checks that an episode is what its manifest says, and worth learning from."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from wam_core.errors import WamError
from wam_data.checks.cameras import Cameras
from wam_data.checks.finding import Findings
from wam_data.checks.joints import Joints
from wam_data.checks.streams import Streams
from wam_data.checks.thresholds import Thresholds
from wam_data.checks.ticks import Ticks
from wam_data.damage import check_recording, metadata_problems
from wam_data.layout import RECORDING, is_partial
from wam_data.manifest import EpisodeManifest, read_manifest
from wam_data.reader import EpisodeReader

REQUIRED: Final = ('/proprioception', '/applied_action')
"""Topics without which an episode says nothing of what the arms did."""
_EXECUTOR: Final = '/executor_state'  # required of what was recorded here


@dataclass(frozen=True)
class VerificationReport:
    """problems: what makes the episode wrong. flaws: what makes it a bad example. notes: what its
    reader should know. messages: read, 0 where it can't be read.
    """

    episode: Path
    messages: int
    problems: tuple[str, ...]
    flaws: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the recording is what it says that it is."""
        return not self.problems

    @property
    def clean(self) -> bool:
        """Whether it is also within all thresholds."""
        return not self.problems and not self.flaws

    @property
    def verdict(self) -> str:
        """In a few words."""
        counts = [f'{len(found)} {name}' for name, found in self._bad() if found]
        return f'{" and ".join(counts) or "ok"}, {self.messages} messages'

    def text(self) -> str:
        """For people: one line each."""
        lines = [f'{self.episode}: {self.verdict}']
        for name, found in (*self._bad(), ('notes', self.notes)):
            lines += [f'  {name[:-1]}: {text}' for text in found]
        return '\n'.join(lines)

    def _bad(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ('problems', self.problems), ('flaws', self.flaws)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        verdict = {'episode': str(self.episode), 'ok': self.ok, 'clean': self.clean}
        return asdict(self) | verdict


def verify(path: Path, bounds: Thresholds | None = None) -> VerificationReport:
    """Reads all of an episode and compares it with its manifest and the bounds. Changes nothing.

    Raises WamError only where ``path`` is not a directory; everything else is in the report.
    """
    if not path.is_dir():
        raise WamError(f'{path}: is not an episode directory')
    if is_partial(path):
        return _unreadable(path, 'is partial: still being recorded, or to be recovered')
    try:
        manifest = read_manifest(path)
        check_recording(path / RECORDING)
        with EpisodeReader(path) as reader:
            messages, found = _check(path, reader, manifest, bounds or Thresholds())
    except WamError as error:
        return _unreadable(path, str(error))
    return VerificationReport(
        path, messages, tuple(found.problems), tuple(found.flaws), tuple(found.notes)
    )


def _unreadable(path: Path, problem: str) -> VerificationReport:
    return VerificationReport(path, 0, (problem,), (), ())


def _check(
    path: Path, reader: EpisodeReader, manifest: EpisodeManifest, bounds: Thresholds
) -> tuple[int, Findings]:
    """One pass over the messages: how many there are, and what is wrong with them."""
    streams, joints, cameras, ticks = Streams(), Joints(), Cameras(bounds), Ticks()
    undecodable: dict[str, str] = {}
    number = 0
    for message in reader.messages():
        number += 1
        streams.observe(message)
        try:
            fields = message.fields()
        except WamError as error:
            undecodable.setdefault(message.topic, str(error))
            continue
        joints.observe(message, fields)
        cameras.observe(message, fields)
        ticks.observe(message, fields)
    found = streams.findings(reader.topics, manifest, bounds)
    found.problems += undecodable.values()
    found.problems += _check_counts(reader, manifest, streams)
    found.problems += metadata_problems(path, reader.counts)
    found.problems += _check_required(manifest, streams)
    ours = manifest.origin is None
    found.add(joints.findings(manifest.identity.rig, bounds, limited=ours))
    found.add(cameras.findings(joints))
    if ours:
        found.add(ticks.findings(bounds))
    found.add(_check_manifest(manifest, bounds))
    return number, found


def _check_required(manifest: EpisodeManifest, streams: Streams) -> Iterator[str]:
    required = REQUIRED if manifest.origin else (*REQUIRED, _EXECUTOR)
    return (f'topic {topic} has no message' for topic in required if not streams.count(topic))


def _check_counts(
    reader: EpisodeReader, manifest: EpisodeManifest, streams: Streams
) -> Iterator[str]:
    claimed = {name: topic.messages for name, topic in manifest.topics.items()}
    for topic in sorted({*claimed, *reader.counts}):
        seen = {
            'the recording': streams.count(topic),
            'its index': reader.counts.get(topic, 0),
            'episode.json': claimed.get(topic, 0),
        }
        if len(set(seen.values())) > 1:
            said = ', '.join(f'{number} in {where}' for where, number in seen.items())
            yield f'topic {topic}: {said}'


def _check_manifest(manifest: EpisodeManifest, bounds: Thresholds) -> Findings:
    found = Findings()
    if manifest.outcome is None:
        (found.flaws if bounds.label else found.notes).append('has no outcome yet')
    if not manifest.complete:
        why = manifest.stop_reason or 'messages were dropped'
        found.notes.append(f'is not complete: {why}')
    if manifest.origin is not None and manifest.origin.unknown:
        found.notes.append(f'imported; not known: {", ".join(manifest.origin.unknown)}')
    for name, topic in manifest.topics.items():
        if topic.dropped:
            found.notes.append(f'topic {name}: {topic.dropped} messages dropped by the recorder')
        if topic.missing:
            found.notes.append(
                f'topic {name}: {topic.missing} messages missing, judged by their stamps'
            )
    return found
