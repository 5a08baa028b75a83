"""The blocks' large matrix products in FP8 (e4m3): about twice the arithmetic rate, not exact.

Weights are scaled per output channel once, activations per token at each product. Attention,
norms, the first and the last layer stay in bfloat16, and so do the keys and values of the text,
which are computed once per task.

Sums stay in the tensor cores to the end (``use_fast_accum``), which on Ada and Hopper hold fewer
bits than float32: FP8 is for speed, and carrying them over into float32 every so often costs some
of it. What roundings and sums together do to the actions: ``wam bench policy --fp8``.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.network.weights import (
    BlockWeights,
    Dense,
    Linear,
    Quantised,
    linear,
    to_fp8,
)

# Of the first GPUs with FP8 matrix products: Ada (RTX 4090, L40S); then Hopper and Blackwell.
LOWEST_CAPABILITY: Final = (8, 9)
_PROBE: Final = 32  # rows and columns of a product that shows whether it works


@dataclass(frozen=True)
class Effect:
    """How far a result moved: the largest and the mean difference, and their RMS in share of it.

    max_abs, mean_abs: in the unit of what was compared. relative: RMS of the difference over the
    RMS of the exact result.
    """

    max_abs: float
    mean_abs: float
    relative: float


def require_fp8(device: torch.device, dtype: torch.dtype) -> None:
    """Raises WamError naming the device and its compute capability where FP8 doesn't work."""
    name = str(device)
    if dtype != torch.bfloat16:
        raise WamError(f'option savings.fp8 with a network in {dtype}, allowed: bfloat16')
    if device.type == 'cuda':
        capability = torch.cuda.get_device_capability(device)
        name = f'{torch.cuda.get_device_name(device)} of compute capability {capability}'
        if capability < LOWEST_CAPABILITY:
            raise WamError(
                f'option savings.fp8: {name} has no FP8 matrix products, '
                f'needed {LOWEST_CAPABILITY} or later; savings.fp8: false runs without'
            )
    probe = torch.ones((_PROBE, _PROBE), dtype=dtype, device=device)
    try:
        linear(probe, _layer(Dense(probe)))
    except (NotImplementedError, RuntimeError) as error:
        raise WamError(
            f'option savings.fp8: FP8 matrix products fail on {name}: {error}; '
            'savings.fp8: false runs without'
        ) from error


def quantised(weights: BlockWeights) -> BlockWeights:
    """The same block with its large layers in FP8."""
    return weights._replace(
        qkv=_layer(weights.qkv),
        out=_layer(weights.out),
        cross_q=_layer(weights.cross_q),
        cross_out=_layer(weights.cross_out),
        up=_layer(weights.up),
        down=_layer(weights.down),
    )


def effect(exact: Tensor, changed: Tensor) -> Effect:
    """What a change of arithmetic did to a result, such as a chunk of actions."""
    difference = (changed.double() - exact.double()).abs()
    size = exact.double().square().mean().sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    return Effect(
        max_abs=difference.max().item(),
        mean_abs=difference.mean().item(),
        relative=(difference.square().mean().sqrt() / size).item(),
    )


def _layer(layer: Linear) -> Quantised:
    rows, scale = to_fp8(layer.weight)
    return Quantised(rows, scale.t().contiguous())
