"""The network's weights as plain tensors, in the shape that the fast forward pass wants them."""

from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST_FP8: Final = torch.finfo(torch.float8_e4m3fn).max  # 448
SMALLEST: Final = 1e-12


class Dense(NamedTuple):
    """A linear layer without bias. weight: (outputs, inputs)."""

    weight: Tensor


class Quantised(NamedTuple):
    """A linear layer in FP8. weight: (outputs, inputs) float8_e4m3fn; scale: (1, outputs)."""

    weight: Tensor
    scale: Tensor


Linear = Dense | Quantised


class BlockWeights(NamedTuple):
    """One transformer block. qkv: the three projections of self-attention, one below another."""

    qkv: Linear
    norm_q: Tensor
    norm_k: Tensor
    out: Linear
    cross_q: Linear
    cross_k: Dense
    cross_v: Dense
    cross_norm_q: Tensor
    cross_norm_k: Tensor
    cross_out: Linear
    up: Linear
    down: Linear


def block_weights(block: Any) -> BlockWeights:
    """Of a ``CosmosTransformerBlock``. The block shares the memory: nothing is held twice."""
    attention, cross, mlp = block.attn1, block.attn2, block.ff.net
    return BlockWeights(
        qkv=Dense(_joined((attention.to_q, attention.to_k, attention.to_v))),
        norm_q=attention.norm_q.weight.data,
        norm_k=attention.norm_k.weight.data,
        out=Dense(attention.to_out[0].weight.data),
        cross_q=Dense(cross.to_q.weight.data),
        cross_k=Dense(cross.to_k.weight.data),
        cross_v=Dense(cross.to_v.weight.data),
        cross_norm_q=cross.norm_q.weight.data,
        cross_norm_k=cross.norm_k.weight.data,
        cross_out=Dense(cross.to_out[0].weight.data),
        up=Dense(mlp[0].proj.weight.data),
        down=Dense(mlp[2].weight.data),
    )


def _joined(layers: tuple[nn.Linear, ...]) -> Tensor:
    joined = torch.cat([layer.weight.data for layer in layers])
    for layer, part in zip(layers, joined.chunk(len(layers)), strict=True):
        layer.weight.data = part
    return joined


def linear(tokens: Tensor, layer: Linear) -> Tensor:
    """(..., inputs) -> (..., outputs)."""
    if isinstance(layer, Dense):
        return functional.linear(tokens, layer.weight)
    rows, scale = to_fp8(tokens.flatten(0, -2))
    product = torch._scaled_mm(
        rows, layer.weight.t(), scale_a=scale, scale_b=layer.scale,
        out_dtype=tokens.dtype, use_fast_accum=True,
    )  # fmt: skip
    return product.view(*tokens.shape[:-1], -1)


def to_fp8(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(n, k) -> (n, k) float8_e4m3fn, and the factors (n, 1) float32 that give it back."""
    exact = rows.float()
    # A row of zeros has no largest value to divide by.
    scale = exact.abs().amax(dim=-1, keepdim=True).clamp(min=SMALLEST) / LARGEST_FP8
    # Rounded up, the largest value could leave the range, where e4m3fn has NaN, not infinity.
    scaled = (exact / scale).clamp(-LARGEST_FP8, LARGEST_FP8)
    return scaled.to(torch.float8_e4m3fn), scale
