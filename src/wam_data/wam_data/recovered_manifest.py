"""episode.json of an episode that was recovered: what is known from before, and what was saved."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from wam_core.errors import WamError
from wam_data.identity import Identity
from wam_data.layout import final, is_partial
from wam_data.manifest import EpisodeManifest, TopicStatistics, read_manifest
from wam_data.recording_copy import RecordingCopy
from wam_data.scan import Scan

_REASON: Final = 'the recorder ended without closing it; recovered'


def periods_ns(path: Path) -> dict[str, int]:
    """The nominal periods of topics, as the old manifest has them."""
    manifest = _read(path)
    topics = manifest.topics if manifest else {}
    return {name: round(topic.period_s * 1e9) for name, topic in topics.items()}


def recovered_manifest(path: Path, copy: RecordingCopy, result: Scan) -> EpisodeManifest:
    """Of what was copied from the recording in ``path``. result: of the walk over it."""
    old = _read(path) or _without_manifest(path, copy)
    whole = result.finished and not result.damaged_chunks and copy.messages >= old.messages
    if not (whole and old.stopped_ns):  # the messages are the only witness of the end
        old = replace(
            old,
            stopped_utc=_later(old.started_utc, (copy.last_ns - copy.first_ns) / 1000),
            stopped_ns=max(copy.last_ns, old.started_ns),
            wall_s=0.0,
        )
    return replace(
        old,
        topics=_topics(old, copy),
        camera_sync=copy.counters.spread(),
        # What was imported has no messages that tell them.
        interventions=old.interventions if old.origin else copy.counters.interventions(),
        complete=False,
        recovered=True,
        stop_reason=_reason(path, old, copy.messages),
    )


def _read(path: Path) -> EpisodeManifest | None:
    try:
        return read_manifest(path)
    except WamError:
        return None  # a recording without a readable manifest is still worth saving


def _without_manifest(path: Path, copy: RecordingCopy) -> EpisodeManifest:
    """The directory's name is the only other witness of the time; the parent's, of the task."""
    begun = final(path).name.split('-', maxsplit=1)[0]
    try:
        start = datetime.strptime(begun, '%Y%m%dT%H%M%SZ').replace(tzinfo=timezone.utc)
        started_utc = start.isoformat(timespec='milliseconds')
    except ValueError:
        started_utc = ''
    return EpisodeManifest(Identity(path.parent.name), started_utc, copy.first_ns)


def _topics(old: EpisodeManifest, copy: RecordingCopy) -> dict[str, TopicStatistics]:
    """Counted again, but for what was dropped before it reached the recording."""
    counted = copy.counters.statistics(old.started_ns, old.stopped_ns)
    lost = {
        name: TopicStatistics(topic.type, period_s=topic.period_s)
        for name, topic in old.topics.items()
        if name not in counted
    }
    return {
        name: replace(topic, dropped=old.topics[name].dropped if name in old.topics else 0)
        for name, topic in {**counted, **lost}.items()
    }


def _reason(path: Path, old: EpisodeManifest, saved: int) -> str:
    if is_partial(path):
        reasons = [old.stop_reason or _REASON]
    else:
        reasons = [old.stop_reason, f'recovered from {path.name}, which is damaged']
    if old.messages > saved:
        reasons.append(f'{old.messages - saved} of {old.messages} messages lost')
    return '; '.join(filter(None, reasons))


def _later(start: str, span_us: float) -> str:
    """UTC of the end, as far as the messages tell it; empty where the start is unknown."""
    try:
        moment = datetime.fromisoformat(start) + timedelta(microseconds=span_us)
    except ValueError:
        return ''
    return moment.isoformat(timespec='milliseconds')
