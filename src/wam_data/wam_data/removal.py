"""Deletes an episode so that a crash never leaves half of one."""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from wam_core.errors import WamError
from wam_data.catalogue import holds_episode
from wam_data.layout import sync_directory

_DOOMED: Final = '.removing-'


def remove(episode: Path) -> None:
    """Deletes an episode directory, finished or partial: it is gone at once, or not at all.

    It first gets a hidden name, which no tool takes for an episode; what a crash left under such a
    name beside it goes too. Raises WamError for what is not an episode, or can't be deleted.
    """
    episode = episode.absolute()
    if episode.is_symlink() or not episode.is_dir() or not holds_episode(episode):
        raise WamError(f'{episode}: is not an episode directory: nothing is removed')
    doomed = episode.with_name(f'{_DOOMED}{episode.name}-{secrets.token_hex(4)}')
    try:
        episode.rename(doomed)
        sync_directory(doomed.parent)
        with suppress(FileNotFoundError):  # another process may be clearing up as well
            shutil.rmtree(doomed)
    except OSError as error:
        raise WamError(f'{episode}: cannot be removed: {error.strerror}') from error
    for left in doomed.parent.glob(f'{_DOOMED}*'):
        shutil.rmtree(left, ignore_errors=True)
