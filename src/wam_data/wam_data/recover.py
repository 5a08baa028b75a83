"""Makes a valid episode of one whose recorder died, or whose files were damaged later.

A *.partial directory becomes the episode: its recording is replaced only when the new one is
complete and synced to disk. A finished episode stays as it is: what is saved is a new one.
"""

import hashlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from wam_core.errors import WamError
from wam_data.damage import damage
from wam_data.layout import (
    METADATA,
    RECORDING,
    complete,
    final,
    is_partial,
    sync_directory,
    write_atomically,
)
from wam_data.manifest import write_manifest
from wam_data.open_episodes import is_held
from wam_data.progress import Progress
from wam_data.reader import EpisodeReader
from wam_data.recording_copy import RecordingCopy
from wam_data.recovered_manifest import periods_ns, recovered_manifest
from wam_data.scan import Scan, Scanner

_MENDED: Final = '.recovered.mcap'


@dataclass(frozen=True)
class RecoveryReport:
    """What was saved. bytes_lost: behind the last whole record. chunks_bad: failed their check.

    original: the directory that was left as it was; None where it became the episode.
    """

    episode: Path
    messages: int
    bytes_lost: int
    chunks_bad: int
    original: Path | None = None

    def text(self) -> str:
        """For people."""
        stays = f'; {self.original} stays as it is' if self.original else ''
        return (
            f'{self.episode}: {self.messages} messages recovered, {self.bytes_lost} bytes '
            f'and {self.chunks_bad} damaged chunks lost{stays}'
        )

    def as_json(self) -> dict[str, object]:
        """For programs."""
        original = str(self.original) if self.original else None
        return asdict(self) | {'episode': str(self.episode), 'original': original}


def recover(
    path: Path, progress: Progress | None = None, out: Path | None = None
) -> RecoveryReport:
    """Makes a valid episode of what a dead recorder left, or of one that is damaged.

    progress: bytes read, bytes in all. out: root directory for a new episode, with which also a
    partial one stays as it is; None: beside the damaged one. Raises WamError where there is
    nothing to mend, or nothing that can be mended, and then leaves everything as it was; OSError
    where the disk fails.
    """
    if not path.is_dir():
        raise WamError(f'{path}: is not a directory; expected an episode')
    path = path.absolute()
    if is_held(path):
        raise WamError(f'{path}: is being recorded: stop the recorder first')
    if not is_partial(path) and not damage(path):
        raise WamError(f'{path}: is neither partial nor damaged: nothing to recover')
    if is_partial(path) and out is None:
        return _mend(path, progress)
    return _save(path, path.parent if out is None else out.absolute() / path.parent.name, progress)


def _mend(path: Path, progress: Progress | None) -> RecoveryReport:
    """A partial one becomes the episode."""
    if final(path).exists():
        raise WamError(f'{path}: {final(path).name} exists already; move one of them away')
    mended = path / _MENDED
    mended.unlink(missing_ok=True)  # of a recovery that was itself interrupted
    scanner = Scanner(path / RECORDING)
    copy = RecordingCopy(mended, periods_ns(path))
    try:
        copy.fill(scanner, progress)
    except (WamError, OSError):
        copy.discard()
        raise
    manifest = recovered_manifest(path, copy, scanner.result)
    mended.replace(path / RECORDING)
    sync_directory(path)
    write_atomically(path / METADATA, copy.metadata(final(path).name))
    write_manifest(path, manifest)
    return _report(complete(path), manifest.messages, scanner.result)


def _save(path: Path, folder: Path, progress: Progress | None) -> RecoveryReport:
    """A new episode in a folder with what is whole in another one, which stays as it is."""
    target = folder / _name(path)
    if target.exists():
        raise WamError(f'{path}: {target} exists already: it was recovered before')
    made = target.with_name(f'.{target.name}.recovering')  # hidden: it is no episode yet
    if is_held(made):
        raise WamError(f'{path}: is being recovered by another process')
    shutil.rmtree(made, ignore_errors=True)  # of a recovery that was itself interrupted
    made.mkdir(parents=True)
    scanner = Scanner(path / RECORDING)
    try:
        copy = RecordingCopy(made / RECORDING, periods_ns(path))
        try:
            copy.fill(scanner, progress)
        finally:
            copy.close()
        manifest = recovered_manifest(path, copy, scanner.result)
        write_atomically(made / METADATA, copy.metadata(target.name))
        write_manifest(made, manifest)
        EpisodeReader(made).close()  # raises where what was saved cannot be read either
        sync_directory(made)
        made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)  # gone where it has its name
    sync_directory(folder)
    return _report(target, manifest.messages, scanner.result, path)


def _name(path: Path) -> str:
    """<UTC start>-<4 hex>: always the same one for a damaged episode, that no two are made."""
    begun = final(path).name.split('-', maxsplit=1)[0]
    return f'{begun}-{hashlib.sha256(path.name.encode()).hexdigest()[:4]}'


def _report(
    episode: Path, messages: int, result: Scan, original: Path | None = None
) -> RecoveryReport:
    lost = 0 if result.finished else result.total_bytes - result.good_bytes
    return RecoveryReport(episode, messages, lost, result.damaged_chunks, original)
