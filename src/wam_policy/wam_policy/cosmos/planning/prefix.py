"""The frozen rows of an rtc request in the denoising of the action frame."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from wam_core.errors import WamError
from wam_policy.cosmos.sequence.layout import Layout

# How far beyond the step that would bring the estimate to the rows, if the network were linear:
# below 2 the rest of the chunk keeps its own mind too often (docs/decisions/0012). Not at the last
# estimate, which nothing corrects any more.
OVERSHOOT: Final = 2.0


@dataclass(frozen=True)
class FrozenRows:
    """Known leading rows of the action chunk, for each of its copies, the cut-off last one too.

    rows: (P, A) normalised, P >= 1, float32. index: of the action frame. chunk: elements of a
    whole chunk. guided: pulls the rest of the chunk along; otherwise the rows only replace what
    the network thinks of them.
    """

    rows: Tensor
    index: int
    chunk: int
    guided: bool

    def replaced(self, estimate: Tensor) -> Tensor:
        """A copy of the estimate (B, 16, T, h, w) with the rows in place."""
        return estimate + self.residual(estimate)

    def residual(self, estimate: Tensor) -> Tensor:
        """How far the estimate is from the rows; zero where they say nothing."""
        frame = estimate[:, :, self.index]
        known, rows = self._tiled(frame)
        residual = torch.zeros_like(estimate)
        residual[:, :, self.index] = torch.where(known, rows - frame, 0.0)
        return residual

    def guidance(self, estimate: Tensor, pull: Tensor, last: bool) -> Tensor:
        """What to add to the estimate, given (dx0/dx)^T of its residual (B, 16, T, h, w).

        A step along the pull (as in PiGDM, Song et al. 2023; for action chunks Black et al. 2025,
        arXiv 2506.07339) whose length brings the rows closest to what they should be, by least
        squares: that doesn't depend on how many copies there are, or how alike rows are.
        """
        frame = pull[:, :, self.index]
        known, _ = self._tiled(frame)
        moved = torch.where(known, frame, 0.0).flatten(1)
        wanted = self.residual(estimate)[:, :, self.index].flatten(1)
        tiny = torch.finfo(moved.dtype).tiny
        length = (wanted * moved).sum(1) / moved.square().sum(1).clamp(min=tiny)
        factor = 1.0 if last else OVERSHOOT
        return factor * length.clamp(min=0.0).view(-1, 1, 1, 1, 1) * pull

    def _tiled(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Where the rows are in a frame (B, 16, h, w), and what they are there: (16, h, w)."""
        rows = self.rows.to(frame).flatten()
        known = torch.arange(self.chunk, device=frame.device) < len(rows)
        padded = functional.pad(rows, (0, self.chunk - len(rows)))
        shape = frame.shape[1:]
        copies = -(-shape.numel() // self.chunk)
        return (
            known.repeat(copies)[: shape.numel()].view(shape),
            padded.repeat(copies)[: shape.numel()].view(shape),
        )


def frozen_rows(rows: Tensor, layout: Layout, guided: bool) -> FrozenRows:
    """For rows (P, A), normalised. Raises WamError for more rows than a chunk has, or none."""
    fits = rows.ndim == 2 and rows.shape[1] == layout.action_dim
    if not fits or not 1 <= len(rows) <= layout.horizon:
        raise WamError(
            f'prefix of shape {tuple(rows.shape)}, allowed (1 to {layout.horizon}, '
            f'{layout.action_dim})'
        )
    return FrozenRows(rows.float(), layout.action, layout.action_size, guided)
