"""The diffusion transformer: its sizes, and diffusers' model, corrected for the checkpoints."""

from dataclasses import dataclass
from typing import Final

import torch
from diffusers.models.transformers.transformer_cosmos import CosmosTransformer3DModel
from torch import nn

from wam_policy.cosmos.network.rope import EXTRAPOLATION, Rope
from wam_policy.cosmos.sequence.layout import CHANNELS, PATCH

TEXT_TOKENS: Final = 512  # length of every text embedding, zero-padded
# Beside the latents: which frames are clean, and the padding mask, which is zero for a policy.
MASK_CHANNELS: Final = 2
# Of the official network; diffusers has 1e-5 for queries and keys, which moves its output by 1e-5.
NORM_EPSILON: Final = 1e-6


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes. adaln_dim: bottleneck of the adaptive layer norms. text_dim: of the embeddings."""

    heads: int
    head_dim: int
    layers: int
    adaln_dim: int = 256
    text_dim: int = 1024
    mlp_ratio: float = 4.0

    @property
    def width(self) -> int:
        """Channels of a token."""
        return self.heads * self.head_dim

    @property
    def mlp_width(self) -> int:
        """Channels inside the feed-forward layer."""
        return int(self.width * self.mlp_ratio)


# 2b: Cosmos-Predict2-2B (source: cosmos-predict2, and diffusers' Cosmos 2 converter).
PRESETS: Final = {
    '2b': NetworkConfig(heads=16, head_dim=128, layers=28),
    'tiny': NetworkConfig(heads=2, head_dim=32, layers=2, adaln_dim=16),
}


def build(
    config: NetworkConfig, device: torch.device, dtype: torch.dtype
) -> CosmosTransformer3DModel:
    """The network with torch's initial weights, ready to be loaded; for inference only.

    device: 'meta' makes one without memory, for ``load_state_dict(..., assign=True)``.
    """
    with torch.device(device):
        model = CosmosTransformer3DModel(
            # diffusers resizes a padding mask with torchvision; given as a second mask channel it
            # is the same arithmetic with the same weights, and needs no torchvision.
            in_channels=CHANNELS + MASK_CHANNELS,
            concat_padding_mask=False,
            out_channels=CHANNELS,
            num_attention_heads=config.heads,
            attention_head_dim=config.head_dim,
            num_layers=config.layers,
            mlp_ratio=config.mlp_ratio,
            text_embed_dim=config.text_dim,
            adaln_lora_dim=config.adaln_dim,
            patch_size=(1, PATCH, PATCH),
            rope_scale=EXTRAPOLATION,
            extra_pos_embed_type=None,
        )
    model.rope = Rope(config.head_dim, rounded=dtype == torch.bfloat16)
    with torch.device(device):
        model.time_embed.norm = _norm(config.width)
        for block in model.transformer_blocks:
            for attention in (block.attn1, block.attn2):
                attention.norm_q, attention.norm_k = _norm(config.head_dim), _norm(config.head_dim)
    # Not diffusers' own .to: it warns of a module that this model doesn't have.
    return nn.Module.to(model, dtype).eval().requires_grad_(False)


def _norm(width: int) -> nn.RMSNorm:
    # Rounds once to bfloat16, after the weight, as the official one does; diffusers' own rounds
    # before and after it, which at the time embedding alone doubles the distance to the official
    # network's output.
    return nn.RMSNorm(width, eps=NORM_EPSILON)
