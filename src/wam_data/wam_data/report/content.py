"""What a report tells of an episode; times are seconds since its start on the ROS clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wam_core.joints import JOINT_NAMES
from wam_data.manifest import EpisodeManifest
from wam_data.verify import VerificationReport

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """Something that happened. node: who said so. kind: as in EpisodeEvent, or underrun."""

    t_s: float
    node: str
    kind: str
    text: str


@dataclass(frozen=True)
class Span:
    """A time in which something held, e.g. which source was active."""

    start_s: float
    stop_s: float
    name: str


@dataclass(frozen=True)
class Chunk:
    """A chunk that the executor merged. latency_s: from request to merge."""

    t_s: float
    latency_s: float


@dataclass(frozen=True)
class Track:
    """t_s: (N,). values: (N, 14) rad, grippers 0..1."""

    t_s: Series
    values: Series


@dataclass(frozen=True)
class Shot:
    """A thumbnail. jpeg: its file's contents."""

    t_s: float
    jpeg: bytes


@dataclass(frozen=True)
class Content:
    """All of it. frames: camera -> how many came. shots: camera -> thumbnails; () where no frame
    came, or none can be decoded. spread_ms: median, 99th percentile, largest, of
    the frames that the cameras took nearest to each other; None for fewer than two cameras.
    """

    episode: Path
    manifest: EpisodeManifest
    verification: VerificationReport
    duration_s: float
    measured: Track
    requested: Track
    sent: Track
    sources: tuple[Span, ...]
    states: tuple[Span, ...]
    interventions: tuple[Span, ...]
    events: tuple[Event, ...]
    chunks: tuple[Chunk, ...]
    underruns: int
    frames: Mapping[str, int]
    shots: Mapping[str, tuple[Shot, ...]]
    spread_ms: tuple[float, float, float] | None

    def errors(self) -> tuple[Series, Series]:
        """(14,) root mean square and largest of measured minus sent, at the ticks; NaN: none."""
        sent, measured = self.sent, self.measured
        if not sent.t_s.size or not measured.t_s.size:
            nothing = np.full(len(JOINT_NAMES), np.nan)
            return nothing, nothing
        at = np.clip(np.searchsorted(measured.t_s, sent.t_s, 'right') - 1, 0, None)
        difference = measured.values[at] - sent.values
        return np.sqrt(np.mean(difference**2, axis=0)), np.abs(difference).max(axis=0)
