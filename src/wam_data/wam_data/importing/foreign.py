"""An episode of somebody else's file, as an importer sees it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from wam_core.errors import WamError
from wam_core.gripper_scale import SCALES
from wam_core.policy import Image, Matrix
from wam_data.export.plan import REPORT
from wam_data.importing.recorded import Recorded
from wam_data.manifest import RESULTS, Outcome

Picture = bytes | Image
"""A JPEG file with the colours of the scene, or pixels: (height, width, 3) uint8, B, G, R."""


class MissingEpisodeError(WamError):
    """The metadata name an episode whose file isn't there."""


@dataclass(frozen=True)
class ForeignEpisode:
    """What was read of one episode.

    rate_hz: frames per second; frame k is taken to be k / rate_hz after the first. state, action:
    (T, 14) in our order and units, grippers 0..1; velocity, effort: the same, or None. cameras:
    name -> a function that begins to read its T pictures. outcome: None where nobody says it.
    unknown: what the format can't tell. left_out: what it tells and an episode has no place for.
    grippers: what the 0..1 are linear in, in states and in actions (wam_core.gripper_scale);
    empty: as the software of the rig records it.
    recorded: the times of its rows, if they are known.
    """

    name: str
    task: str
    rate_hz: float
    state: Matrix
    action: Matrix
    velocity: Matrix | None
    effort: Matrix | None
    cameras: Mapping[str, Callable[[], Iterator[Picture]]]
    outcome: Outcome | None = None
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    grippers: tuple[str, str] = ('angle', 'angle')
    recorded: Recorded | None = None

    @property
    def length(self) -> int:
        """Frames, T."""
        return len(self.state)


def decoded(data: bytes) -> Image:
    """Pixels of a JPEG or PNG file: (height, width, 3), B, G, R. Raises WamError."""
    pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if pixels is None:
        raise WamError(f'{len(data)} bytes are no picture')
    return np.asarray(pixels, np.uint8)


def outcome_of(result: object, score: object) -> Outcome | None:
    """As our own exports write it; None for anything else. score: 0..100."""
    if result not in RESULTS or not isinstance(score, float | int) or not 0.0 <= score <= 100.0:
        return None
    return Outcome(str(result), float(score), note='as the imported file says', by='import')


def scale_of(said: object) -> str:
    """One of SCALES, as our own exports write it; empty for anything else."""
    return str(said) if said in SCALES else ''


def exported_scale(folder: Path) -> str:
    """What states of grippers are linear in, where we exported the folder; empty: we did not."""
    try:
        settings = json.loads((folder / REPORT).read_text(encoding='utf-8'))['settings']
        scale = settings['gripper_state']
    except (OSError, ValueError, KeyError, TypeError):
        return ''
    return scale_of(scale)


class Dataset(Protocol):
    """A file or folder of episodes."""

    @property
    def format(self) -> str:
        """Name of the format."""

    def names(self) -> list[str]:
        """Of all episodes that lie there or that its metadata name."""

    def open(self, name: str) -> AbstractContextManager[ForeignEpisode]:
        """Reads one; its pictures may be read until the context ends.

        Raises MissingEpisodeError, and WamError for what is damaged or doesn't fit.
        """
