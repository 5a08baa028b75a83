"""Instructions as the network reads them: T5 embeddings from a file, without unpickling."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from wam_core.errors import WamError

# Of T5-11B (google-t5/t5-11b) as cosmos-policy uses it: tokens, padded with zeros, and features.
TOKENS: Final = 512
FEATURES: Final = 1024

_INDEX: Final = 'instructions'  # key of the JSON list in the file's metadata


class TextEmbeddings:
    """Instruction to embedding (512, 1024), bfloat16, on the CPU.

    known: what a file holds. embed: makes what isn't known, None: nothing does.
    """

    def __init__(
        self, known: Mapping[str, Tensor], embed: Callable[[str], Tensor] | None = None
    ) -> None:
        self._known = {name: _checked(name, tensor, 'embedding') for name, tensor in known.items()}
        self._embed = embed

    @property
    def instructions(self) -> tuple[str, ...]:
        """Of the file, in its order, and what was embedded since."""
        return tuple(self._known)

    def embedding(self, instruction: str) -> Tensor:
        """Raises WamError listing the known instructions for another one."""
        if instruction not in self._known:
            if self._embed is None:
                raise WamError(
                    f'instruction {instruction!r} has no text embedding, known: '
                    f'{list(self._known)}; `t5` under `options: model` embeds others'
                )
            tensor = self._embed(instruction)
            self._known[instruction] = _checked(instruction, tensor, 'T5')
        return self._known[instruction]


def read_embeddings(path: Path, embed: Callable[[str], Tensor] | None = None) -> TextEmbeddings:
    """A file of ``write_embeddings``. Raises WamError naming the file and what is wrong in it."""
    try:
        with safe_open(path, framework='pt') as file:
            names = _names((file.metadata() or {}).get(_INDEX), path)
            missing = sorted(set(map(str, range(len(names)))) ^ set(file.keys()))
            if missing:
                raise WamError(
                    f'{path}: tensors {missing} do not fit its index of {len(names)} instructions'
                )
            tensors = [file.get_tensor(str(index)) for index in range(len(names))]
    except (OSError, SafetensorError) as error:
        raise WamError(f'{path}: not a readable safetensors file: {error}') from error
    return TextEmbeddings(
        {
            name: _checked(name, tensor, str(path))
            for name, tensor in zip(names, tensors, strict=True)
        },
        embed,
    )


def write_embeddings(path: Path, embeddings: Mapping[str, Tensor]) -> None:
    """Tensors (512, 1024), of any float type, by instruction, to one safetensors file.

    The metadata hold the JSON list of the instructions; the tensors are named by their numbers
    in it. Raises WamError for another shape or numbers that aren't finite.
    """
    tensors = {
        str(index): _checked(name, tensor, str(path)).contiguous().clone()
        for index, (name, tensor) in enumerate(embeddings.items())
    }
    save_file(tensors, path, metadata={_INDEX: json.dumps(list(embeddings))})


def random_embeddings(seed: int = 0) -> TextEmbeddings:
    """Any instruction, for random weights: noise seeded by the instruction itself."""

    def embed(instruction: str) -> Tensor:
        digest = hashlib.sha256(f'{seed} {instruction}'.encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], 'big') >> 1)
        return torch.randn((TOKENS, FEATURES), generator=generator)

    return TextEmbeddings({}, embed)


def _names(index: str | None, path: Path) -> list[str]:
    try:
        names = json.loads(index or '')
    except json.JSONDecodeError as error:
        raise WamError(f'{path}: its metadata hold no JSON list {_INDEX!r}: {error}') from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise WamError(f'{path}: {_INDEX} = {names!r}, expected a list of texts')
    if len(set(names)) != len(names):
        raise WamError(f'{path}: {_INDEX} = {names!r}, expected each instruction once')
    return names


def _checked(name: str, tensor: Tensor, source: str) -> Tensor:
    if tuple(tensor.shape) != (TOKENS, FEATURES) or not tensor.is_floating_point():
        raise WamError(
            f'{source}: {name!r} has shape {tuple(tensor.shape)} and type {tensor.dtype}, '
            f'expected ({TOKENS}, {FEATURES}) floats'
        )
    if not bool(torch.isfinite(tensor).all()):
        raise WamError(f'{source}: {name!r} holds numbers that are not finite')
    return tensor.to(torch.bfloat16)
