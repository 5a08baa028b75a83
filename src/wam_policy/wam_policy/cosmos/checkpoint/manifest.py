"""The record of an import, ``manifest.json``: what each file is, where it is from, its hash."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from wam_core.errors import WamError
from wam_core.mapping import Section

MANIFEST: Final = 'manifest.json'
NETWORK: Final = 'network.safetensors'
VAE: Final = 'vae.safetensors'
EMBEDDINGS: Final = 'text_embeddings.safetensors'
STATISTICS: Final = 'statistics.json'
FORMAT: Final = 1
_BLOCK: Final = 1 << 22


@dataclass(frozen=True)
class FileRecord:
    """One file of the directory.

    source: file that it was made from. stamp: size, time and hash of that file's ends, so that a
    resumed import knows it again. dropped: kind of key -> how many were left out.
    """

    sha256: str
    size: int
    source: str
    stamp: str
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """preset: sizes of network and VAE. imported: date, as the caller gave it."""

    preset: str
    imported: str
    files: Mapping[str, FileRecord]

    def record(self, name: str, directory: Path) -> FileRecord:
        """Of a file. Raises WamError naming those that there are."""
        if name not in self.files:
            raise WamError(
                f'{directory / MANIFEST} has no {name!r}, only {sorted(self.files)}: '
                'import it with `./wam policy import`'
            )
        return self.files[name]


def read_manifest(directory: Path) -> Manifest:
    """The manifest of an imported directory. Raises WamError for anything else."""
    path = directory / MANIFEST
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise WamError(
            f'{directory} is no imported checkpoint: {path} cannot be read: {error}; '
            '`./wam policy import SOURCE --out DIR` makes one (key `directory` of the policy file)'
        ) from error
    try:
        contents = json.loads(text)
    except json.JSONDecodeError as error:
        raise WamError(f'{path}: no JSON: {error}') from error
    return _parse(Section(contents, str(path)))


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Writes it whole or not at all."""
    text = json.dumps({'format': FORMAT, **asdict(manifest)}, indent=2)
    path = directory / MANIFEST
    partial = path.with_name(f'{path.name}.partial')
    partial.write_text(f'{text}\n', encoding='utf-8')
    partial.replace(path)


def verify(directory: Path, manifest: Manifest, names: Iterable[str]) -> None:
    """Compares size and hash of files with the manifest.

    Raises WamError naming the file and both sides for one that is missing, cut off or changed.
    """
    with ThreadPoolExecutor() as pool:  # hashing leaves the interpreter's lock alone
        for _ in pool.map(lambda name: _verify(directory, manifest, name), names):
            pass


def sha256(path: Path) -> str:
    """Of a file's contents. Raises OSError."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _verify(directory: Path, manifest: Manifest, name: str) -> None:
    record, path = manifest.record(name, directory), directory / name
    try:
        size = path.stat().st_size
        if size != record.size:
            raise WamError(
                f'{path} has {size} bytes, {MANIFEST} says {record.size}: cut off or changed; '
                f'import it again from {record.source}'
            )
        found = sha256(path)
    except OSError as error:
        raise WamError(
            f'{path} cannot be read: {error.strerror}; import it again from {record.source}'
        ) from error
    if found != record.sha256:
        raise WamError(
            f'{path} has the SHA-256 {found}, {MANIFEST} says {record.sha256}: changed since the '
            f'import; import it again from {record.source}'
        )


def _parse(section: Section) -> Manifest:
    section.integer('format', FORMAT, FORMAT)
    files = section.section('files')
    manifest = Manifest(
        section.text('preset'),
        section.text('imported'),
        {name: _parse_file(files.section(name)) for name in files.names()},
    )
    section.close()
    return manifest


def _parse_file(section: Section) -> FileRecord:
    dropped = section.section('dropped')
    record = FileRecord(
        section.text('sha256'),
        section.integer('size', 0, 2**62),
        section.text('source'),
        section.text('stamp'),
        {kind: dropped.integer(kind, 0, 2**31) for kind in dropped.names()},
    )
    section.close()
    return record
