"""Writes safetensors files one tensor at a time, so that large ones need little memory."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch

from wam_core.errors import WamError

# Names in the format (source: its documentation, github.com/huggingface/safetensors).
_TYPES: Final = {
    torch.bfloat16: 'BF16',
    torch.float16: 'F16',
    torch.float32: 'F32',
    torch.float64: 'F64',
}
_ALIGNMENT: Final = 8  # of the first tensor: the header is filled up with spaces


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Writes to ``<path>.partial`` and renames it when it is whole.

    Raises WamError for a type that no weights have, and when the file cannot be written.
    """
    header = _header(path, tensors)
    partial = path.with_name(f'{path.name}.partial')
    try:
        with partial.open('wb') as file:
            file.write(header)
            for tensor in tensors.values():
                file.write(_content(tensor))
        partial.replace(path)
    except OSError as error:
        raise WamError(f'{partial} cannot be written: {error}') from error


def _header(path: Path, tensors: Mapping[str, torch.Tensor]) -> bytes:
    entries: dict[str, object] = {}
    offset = 0
    for name, tensor in tensors.items():
        if tensor.dtype not in _TYPES:
            raise WamError(
                f'{path}: {name} is of {tensor.dtype}, expected one of {list(map(str, _TYPES))}'
            )
        end = offset + tensor.numel() * tensor.element_size()
        entries[name] = {
            'dtype': _TYPES[tensor.dtype],
            'shape': list(tensor.shape),
            'data_offsets': [offset, end],
        }
        offset = end
    text = json.dumps(entries, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, 'little') + text


def _content(tensor: torch.Tensor) -> memoryview:
    """Little-endian, row by row, whatever the tensor's strides."""
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    return memoryview(flat.numpy().data)
