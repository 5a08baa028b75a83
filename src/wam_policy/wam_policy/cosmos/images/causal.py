"""The causal VAE as functions: what it remembers of earlier frames goes in and comes out.

diffusers keeps that memory in the model, where it can't be resumed, shared by several sequences
or compiled. The first frame goes alone; after it any number of frames may go at once, with the
same result as one latent frame at a time, because every layer sees the past only.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Memory:
    """What the layers remember: by causal convolution, in the order of the forward pass.

    None: nothing yet; a text: diffusers' mark for "has seen the first frame only".
    """

    entries: tuple[Tensor | str | None, ...]

    def expand(self, batch: int) -> 'Memory':
        """The same past for several futures; of a memory of one sequence or of ``batch``."""
        return Memory(
            tuple(
                entry.expand(batch, -1, -1, -1, -1) if isinstance(entry, Tensor) else entry
                for entry in self.entries
            )
        )

    def part(self, sequences: slice) -> 'Memory':
        """Of these sequences of the batch."""
        return Memory(
            tuple(
                entry[sequences] if isinstance(entry, Tensor) else entry for entry in self.entries
            )
        )


def no_memory(half: Any) -> Memory:
    """Before the first frame. half: the encoder or the decoder of an ``AutoencoderKLWan``."""
    convolutions = sum(isinstance(module, nn.Conv3d) for module in half.modules())
    return Memory((None,) * convolutions)


def step(half: Any, frames: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
    """Frames (B, C, F, H, W) through the encoder or the decoder, and the memory after them.

    F is 1 without memory. With it: a multiple of 4 images, or any number of latent frames.
    """
    entries = list(memory.entries)
    output: Tensor = half(frames, feat_cache=entries, feat_idx=[0])
    return output, Memory(tuple(entries))


def channels_last(model: nn.Module) -> None:
    """Lay the convolutions' weights out as tensor cores read them; the same numbers.

    cuDNN otherwise turns features around before and after every convolution.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            weight = module.weight
            weight.data = weight.data.contiguous(memory_format=formats[weight.ndim])
