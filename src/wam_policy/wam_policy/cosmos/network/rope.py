"""Rotary positions (Su et al. 2021) along time, height and width, as the checkpoints expect."""

from typing import Final

import torch
from torch import Tensor, nn

from wam_policy.cosmos.sequence.layout import PATCH

BASE: Final = 10000.0
# Extrapolation of time, height and width: rope_t/h/w_extrapolation_ratio of the official 2B model.
EXTRAPOLATION: Final = (1.0, 3.0, 3.0)


class Rope(nn.Module):
    """Takes the place of ``CosmosTransformer3DModel.rope``.

    head_dim: channels of one attention head; two sixths each (rounded down to even) are for height
    and width, the rest for time.
    rounded: whether exponents are rounded to bfloat16 before use. The official code casts the
    buffers that hold them together with the weights, so its frequencies differ by up to 1.9 %
    from the exact ones, and the checkpoints' actions with them.
    """

    def __init__(self, head_dim: int, rounded: bool) -> None:
        super().__init__()
        space = head_dim // 6 * 2
        self.sizes = (head_dim - 2 * space, space, space)
        self.rounded = rounded

    def forward(self, hidden_states: Tensor, fps: int | None = None) -> tuple[Tensor, Tensor]:
        """(tokens, head_dim) float32 cosines and sines for latents (B, C, T, h, w).

        fps: not used, as in the official configuration; here for diffusers' sake.
        """
        frames, height, width = hidden_states.shape[2:]
        return self.tables((frames, height // PATCH, width // PATCH), hidden_states.device)

    def tables(self, shape: tuple[int, int, int], device: torch.device) -> tuple[Tensor, Tensor]:
        """The same for so many tokens along time, height and width."""
        phases = [
            self._axis(axis, length, device)
            .view([length if other == axis else 1 for other in range(3)] + [-1])
            .expand(*shape, -1)
            for axis, length in enumerate(shape)
        ]
        half = torch.cat(phases, dim=-1).flatten(0, 2)
        both = torch.cat((half, half), dim=-1)
        return both.cos(), both.sin()

    def _axis(self, axis: int, length: int, device: torch.device) -> Tensor:
        size = self.sizes[axis]
        exponents = torch.arange(0, size, 2, dtype=torch.float32, device=device) / size
        if self.rounded:
            exponents = exponents.bfloat16().float()
        # NTK-aware scaling of the base (as in NVIDIA's Cosmos models).
        base = BASE * EXTRAPOLATION[axis] ** (size / (size - 2))
        positions = torch.arange(length, dtype=torch.float32, device=device)
        return torch.outer(positions, 1.0 / base**exponents)
