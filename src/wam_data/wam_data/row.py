"""One line of the episode index: its columns, their meaning, and where their values come from."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from wam_data.layout import RECORDING
from wam_data.manifest import EpisodeManifest

_PICTURES: Final = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
_SQL: Final[dict[Any, str]] = {
    str: 'VARCHAR',
    int: 'BIGINT',
    float: 'DOUBLE',
    float | None: 'DOUBLE',
    bool: 'BOOLEAN',
    bool | None: 'BOOLEAN',
    tuple[str, ...]: 'VARCHAR[]',
}


def _column(meaning: str, default: Any = '') -> Any:
    return field(default=default, metadata={'meaning': meaning})


@dataclass(frozen=True)
class Row:
    """The columns of the index. ``COLUMNS`` has their SQL types and meanings."""

    path: str = _column('of its directory')
    name: str = _column('of its directory: UTC start and four hex digits')
    folder: str = _column("of its task: the directory's parent")
    kind: str = _column('rollout, demonstration or imported')
    task: str = _column('language instruction')
    task_name: str = _column('name in config/tasks; empty: none')
    rig: str = _column('name or path')
    policy: str = _column('name; empty for a demonstration')
    policy_hash: str = _column('SHA-256 of its specification')
    mode: str = _column('of execution: sync, async or rtc')
    operator: str = _column('who teleoperated or supervised')
    seed: int = _column('of the scene; -1: none', -1)
    outcome: str = _column('success, failure or aborted; empty: not labelled')
    success: bool | None = _column('NULL: not labelled', None)
    score: float | None = _column('0 to 100; NULL: not labelled', None)
    stages: tuple[str, ...] = _column('reached, in order', ())
    note: str = _column('of the label')
    labelled_by: str = _column('who labelled it')
    labelled_at: str = _column('when, UTC, ISO 8601')
    relabels: int = _column('how often the label was replaced', 0)
    started: str = _column('UTC, ISO 8601')
    duration_s: float = _column('of the recording, s, ROS clock', 0.0)
    wall_s: float = _column('the same on the monotonic clock', 0.0)
    messages: int = _column('written', 0)
    bytes: int = _column('size of the recording', 0)
    dropped: int = _column('messages received and not written', 0)
    missing: int = _column('messages that never came, judged by their stamps', 0)
    backwards: int = _column('stamps older than the one before', 0)
    largest_gap_s: float = _column('between stamps of a topic with a nominal rate, s', 0.0)
    spread_mean_ms: float | None = _column('of the matched camera sets; NULL: none', None)
    spread_max_ms: float | None = _column('the same, largest', None)
    cameras: tuple[str, ...] = _column('topics that have pictures', ())
    interventions: int = _column('times that a person took over', 0)
    intervened_s: float = _column('for how long in all, s', 0.0)
    complete: bool = _column('nothing dropped, and closed in order', False)
    partial: bool = _column('still being recorded, or cut off', False)
    recovered: bool = _column('mended after a crash', False)
    stop_reason: str = _column('why it is not complete')
    origin: str = _column('format that it was imported from; empty: recorded here')
    origin_path: str = _column('file or folder that it was imported from')
    origin_episode: str = _column('which of its episodes')
    config_hash: str = _column('of the config folder')
    stack_version: str = _column('that recorded it')
    problem: str = _column('why episode.json cannot be read; all else is empty then')


COLUMNS: Final = {
    entry.name: (_SQL[entry.type], entry.metadata['meaning']) for entry in fields(Row)
}
"""Name -> (SQL type, meaning), in order."""


def row_of(path: Path, manifest: EpisodeManifest, *, partial: bool) -> Row:
    """Of an episode directory with this manifest."""
    identity, origin = manifest.identity, manifest.origin
    return Row(
        path=str(path),
        name=path.name,
        folder=path.parent.name,
        kind=identity.kind,
        task=identity.task,
        task_name=identity.task_name,
        rig=identity.rig,
        policy=identity.policy,
        policy_hash=identity.policy_hash,
        mode=identity.mode,
        operator=identity.operator,
        seed=identity.seed,
        started=manifest.started_utc,
        duration_s=manifest.duration_s,
        wall_s=manifest.wall_s,
        bytes=_size(path / RECORDING),
        complete=manifest.complete,
        partial=partial,
        recovered=manifest.recovered,
        stop_reason=manifest.stop_reason,
        origin=origin.format if origin else '',
        origin_path=origin.path if origin else '',
        origin_episode=origin.episode if origin else '',
        config_hash=identity.config_hash,
        stack_version=identity.stack_version,
        **_label(manifest),
        **_quality(manifest),
    )


def _label(manifest: EpisodeManifest) -> dict[str, Any]:
    outcome = manifest.outcome
    if outcome is None:
        return {'relabels': len(manifest.labels)}
    return {
        'outcome': outcome.result,
        'success': outcome.success,
        'score': outcome.score,
        'stages': outcome.stages,
        'note': outcome.note,
        'labelled_by': outcome.by,
        'labelled_at': outcome.at,
        'relabels': len(manifest.labels),
    }


def _quality(manifest: EpisodeManifest) -> dict[str, Any]:
    topics, spread = manifest.topics, manifest.camera_sync
    paced = [topic.largest_gap_s for topic in topics.values() if topic.period_s > 0]
    taken_ns = sum(each.stop_ns - each.start_ns for each in manifest.interventions)
    return {
        'messages': manifest.messages,
        'dropped': manifest.dropped,
        'missing': sum(topic.missing for topic in topics.values()),
        'backwards': sum(topic.backwards for topic in topics.values()),
        'largest_gap_s': max(paced, default=0.0),
        'spread_mean_ms': spread.mean_ms if spread else None,
        'spread_max_ms': spread.max_ms if spread else None,
        'cameras': tuple(
            name for name, topic in topics.items() if topic.type in _PICTURES and topic.messages
        ),
        'interventions': len(manifest.interventions),
        'intervened_s': taken_ns / 1e9,
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
