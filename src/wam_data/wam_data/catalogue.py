"""The episodes under a root directory."""

from dataclasses import dataclass
from pathlib import Path

from wam_core.errors import WamError
from wam_data.layout import MANIFEST, RECORDING, is_partial
from wam_data.manifest import EpisodeManifest, read_manifest


@dataclass(frozen=True)
class Entry:
    """One episode directory. manifest: None where it can't be read; ``problem`` says why.

    partial: still being recorded, or left by a recorder that died.
    """

    path: Path
    manifest: EpisodeManifest | None
    problem: str
    partial: bool


def list_episodes(root: Path) -> list[Entry]:
    """All episodes under <root>/<task>/, oldest first. Raises WamError where there is no root."""
    if not root.is_dir():
        raise WamError(f'{root}: is not a directory of episodes')
    found = [path for path in root.glob('*/*') if path.is_dir() and _holds_episode(path)]
    return [_entry(path) for path in sorted(found, key=lambda path: (path.name, path.parent))]


def newest_episode(root: Path) -> Path:
    """The finished episode that was started last. Raises WamError where there is none."""
    finished = [entry.path for entry in list_episodes(root) if not entry.partial]
    if not finished:
        raise WamError(f'{root}: holds no finished episode')
    return finished[-1]


def _holds_episode(path: Path) -> bool:
    return (path / MANIFEST).exists() or (path / RECORDING).exists()


def _entry(path: Path) -> Entry:
    try:
        return Entry(path, read_manifest(path), '', is_partial(path))
    except WamError as error:
        return Entry(path, None, str(error), is_partial(path))
