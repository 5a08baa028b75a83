"""What a report says in words and numbers, the same as text and on the page."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from wam_core.joints import ARMS
from wam_data.report.content import Content

_HEADS: Final = ('topic', 'messages', 'Hz', 'largest gap [ms]', 'missing', 'dropped', 'backwards')


def title(content: Content) -> str:
    """The instruction and which episode it is."""
    identity = content.manifest.identity
    return f'{identity.task or identity.task_name or "untitled"} — {content.episode.name}'


def verdict(content: Content) -> str:
    """How it ended."""
    outcome = content.manifest.outcome
    return 'not labelled' if outcome is None else f'{outcome.result}, score {outcome.score:g}'


def facts(content: Content) -> Iterator[tuple[str, str]]:
    """Name and value of what is known; what isn't is left out."""
    manifest = content.manifest
    identity, outcome, origin = manifest.identity, manifest.outcome, manifest.origin
    found = [
        ('kind', identity.kind),
        ('task', identity.task_name),
        ('started', manifest.started_utc),
        ('length', f'{content.duration_s:.2f} s'),
        ('rig', identity.rig),
        ('policy', ' '.join(filter(None, (identity.policy, identity.mode)))),
        ('operator', identity.operator),
        ('seed', '' if identity.seed < 0 else str(identity.seed)),
        ('stages', ', '.join(outcome.stages) if outcome else ''),
        ('note', outcome.note if outcome else ''),
        ('labelled', ' '.join(filter(None, (outcome.by, outcome.at))) if outcome else ''),
        ('earlier labels', ', '.join(f'{each.result} {each.score:g}' for each in manifest.labels)),
        ('interventions', _interventions(content)),
        ('chunks', _chunks(content)),
        ('camera spread', _spread(content)),
        ('tracking', _tracking(content)),
        ('recording', f'{manifest.messages} messages, {_dropped(content)}'),
        ('verification', content.verification.verdict),
        ('imported from', f'{origin.format}: {origin.path} {origin.episode}' if origin else ''),
        ('recorded by', identity.stack_version),
    ]
    return ((name, value.strip()) for name, value in found if value.strip())


def _interventions(content: Content) -> str:
    spans = content.interventions
    seconds = sum(span.stop_s - span.start_s for span in spans)
    return f'{len(spans)}, {seconds:.1f} s in all' if spans else ''


def _chunks(content: Content) -> str:
    if not content.chunks:
        return ''
    latencies = np.array([chunk.latency_s for chunk in content.chunks]) * 1000
    latency = f'after {np.median(latencies):.0f} ms (at most {latencies.max():.0f} ms)'
    return f'{len(latencies)}, {latency}, {content.underruns} underruns'


def _spread(content: Content) -> str:
    if content.spread_ms is None:
        return ''
    median, high, largest = content.spread_ms
    return f'median {median:.1f} ms, 99 % {high:.1f} ms, largest {largest:.1f} ms'


def _tracking(content: Content) -> str:
    mean, largest = content.errors()
    if not np.isfinite(mean[ARMS]).all():
        return ''
    # Not of the grippers: those that hold something stay behind on purpose.
    return (
        f'measured - sent: rms {mean[ARMS].max():.3f} rad, at most {largest[ARMS].max():.3f} rad'
    )


def _dropped(content: Content) -> str:
    topics = content.manifest.topics.values()
    missing = sum(topic.missing for topic in topics)
    return f'{content.manifest.dropped} dropped, {missing} missing'


def no_pictures(content: Content, camera: str) -> str:
    """Why a camera has no thumbnails."""
    frames = content.frames[camera]
    return f'none of {frames} frames can be decoded' if frames else 'no frame was recorded'


def stream_rows(content: Content) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads, and one row for each topic that has messages."""
    rows: list[tuple[str, ...]] = [
        (
            name,
            str(topic.messages),
            f'{topic.rate_hz:.1f}',
            f'{topic.largest_gap_s * 1000:.0f}',
            str(topic.missing) if topic.period_s else '',
            str(topic.dropped),
            str(topic.backwards),
        )
        for name, topic in content.manifest.topics.items()
        if topic.messages or topic.dropped
    ]
    return _HEADS, rows
