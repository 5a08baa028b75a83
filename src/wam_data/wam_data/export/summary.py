"""What an export has to know of each episode before it writes the first one."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wam_core.errors import WamError
from wam_data.export.grid import Resampling
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.layout import MANIFEST, RECORDING, is_partial
from wam_data.manifest import EpisodeManifest


@dataclass(frozen=True)
class EpisodeSummary:
    """path: its directory. name: <task>/<directory>. digest: changes with the episode's contents.

    rows: on the grid. cameras: name -> height and width, pixels, in the order of the export.
    jpeg: every camera was recorded as JPEG. simulated: recorded in the simulation.
    """

    path: Path
    name: str
    digest: str
    manifest: EpisodeManifest
    rows: int
    cameras: Mapping[str, tuple[int, int]]
    jpeg: bool
    simulated: bool
    report: tuple[Resampling, ...]

    @property
    def task(self) -> str:
        """What was to be done, in words."""
        return self.manifest.identity.task


def summarise(path: Path, settings: ExportSettings, *, decode: bool = False) -> EpisodeSummary:
    """Puts an episode on its grid. decode: looks at every frame of it too.

    Raises WamError where that can't be.
    """
    if is_partial(path):
        raise WamError(f'{path}: is still being recorded, or was cut off: recover it first')
    with Source(path, settings) as source:
        for camera in source.cameras if decode else ():
            for _ in source.frames(camera):
                pass
        return EpisodeSummary(
            path,
            source.name,
            digest(path),
            source.manifest,
            source.grid.count,
            {camera: source.shape(camera) for camera in source.cameras},
            all(source.is_jpeg(camera) for camera in source.cameras),
            source.simulated,
            source.report,
        )


def digest(path: Path) -> str:
    """SHA-256 of episode.json and of the recording's size. Raises WamError."""
    try:
        text = (path / MANIFEST).read_bytes()
        size = (path / RECORDING).stat().st_size
    except OSError as error:
        raise WamError(f'{path}: cannot be read: {error}') from error
    return hashlib.sha256(text + str(size).encode()).hexdigest()


def same_cameras(episodes: Sequence[EpisodeSummary]) -> Mapping[str, tuple[int, int]]:
    """The cameras of all episodes, with height and width. Raises WamError naming two that differ.

    episodes: at least one.
    """
    first = episodes[0]
    for other in episodes[1:]:
        if list(other.cameras.items()) != list(first.cameras.items()):
            raise WamError(
                f'cameras differ: {first.name} has {_cameras(first)}, {other.name} has '
                f'{_cameras(other)} (--cameras chooses those that all have)'
            )
    return first.cameras


def same(
    episodes: Sequence[EpisodeSummary], what: str, value: Callable[[EpisodeSummary], str]
) -> str:
    """The value that all episodes share. Raises WamError naming two episodes that differ.

    what: of one of them, e.g. task. episodes: at least one.
    """
    first = episodes[0]
    for other in episodes[1:]:
        if value(other) != value(first):
            raise WamError(
                f'{what}s are mixed: {first.name} is {value(first)!r}, {other.name} is '
                f'{value(other)!r} (choose with --{what}, or allow it with --allow-mixed {what}s)'
            )
    return value(first)


def _cameras(episode: EpisodeSummary) -> str:
    return ', '.join(f'{name} {h}x{w}' for name, (h, w) in episode.cameras.items()) or 'none'
