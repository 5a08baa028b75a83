"""What is known of every episode under a folder, one row each, kept in a cache file.

The cache only saves time: it is refreshed by inode, size and time of each ``episode.json``, made
again when it is damaged or of another version, and each process replaces it as a whole, so that
several may use it at once.
"""

import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from wam_core.errors import WamError
from wam_data.catalogue import find_episodes
from wam_data.layout import MANIFEST, is_partial
from wam_data.manifest import read_manifest
from wam_data.progress import Progress
from wam_data.row import Row, row_of

CACHE: Final = '.episodes.json'
_Key = list[int]
_Cached = tuple[_Key, Row]


def read_index(folder: Path, progress: Progress | None = None) -> list[Row]:
    """The rows of all episodes under a root or one task's folder, oldest first.

    progress: episodes done, and in all; called after each manifest that had to be read. Raises
    WamError where there is no folder; an episode that can't be read has a ``problem``.
    """
    paths = find_episodes(folder)
    cached = _load(folder)
    rows: dict[str, _Cached] = {}
    for number, path in enumerate(paths, start=1):
        name = str(path.relative_to(folder))
        try:
            key = _key(path)
        except FileNotFoundError:  # removed since it was listed
            continue
        found = cached.get(name)
        if found is None or found[0] != key:
            found = (key, read_row(path))
            if progress is not None:
                progress(number, len(paths))
        rows[name] = found
    if rows.keys() != cached.keys() or any(rows[name][0] != cached[name][0] for name in rows):
        _save(folder, rows)
    return [row for _, row in rows.values()]


def read_row(path: Path) -> Row:
    """The row of one episode directory; ``problem`` says why its manifest can't be read."""
    partial = is_partial(path)
    try:
        return row_of(path, read_manifest(path), partial=partial)
    except WamError as error:
        return Row(path=str(path), name=path.name, partial=partial, problem=str(error))


def _key(path: Path) -> _Key:
    """Changes whenever episode.json is written: a new file takes its place each time."""
    try:
        found = (path / MANIFEST).stat()
    except FileNotFoundError:
        found = path.stat()
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _version() -> str:
    """Of the columns: a cache of others is no use."""
    columns = ' '.join(f'{field.name}:{field.type}' for field in fields(Row))
    return hashlib.sha256(columns.encode()).hexdigest()[:16]


def _place(folder: Path) -> Path:
    """The cache file: in the folder; of this user, where the folder is somebody else's."""
    if os.access(folder, os.W_OK):
        return folder / CACHE
    home = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    which = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return home / 'wam' / f'episodes-{which}.json'


def _load(folder: Path) -> dict[str, _Cached]:
    try:
        head, _, body = _place(folder).read_bytes().partition(b'\n')
        if json.loads(head) != {'version': _version(), 'crc32': zlib.crc32(body)}:
            return {}
        contents = json.loads(body)
    except (OSError, ValueError):  # none yet, or cut off
        return {}
    return {name: (key, _row(folder / name, values)) for name, (key, values) in contents.items()}


def _row(path: Path, values: Sequence[Any]) -> Row:
    rest: list[Any] = [tuple(each) if isinstance(each, list) else each for each in values]
    return Row(str(path), *rest)


def _save(folder: Path, rows: Mapping[str, _Cached]) -> None:
    """Without a place to write to there is no cache, and reading takes longer."""
    names = [field.name for field in fields(Row)][1:]  # the path depends on who asks from where
    contents = {
        name: (key, [getattr(row, column) for column in names])
        for name, (key, row) in rows.items()
    }
    body = json.dumps(contents, separators=(',', ':')).encode()
    head = json.dumps({'version': _version(), 'crc32': zlib.crc32(body)}).encode()
    place = _place(folder)
    # Its own name for each process: two that write at once must not share a file.
    temporary = place.with_name(f'{place.name}.{secrets.token_hex(4)}')
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(head + b'\n' + body)
        temporary.replace(place)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
