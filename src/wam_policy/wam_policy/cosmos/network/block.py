"""The arithmetic of one transformer block, as a function of tensors only.

A function without a module is what torch.compile compiles once for all blocks.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from wam_policy.cosmos.network.transformer import NORM_EPSILON
from wam_policy.cosmos.network.weights import BlockWeights, Dense, Linear, linear

LAYER_NORM_EPSILON: Final = 1e-6


def modulated(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Layer norm, scaled and shifted group by group.

    tokens: (B, S, D). shift, scale: (B, G, D) for G groups of S / G consecutive tokens each.
    """
    normed = functional.layer_norm(tokens, tokens.shape[-1:], eps=LAYER_NORM_EPSILON)
    grouped = torch.unflatten(normed, 1, (shift.shape[1], -1))
    return (grouped * (1 + scale[:, :, None]) + shift[:, :, None]).flatten(1, 2)


def gated(tokens: Tensor, gate: Tensor, change: Tensor) -> Tensor:
    """Tokens (B, S, D) plus the change, weighted by gate (B, G, D)."""
    grouped = torch.unflatten(change, 1, (gate.shape[1], -1))
    return tokens + (gate[:, :, None] * grouped).flatten(1, 2)


def heads(projected: Tensor, head_dim: int) -> Tensor:
    """(B, S, D) -> (B, heads, S, head_dim)."""
    return torch.unflatten(projected, -1, (-1, head_dim)).transpose(1, 2)


def rms_norm(vectors: Tensor, weight: Tensor) -> Tensor:
    """Of queries and keys, along the channels of a head."""
    return functional.rms_norm(vectors, vectors.shape[-1:], weight, NORM_EPSILON)


def rotated(vectors: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions in float32, the halves of the channels being the pairs."""
    exact = vectors.float()
    first, second = exact.chunk(2, dim=-1)
    return (exact * cosines + torch.cat((-second, first), dim=-1) * sines).to(vectors.dtype)


def self_attention(
    tokens: Tensor, weights: BlockWeights, cosines: Tensor, sines: Tensor
) -> Tensor:
    """(B, S, D) -> (B, S, D), each sample of the batch by itself."""
    size = cosines.shape[-1]
    query, key, value = (heads(part, size) for part in linear(tokens, weights.qkv).chunk(3, -1))
    query = rotated(rms_norm(query, weights.norm_q), cosines, sines)
    key = rotated(rms_norm(key, weights.norm_k), cosines, sines)
    mixed = functional.scaled_dot_product_attention(query, key, value)
    return linear(mixed.transpose(1, 2).flatten(2), weights.out)


def context_keys(text: Tensor, weights: BlockWeights) -> tuple[Tensor, Tensor]:
    """Keys and values of the text (1, L, C): (1, heads, L, head_dim) each."""
    size = weights.cross_norm_k.shape[0]
    key = rms_norm(heads(linear(text, weights.cross_k), size), weights.cross_norm_k)
    return key, heads(linear(text, weights.cross_v), size)


def cross_attention(tokens: Tensor, weights: BlockWeights, key: Tensor, value: Tensor) -> Tensor:
    """(B, S, D) -> (B, S, D). key, value: one text for all samples."""
    batch = len(tokens)
    # A query sees nothing of the others: with one text, the batch is just more queries.
    flat = tokens.reshape(1, -1, tokens.shape[-1])
    query = rms_norm(heads(linear(flat, weights.cross_q), key.shape[-1]), weights.cross_norm_q)
    mixed = functional.scaled_dot_product_attention(query, key, value)
    return linear(mixed.transpose(1, 2).reshape(batch, -1, tokens.shape[-1]), weights.cross_out)


def feed_forward(tokens: Tensor, up: Linear, down: Linear) -> Tensor:
    """Two layers and an exact GELU between."""
    return linear(functional.gelu(linear(tokens, up)), down)


def transformer_block(
    tokens: Tensor,
    modulation: Tensor,
    weights: BlockWeights,
    cosines: Tensor,
    sines: Tensor,
    key: Tensor,
    value: Tensor,
) -> Tensor:
    """(B, S, D) -> (B, S, D). modulation: (B, G, 9, D), see ``modulation.Modulation.block``."""
    rows = modulation.unbind(2)
    attended = self_attention(modulated(tokens, rows[0], rows[1]), weights, cosines, sines)
    tokens = gated(tokens, rows[2], attended)
    attended = cross_attention(modulated(tokens, rows[3], rows[4]), weights, key, value)
    tokens = gated(tokens, rows[5], attended)
    changed = feed_forward(modulated(tokens, rows[6], rows[7]), weights.up, weights.down)
    return gated(tokens, rows[8], changed)


def final_layer(tokens: Tensor, modulation: Tensor, projection: Dense) -> Tensor:
    """(B, S, D) -> (B, S, outputs). modulation: (B, G, 2, D)."""
    return linear(modulated(tokens, *modulation.unbind(2)), projection)
