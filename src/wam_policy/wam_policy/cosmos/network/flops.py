"""How much arithmetic a network evaluation is, and how much a device can do in a second.

A multiplication and an addition are two operations; only matrix products and attention count.
"""

import re
from typing import Final

import torch

from wam_policy.cosmos.network.transformer import MASK_CHANNELS, TEXT_TOKENS, NetworkConfig
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.sequence.layout import CHANNELS, PATCH, Layout

# Dense TFLOP/s: (bfloat16, FP8), FP8 0 where there is none. Sources: NVIDIA's data sheets of each
# (half of what they state with sparsity) and, of the GeForce cards, the architecture papers of
# Ampere, Ada and Blackwell, those with float32 sums; what that means for FP8 on Ada and Hopper,
# see ``fp8``. The first pattern that fits is taken.
_PEAKS: Final = (
    (r'H200 NVL', 835.5, 1671.0),
    (r'H100 NVL', 835.5, 1671.0),
    (r'H100 PCIe', 756.5, 1513.0),
    (r'H200|H100', 989.4, 1978.9),
    (r'B200', 2250.0, 4500.0),
    (r'A100', 312.0, 0.0),
    (r'L40S', 362.1, 733.0),
    (r'L4', 121.0, 242.5),
    (r'RTX 5090', 209.5, 419.0),
    (r'RTX 4090', 165.2, 330.3),
    (r'RTX 3090', 71.0, 0.0),
)
_TERA: Final = 1e12


def forward_flops(
    config: NetworkConfig, layout: Layout, batch: int = 1, savings: SavingOptions | None = None
) -> int:
    """Operations of one ``Denoiser.x0``."""
    savings = savings or SavingOptions()
    if not savings.own_forward:
        return plain_flops(config, layout, batch)
    tokens = batch * layout.tokens
    total = _tokens(config, layout, batch)
    if not savings.cached_context:
        total += _context(config)
    if not savings.frame_modulation:
        total += _modulation(config, embedded=2 * batch, modulated=tokens)
    elif not savings.cached_modulation:
        total += _modulation(config, embedded=2 * batch, modulated=2 * batch)
    return total


def plain_flops(config: NetworkConfig, layout: Layout, batch: int = 1) -> int:
    """Operations of one ``Denoiser.forward_plain``."""
    return (
        _tokens(config, layout, batch)
        + batch * _context(config)
        + _modulation(config, batch * layout.frames, batch * layout.tokens)
    )


def device_peak(device: torch.device, fp8: bool = False) -> float | None:
    """TFLOP/s that the device could do at most; None for one that isn't known here."""
    if device.type != 'cuda':
        return None
    return peak(torch.cuda.get_device_name(device), fp8)


def peak(name: str, fp8: bool = False) -> float | None:
    """The same for a device's name, such as 'NVIDIA H200'."""
    for pattern, bfloat16, eight in _PEAKS:
        if re.search(rf'\b({pattern})\b', name):
            return (eight or None) if fp8 else bfloat16
    return None


def tflops(operations: int, seconds: float) -> float:
    """TFLOP/s."""
    return operations / seconds / _TERA


def _tokens(config: NetworkConfig, layout: Layout, batch: int) -> int:
    """What depends on the latents: all but the text's keys and values and the modulation."""
    width, length = config.width, layout.tokens
    projections = 6 * width * width  # q, k, v, out; and of cross-attention q, out
    block = 2 * batch * length * (projections + 2 * width * config.mlp_width)
    attention = 4 * batch * length * (length + TEXT_TOKENS) * width
    area = PATCH**2
    ends = 2 * batch * length * area * width * (2 * CHANNELS + MASK_CHANNELS)
    return config.layers * (block + attention) + ends


def _context(config: NetworkConfig) -> int:
    return config.layers * 2 * 2 * TEXT_TOKENS * config.text_dim * config.width


def _modulation(config: NetworkConfig, embedded: int, modulated: int) -> int:
    """Rows of time embeddings; rows of shifts, scales and gates."""
    width, inner = config.width, config.adaln_dim
    embedding = 2 * embedded * width * (width + 3 * width)
    norm = 2 * modulated * inner * (width + 3 * width)
    last = 2 * modulated * inner * (width + 2 * width)
    return embedding + config.layers * 3 * norm + last
