"""Where episodes lie: <root>/<task-slug>/<UTC start>-<4 hex>/, named *.partial while recording."""

import os
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

from wam_core.errors import WamError

PARTIAL: Final = '.partial'
MANIFEST: Final = 'episode.json'
METADATA: Final = 'metadata.yaml'
RECORDING: Final = 'episode.mcap'
PREVIEW: Final = 'preview.mp4'
_SLUG_LENGTH: Final = 60


def slug(task: str) -> str:
    """A directory name for a task: lower case, digits and hyphens, at most 60 characters."""
    words = re.sub(r'[^a-z0-9]+', '-', task.lower()).strip('-')
    return words[:_SLUG_LENGTH].rstrip('-') or 'untitled'


def create(root: Path, task: str, start: datetime) -> Path:
    """Makes the directory of a new episode and returns it; its name ends in .partial.

    task: its short name, or its instruction. start: UTC. Raises WamError where it can't be made.
    """
    name = f'{start:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}{PARTIAL}'
    directory = root.absolute() / slug(task) / name
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise WamError(
            f'{directory}: cannot be created: {error.strerror} (parameter root of the recorder)'
        ) from error
    return directory


def is_partial(episode: Path) -> bool:
    """Whether it is still being recorded, or was left behind by a recorder that died."""
    return episode.name.endswith(PARTIAL)


def final(partial: Path) -> Path:
    """The name that a *.partial directory gets when it is complete."""
    return partial.with_name(partial.name.removesuffix(PARTIAL))


def complete(partial: Path) -> Path:
    """Syncs a directory and gives it its final name, which it returns."""
    sync_directory(partial)
    target = final(partial)
    partial.rename(target)
    sync_directory(target.parent)
    return target


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file: readers see the old or the new contents, also after a power cut."""
    # Its own name for each: two that write at once must not share a file.
    temporary = path.with_name(f'.{path.name}.{secrets.token_hex(4)}.tmp')
    try:
        with temporary.open('w', encoding='utf-8') as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
