"""Reads checkpoints of PyTorch without running anything that they contain."""

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import safetensors
import safetensors.torch
import torch

from wam_core.errors import WamError

# What a damaged file makes torch and pickle raise.
_DAMAGED: Final = (
    OSError,
    RuntimeError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    safetensors.SafetensorError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    AssertionError,
    MemoryError,
)
_CONTAINERS: Final = ('model', 'state_dict')  # which the official loader looks for
_GLOBAL: Final = re.compile(r'GLOBAL (\S+)')


def load_checkpoint(path: Path) -> dict[str, object]:
    """Key -> tensor (or what else is saved there) of a ``.pt``, ``.pth`` or ``.safetensors`` file.

    A bare dict, or one in ``model`` or ``state_dict``. Tensors stay in the file until they are
    used, where its format allows that. Raises WamError for a damaged file, for one that holds
    anything but tensors, naming it, and for another structure.
    """
    content = _load(path, mmap=True)
    for container in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(container), Mapping):
            content = content[container]
            break
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise WamError(
            f'{path}: holds {type(content).__name__}, expected a dict of tensors by name, bare or '
            f'under one of {list(_CONTAINERS)}'
        )
    if not any(isinstance(value, torch.Tensor) for value in content.values()):
        raise WamError(f'{path}: holds no tensors, only the keys {list(content)[:5]}')
    return dict(content)


def load_pickled_tensors(path: Path) -> dict[str, torch.Tensor]:
    """A dict of tensors by text, pickled bare (as the official text embeddings) or by torch.

    Raises WamError for a damaged file and for one that holds anything else, naming it.
    """
    if zipfile.is_zipfile(path):
        content = _load(path, mmap=False)
    else:
        content = _read(path, lambda: _TensorUnpickler(path).load())
    if not isinstance(content, Mapping) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()
    ):
        raise WamError(f'{path}: holds {type(content).__name__}, expected a dict of tensors')
    return dict(content)


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors on the CPU and nothing else."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.BytesIO(path.read_bytes()))
        self._allowed: Mapping[tuple[str, str], Callable[..., Any]] = {
            ('torch._utils', '_rebuild_tensor_v2'): _rebuild,
            # torch's own function of this name unpickles without restrictions.
            ('torch.storage', '_load_from_bytes'): lambda data: _load(io.BytesIO(data), False),
            ('collections', 'OrderedDict'): OrderedDict,
        }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'GLOBAL {module}.{name} is not allowed') from None


def _rebuild(
    storage: torch.TypedStorage, offset: int, size: tuple[int, ...], stride: tuple[int, ...],
    *_: object,
) -> torch.Tensor:  # fmt: skip
    # torch would enlarge the storage for sizes beyond it.
    held = storage._untyped_storage.nbytes() // storage.dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (0 not in size and last >= held):
        raise pickle.UnpicklingError(f'a tensor of shape {size} lies outside of its storage')
    return torch.empty(0, dtype=storage.dtype).set_(storage, offset, size, stride)


def _load(source: Path | io.BytesIO, mmap: bool) -> Any:
    """``torch.load`` of tensors; of a path also safetensors."""

    def load() -> object:
        if isinstance(source, Path) and source.suffix == '.safetensors':
            return safetensors.torch.load_file(source)
        mapped = mmap and isinstance(source, Path) and zipfile.is_zipfile(source)
        # TransformerEngine keeps its (unused) FP8 scales in buffers of bytes.
        with torch.serialization.safe_globals([io.BytesIO]):
            return torch.load(source, map_location='cpu', weights_only=True, mmap=mapped)

    return load() if isinstance(source, io.BytesIO) else _read(source, load)


def _read(path: Path, load: Callable[[], object]) -> Any:
    try:
        return load()
    except _DAMAGED as error:
        found = _GLOBAL.search(str(error))
        if found:
            raise WamError(
                f'{path}: contains {found[1]!r}, which is neither a tensor nor a plain value; '
                'such a file can run code when it is loaded and is refused'
            ) from error
        raise WamError(f'{path}: cannot be read as a checkpoint: {_reason(error)}') from error


def _reason(error: Exception) -> str:
    text = str(error).partition('WeightsUnpickler error: ')[2] or str(error)
    lines = text.strip().splitlines() or [type(error).__name__]
    if lines[0].startswith('Weights only load failed'):
        return 'no file that torch.save wrote, or a damaged one'
    return lines[0]
