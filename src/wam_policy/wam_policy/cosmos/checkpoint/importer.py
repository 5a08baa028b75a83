"""Turns the official files into a directory of safetensors with one policy file."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.archive import load_checkpoint, load_pickled_tensors
from wam_policy.cosmos.checkpoint.key_map import KeyMap, map_network, map_vae
from wam_policy.cosmos.checkpoint.manifest import (
    EMBEDDINGS,
    MANIFEST,
    NETWORK,
    STATISTICS,
    VAE,
    FileRecord,
    Manifest,
    read_manifest,
    sha256,
    verify,
    write_manifest,
)
from wam_policy.cosmos.checkpoint.policy_file import POLICY, policy_text
from wam_policy.cosmos.checkpoint.shapes import check_shapes
from wam_policy.cosmos.checkpoint.sources import Sources
from wam_policy.cosmos.checkpoint.tensor_file import write_tensors
from wam_policy.cosmos.sequence.normaliser import read_statistics
from wam_policy.cosmos.sequence.text import read_embeddings, write_embeddings

PLANNING: Final = 'planning'  # folder of the planning checkpoint in the directory
_CONVERSION: Final = 1  # increased when the same source would give other files
_ENDS: Final = 1 << 20  # bytes at each end of a source that its stamp covers

Report = Callable[[str], None]
Convert = Callable[[Path, Path, str], Mapping[str, int]]


@dataclass(frozen=True)
class Import:
    """What to write. out: the directory. preset: sizes of the models. date: of the import.

    cameras, horizon: for the policy file; nothing in a checkpoint tells them.
    """

    out: Path
    preset: str
    date: str
    cameras: tuple[str, ...]
    horizon: int


def import_checkpoint(sources: Sources, target: Import, report: Report) -> None:
    """Converts what is not there yet, file by file, and writes the policy file if it is new.

    report: told what is done and what was dropped. An import that was interrupted goes on with
    the file that it was at. Raises WamError for anything that is not as it should be.
    """
    parts: dict[str, tuple[Path, Convert]] = {
        STATISTICS: (sources.statistics, _statistics),
        EMBEDDINGS: (sources.embeddings, _embeddings),
        VAE: (sources.vae, _vae),
        NETWORK: (sources.network, _network),
    }
    _import_parts(parts, target, report)
    if sources.planning is not None:
        planning = replace(target, out=target.out / PLANNING)
        _import_parts({NETWORK: (sources.planning, _network)}, planning, report)
    policy = target.out / POLICY
    if policy.exists():
        report(f'{policy} stays as it is')
        if sources.planning is not None:
            report(
                '  planning needs, under `options`: decoding: {mode: autoregressive}, '
                f'planning: {{directory: {PLANNING}, candidates: 8}}'
            )
        return
    text = policy_text(
        target.preset, target.cameras, target.horizon, sources.network.name,
        PLANNING if sources.planning is not None else '',
    )  # fmt: skip
    _write(policy, text)
    report(f'{policy} written')


def _import_parts(
    parts: Mapping[str, tuple[Path, Convert]], target: Import, report: Report
) -> None:
    try:
        target.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WamError(f'{target.out} cannot be made: {error}') from error
    manifest = _begin(target)
    for name, (source, convert) in parts.items():
        stamp = _stamp(source)
        if _finished(target.out, manifest, name, stamp):
            report(f'{target.out / name} is there already')
            continue
        report(f'{source} -> {target.out / name}')
        dropped = dict(convert(source, target.out / name, target.preset))
        for kind, count in dropped.items():
            report(f'  dropped {count} of {kind}')
        path = target.out / name
        record = FileRecord(sha256(path), path.stat().st_size, str(source), stamp, dropped)
        manifest = replace(manifest, files={**manifest.files, name: record})
        write_manifest(target.out, manifest)


def _begin(target: Import) -> Manifest:
    """The manifest so far; its files stay while source and preset are the same."""
    if not (target.out / MANIFEST).exists():
        return Manifest(target.preset, target.date, {})
    manifest = read_manifest(target.out)
    if manifest.preset != target.preset:
        raise WamError(
            f'{target.out} holds preset {manifest.preset!r}, the import has {target.preset!r}; '
            'choose another --out'
        )
    return replace(manifest, imported=target.date)


def _finished(out: Path, manifest: Manifest, name: str, stamp: str) -> bool:
    if name not in manifest.files or manifest.files[name].stamp != stamp:
        return False
    try:
        verify(out, manifest, (name,))
    except WamError:  # of a file that is cut off or changed: made again
        return False
    return True


def _stamp(source: Path) -> str:
    """Changes with the file, and costs little for a large one."""
    try:
        status = source.stat()
        with source.open('rb') as file:
            ends = file.read(_ENDS)
            file.seek(max(0, status.st_size - _ENDS))
            ends += file.read(_ENDS)
    except OSError as error:
        raise WamError(f'{source} cannot be read: {error}') from error
    digest = hashlib.sha256(ends).hexdigest()
    return f'{_CONVERSION} {status.st_size} {status.st_mtime_ns} {digest}'


def _network(source: Path, path: Path, preset: str) -> Mapping[str, int]:
    content = load_checkpoint(source)
    keys = map_network(content, str(source))
    write_tensors(path, _renamed(content, keys, source, 'network', preset))
    return keys.counts()


def _vae(source: Path, path: Path, preset: str) -> Mapping[str, int]:
    content = load_checkpoint(source)
    keys = map_vae(content, str(source))
    write_tensors(path, _renamed(content, keys, source, 'VAE', preset))
    return keys.counts()


def _renamed(
    content: Mapping[str, object], keys: KeyMap, source: Path, part: str, preset: str
) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for name, key in keys.mapped.items():
        tensor = content[key]
        if not isinstance(tensor, torch.Tensor):
            raise WamError(f'{source}: {key} is {type(tensor).__name__}, expected a tensor')
        tensors[name] = tensor
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    check_shapes(str(source), shapes, part, preset)
    return tensors


def _embeddings(source: Path, path: Path, _: str) -> Mapping[str, int]:
    # Saved one by one as a batch of one.
    tensors = {
        instruction: tensor.squeeze(0) if tensor.ndim == 3 else tensor
        for instruction, tensor in load_pickled_tensors(source).items()
    }
    partial = path.with_name(f'{path.name}.partial')
    try:
        write_embeddings(partial, tensors)
        read_embeddings(partial)
        # safetensors lets only the owner read; the others are as the umask says.
        content = partial.read_bytes()
        partial.unlink()
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise WamError(f'{partial} cannot be written: {error}') from error
    return {}


def _statistics(source: Path, path: Path, _: str) -> Mapping[str, int]:
    _write(path, read_statistics(source).text())
    return {}


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f'{path.name}.partial')
    try:
        partial.write_text(text, encoding='utf-8')
        partial.replace(path)
    except OSError as error:
        raise WamError(f'{partial} cannot be written: {error}') from error
