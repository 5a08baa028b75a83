"""AdaLN: shift, scale and gate of every block, from the time of a frame."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

PER_BLOCK = 9  # shift, scale and gate for self-attention, cross-attention and feed-forward
AT_END = 2  # shift and scale of the last norm
KEPT_TIMES: Final = 256  # 1 MB each for the 2B network; ten or so are used over and over


class Modulation:
    """Computes rows of ``count`` vectors as wide as a token, one row per time.

    model: a ``CosmosTransformer3DModel``; its weights are read at each call.
    """

    def __init__(self, model: Any) -> None:
        self._time = model.time_embed
        self._blocks = list(model.transformer_blocks)
        self._last = model.norm_out
        self.width: int = model.norm_out.embedding_dim
        self.count = PER_BLOCK * len(self._blocks) + AT_END

    def embed(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """times (n,) -> embedding (n, width), and what all layers add (n, 3 width)."""
        projected = self._time.time_proj(times).to(self._last.linear_1.weight.dtype)
        return self._time.norm(projected), self._time.t_embedder(projected)

    def block(self, index: int, embedding: Tensor, common: Tensor) -> Tensor:
        """(..., 9, width) of a block."""
        block = self._blocks[index]
        active = functional.silu(embedding)
        rows = [
            norm.linear_2(norm.linear_1(active)) + common
            for norm in (block.norm1, block.norm2, block.norm3)
        ]
        return torch.unflatten(torch.cat(rows, dim=-1), -1, (PER_BLOCK, self.width))

    def end(self, embedding: Tensor, common: Tensor) -> Tensor:
        """(..., 2, width) of the last norm."""
        rows = self._last.linear_2(self._last.linear_1(functional.silu(embedding)))
        rows = rows + common[..., : AT_END * self.width]
        return torch.unflatten(rows, -1, (AT_END, self.width))

    def table(self, times: Tensor) -> Tensor:
        """times (n,) -> all of it, (n, count, width): the blocks in order, then the last norm."""
        embedding, common = self.embed(times)
        blocks = [self.block(index, embedding, common) for index in range(len(self._blocks))]
        return torch.cat((*blocks, self.end(embedding, common)), dim=-2)


class KeptModulation:
    """Rows of ``Modulation.table`` for the times of the schedules, computed when first met."""

    def __init__(self, modulation: Modulation) -> None:
        self._modulation = modulation
        self._rows: OrderedDict[float, Tensor] = OrderedDict()

    def rows(self, times: Sequence[float], device: torch.device) -> Tensor:
        """(B, 2, count, width): per sample the rows of its time, and those of time 0."""
        wanted = dict.fromkeys((0.0, *times))
        missing = [time for time in wanted if time not in self._rows]
        if missing:
            made = self._modulation.table(torch.tensor(missing, device=device))
            self._rows.update(zip(missing, made.unbind(0), strict=True))
        for time in wanted:
            self._rows.move_to_end(time)
        clean = self._rows[0.0]
        if len(set(times)) == 1:
            pair = torch.stack((self._rows[times[0]], clean))
            result = pair.expand(len(times), -1, -1, -1)
        else:
            result = torch.stack([torch.stack((self._rows[time], clean)) for time in times])
        while len(self._rows) > KEPT_TIMES:
            self._rows.popitem(last=False)
        return result
