"""Reads the numbers of an episode, and where its camera frames are, in one pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.joints import DIM, SIDES
from wam_data.export.grid import Stamps, in_order
from wam_data.frames import COMPRESSED, IMAGE
from wam_data.reader import EpisodeReader

Matrix = NDArray[np.float64]
STATE: Final = '/proprioception'
ACTION: Final = '/applied_action'
TRUTH: Final = '/task_state'
_RESTING: Final = ('', 'hold', 'homing')
"""Sources of a tick in which nobody does the task."""


@dataclass(frozen=True)
class Measurements:
    """Of both arms: N samples, stamps increasing. late: dropped, they came out of order.

    position, velocity, effort: (N, 14) as in wam_msgs/Proprioception. gripper_angle: (N, 2) rad.
    """

    stamps_ns: Stamps
    late: int
    position: Matrix
    velocity: Matrix
    effort: Matrix
    gripper_angle: Matrix


@dataclass(frozen=True)
class Commands:
    """Ticks of the executor: N of them, stamps increasing.

    requested, sent: (N, 14) as in wam_msgs/AppliedAction. sources: (N,) who asked for it.
    active: (N,) whether somebody did the task.
    """

    stamps_ns: Stamps
    late: int
    requested: Matrix
    sent: Matrix
    sources: tuple[str, ...]
    active: NDArray[np.bool_]


@dataclass(frozen=True)
class Frames:
    """A camera. jpeg: recorded as sensor_msgs/CompressedImage. stamps_ns: (N,), increasing."""

    topic: str
    jpeg: bool
    stamps_ns: Stamps
    late: int


@dataclass(frozen=True)
class Streams:
    """All that goes on a grid. cameras: by name. simulated: the recording has the truth."""

    measurements: Measurements
    commands: Commands
    cameras: Mapping[str, Frames]
    simulated: bool


@dataclass
class _Samples:
    """Messages of one topic as they come."""

    stamps: list[int] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)

    def ordered(self) -> tuple[Stamps, NDArray[np.bool_], int]:
        """Increasing stamps, which samples they are of, and how many were late."""
        stamps = np.array(self.stamps, np.int64)
        kept = in_order(stamps)
        return stamps[kept], kept, int(np.count_nonzero(~kept))


def camera_topics(topics: Mapping[str, str]) -> dict[str, str]:
    """Camera name -> topic of its frames, by name, of topics with their types.

    The name is the camera's namespace, the first part of its topic; where two topics share it,
    the whole topic with underscores.
    """
    images = sorted(topic for topic, kind in topics.items() if kind in (IMAGE, COMPRESSED))
    spaces = [topic.split('/')[1] for topic in images]
    return dict(
        sorted(
            (space if spaces.count(space) == 1 else topic.strip('/').replace('/', '_'), topic)
            for space, topic in zip(spaces, images, strict=True)
        )
    )


def read_streams(episode: Path, reader: EpisodeReader, cameras: tuple[str, ...]) -> Streams:
    """Everything but pixels. cameras: which, in this order; empty: all that have frames.

    Raises WamError naming the episode for a damaged recording, a camera that it lacks, and a
    topic without which there is no row.
    """
    chosen = _choose(episode, reader, cameras)
    found = {topic: _Samples() for topic in (STATE, ACTION, *chosen.values())}
    for message in reader.messages([topic for topic in found if topic in reader.topics]):
        samples = found[message.topic]
        samples.stamps.append(message.publish_time_ns)
        if message.topic in (STATE, ACTION):
            samples.rows.append(_numbers(message.topic, message.fields()))
    for topic, samples in found.items():
        if not samples.stamps:
            raise WamError(f'{episode}: topic {topic} has no message: nothing to export')
    return Streams(
        _measurements(found[STATE]),
        _commands(found[ACTION]),
        {
            name: _frames(topic, reader.topics[topic] == COMPRESSED, found[topic])
            for name, topic in chosen.items()
        },
        simulated=reader.counts.get(TRUTH, 0) > 0,
    )


def _choose(episode: Path, reader: EpisodeReader, cameras: tuple[str, ...]) -> dict[str, str]:
    every = camera_topics(reader.topics)
    counts = reader.counts
    present = {name: topic for name, topic in every.items() if counts[topic]}
    if not cameras:
        if present != every:
            lacking = sorted(set(every) - set(present))
            raise WamError(f'{episode}: cameras without a frame: {lacking} (--cameras chooses)')
        return present
    for name in cameras:
        if name not in present:
            raise WamError(
                f'{episode}: no frames of camera {name!r}, expected one of {list(present)} '
                '(--cameras)'
            )
    return {name: present[name] for name in cameras}


def _numbers(topic: str, fields: Any) -> Any:
    if topic == STATE:
        names = ('position', 'velocity', 'effort', 'gripper_angle')
        return tuple(np.asarray(getattr(fields, name), np.float64) for name in names)
    return (
        np.asarray(fields.requested, np.float64),
        np.asarray(fields.limited, np.float64),
        str(fields.source),
    )


def _measurements(samples: _Samples) -> Measurements:
    stamps, kept, late = samples.ordered()
    columns = zip(*samples.rows, strict=True)
    widths = (DIM, DIM, DIM, len(SIDES))
    matrices = [
        np.array(column).reshape(-1, width)[kept]
        for column, width in zip(columns, widths, strict=True)
    ]
    return Measurements(stamps, late, *matrices)


def _commands(samples: _Samples) -> Commands:
    stamps, kept, late = samples.ordered()
    requested, sent, names = zip(*samples.rows, strict=True)
    sources = tuple(name for name, good in zip(names, kept, strict=True) if good)
    return Commands(
        stamps,
        late,
        np.array(requested).reshape(-1, DIM)[kept],
        np.array(sent).reshape(-1, DIM)[kept],
        sources,
        np.array([source not in _RESTING for source in sources], np.bool_),
    )


def _frames(topic: str, jpeg: bool, samples: _Samples) -> Frames:
    stamps, _, late = samples.ordered()
    return Frames(topic, jpeg, stamps, late)
