"""Which directories are episodes, and where they lie under a folder."""

import os
from contextlib import suppress
from pathlib import Path

from wam_core.errors import WamError
from wam_data.layout import MANIFEST, RECORDING, is_partial


def holds_episode(path: Path) -> bool:
    """Whether a directory is an episode: finished, still being recorded, or cut off."""
    # Not Path.exists, which raises where a directory may not be looked into.
    return any(os.access(path / name, os.F_OK) for name in (MANIFEST, RECORDING))


def find_episodes(folder: Path) -> list[Path]:
    """All episodes under a root directory or under one task's folder of it, oldest first.

    Hidden directories are left out: an episode that is being removed has such a name. Raises
    WamError where there is no folder, or it may not be read.
    """
    if not folder.is_dir():
        raise WamError(f'{folder}: is not a directory of episodes')
    found = []
    try:
        children = _directories(folder)
    except OSError as error:
        raise WamError(f'{folder}: cannot be read: {error.strerror}') from error
    for child in children:
        if holds_episode(child):
            found.append(child)
            continue
        with suppress(OSError):  # removed since it was listed, or somebody else's, as lost+found
            found += [path for path in _directories(child) if holds_episode(path)]
    return sorted(found, key=lambda path: (path.name, path.parent))


def newest_episode(root: Path) -> Path:
    """The finished episode that was started last. Raises WamError where there is none."""
    finished = [path for path in find_episodes(root) if not is_partial(path)]
    if not finished:
        raise WamError(f'{root}: holds no finished episode')
    return finished[-1]


def _directories(folder: Path) -> list[Path]:
    """Those that are not hidden. Raises OSError."""
    with os.scandir(folder) as entries:
        names = [each.name for each in entries if each.is_dir() and each.name[0] != '.']
    return [folder / name for name in names]
