"""Latents to tokens' channels and back. The two orders differ; so they are in the checkpoints."""

from torch import Tensor

from wam_policy.cosmos.sequence.layout import PATCH


def patches(latents: Tensor) -> Tensor:
    """(B, C, T, h, w) -> (B, tokens, C x patch x patch), channel first."""
    batch, channels, frames, height, width = latents.shape
    split = latents.reshape(batch, channels, frames, height // PATCH, PATCH, width // PATCH, PATCH)
    return split.permute(0, 2, 3, 5, 1, 4, 6).flatten(4).flatten(1, 3)


def unpatched(tokens: Tensor, frames: int, size: int) -> Tensor:
    """(B, tokens, patch x patch x C), channel last -> (B, C, frames, size, size)."""
    side = size // PATCH
    split = tokens.reshape(len(tokens), frames, side, side, PATCH, PATCH, -1)
    return split.permute(0, 6, 1, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)
