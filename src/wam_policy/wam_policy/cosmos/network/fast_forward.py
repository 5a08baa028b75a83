"""The network's forward pass without what it computes twice; same weights, same arithmetic."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from wam_policy.cosmos.network import block as arithmetic
from wam_policy.cosmos.network.compilation import compiled
from wam_policy.cosmos.network.fp8 import quantised
from wam_policy.cosmos.network.modulation import AT_END, PER_BLOCK, Modulation
from wam_policy.cosmos.network.patches import patches, unpatched
from wam_policy.cosmos.network.transformer import MASK_CHANNELS
from wam_policy.cosmos.network.weights import Dense, block_weights, linear
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.sequence.layout import PATCH, Layout


class FastForward:
    """Of a ``CosmosTransformer3DModel`` whose weights are loaded and on their device.

    The model's weights of queries, keys and values move into one tensor per block.
    """

    def __init__(
        self, model: Any, layout: Layout, savings: SavingOptions, compile_blocks: bool
    ) -> None:
        self._savings = savings
        self.modulation = Modulation(model)
        self._first = Dense(model.patch_embed.proj.weight.data)
        self._last = Dense(model.proj_out.weight.data)
        self._blocks = [block_weights(each) for each in model.transformer_blocks]
        if savings.fp8:
            self._blocks = [quantised(weights) for weights in self._blocks]
        side = layout.latent_size // PATCH
        shape = (layout.frames, side, side)
        self._cosines, self._sines = model.rope.tables(shape, self._first.weight.device)
        self._block = _compiled_block() if compile_blocks else arithmetic.transformer_block

    def keys_values(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Of every block for a text (1, L, C): (blocks, 1, heads, L, head_dim) each."""
        pairs = [arithmetic.context_keys(text, weights) for weights in self._blocks]
        keys, values = zip(*pairs, strict=True)
        return torch.stack(keys), torch.stack(values)

    def __call__(
        self, state: Tensor, clean: Tensor, modulation: Tensor, *context: Tensor
    ) -> Tensor:
        """The network's output (B, 16, T, h, w) for a state of that shape.

        clean: (T,) bool. modulation: with ``cached_modulation`` (B, 2, count, D), rows for the
        generated and for the clean frames; otherwise their times (B, 2) float32.
        context: ``keys_values``, or with ``cached_context`` off the text itself.
        """
        batch, _, frames, height, width = state.shape
        mask = clean.to(state.dtype).view(1, 1, -1, 1, 1).expand(batch, 1, -1, height, width)
        padding = state.new_zeros(()).expand(batch, MASK_CHANNELS - 1, frames, height, width)
        tokens = linear(patches(torch.cat((state, mask, padding), dim=1)), self._first)
        rows = _Rows(self.modulation, self._savings, modulation, clean, tokens.shape[1])
        for index, weights in enumerate(self._blocks):
            if len(context) == 1:
                key, value = arithmetic.context_keys(context[0], weights)
            else:
                key, value = context[0][index], context[1][index]
            tokens = self._block(
                tokens, rows.block(index), weights, self._cosines, self._sines, key, value
            )
        return unpatched(arithmetic.final_layer(tokens, rows.end(), self._last), frames, height)


@cache
def _compiled_block() -> Callable[..., Tensor]:
    # One for all blocks of all networks: what has the same shapes is compiled once.
    return compiled(arithmetic.transformer_block)


class _Rows:
    """Modulation of one forward pass: for all blocks at once per frame, or token by token."""

    def __init__(
        self,
        modulation: Modulation,
        savings: SavingOptions,
        given: Tensor,
        clean: Tensor,
        tokens: int,
    ) -> None:
        self._modulation = modulation
        kinds = clean.long()
        self._table: Tensor | None = None
        if savings.frame_modulation:
            table = given
            if not savings.cached_modulation:
                table = torch.unflatten(modulation.table(given.flatten()), 0, given.shape)
            self._table = table.index_select(1, kinds)
        else:
            kinds = kinds.repeat_interleave(tokens // len(kinds), output_size=tokens)
            self._embedding, self._common = (
                torch.unflatten(part, 0, given.shape).index_select(1, kinds)
                for part in modulation.embed(given.flatten())
            )

    def block(self, index: int) -> Tensor:
        if self._table is None:
            return self._modulation.block(index, self._embedding, self._common)
        return self._table[:, :, index * PER_BLOCK : (index + 1) * PER_BLOCK]

    def end(self) -> Tensor:
        if self._table is None:
            return self._modulation.end(self._embedding, self._common)
        return self._table[:, :, -AT_END:]
