"""The Wan 2.1 VAE: its sizes, and diffusers' model with the official arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Final

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanRMS_norm
from torch import Tensor, nn
from torch.nn import functional

from wam_core.errors import WamError
from wam_policy.cosmos.images.codec import Encoding, VideoCodec
from wam_policy.cosmos.sequence.layout import CHANNELS

__all__ = ['PRESETS', 'Encoding', 'VaeConfig', 'VideoCodec', 'build_vae']


@dataclass(frozen=True)
class VaeConfig:
    """Sizes, by the names of diffusers' ``AutoencoderKLWan``. base_dim: channels at full size."""

    base_dim: int
    num_res_blocks: int = 2
    dim_mult: tuple[int, ...] = (1, 2, 4, 4)
    temperal_downsample: tuple[bool, ...] = (False, True, True)
    z_dim: int = CHANNELS


# 2b: source, cosmos-policy, tokenizers/wan2pt1.py; 126.9 M parameters.
PRESETS: Final[Mapping[str, VaeConfig]] = {
    '2b': VaeConfig(base_dim=96),
    'tiny': VaeConfig(base_dim=8, num_res_blocks=1),
}


class ChannelNorm(nn.Module):
    """RMS normalisation over channels, computed in the type of its input.

    diffusers normalises bfloat16 in float32 and rounds after; the official VAE doesn't.
    """

    def __init__(self, norm: WanRMS_norm) -> None:
        super().__init__()
        self.gamma = norm.gamma
        self.scale = float(norm.scale)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, ...) of the same shape."""
        normalised: Tensor = functional.normalize(features, dim=1) * self.scale * self.gamma
        return normalised


def build_vae(
    preset: str, device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> AutoencoderKLWan:
    """For inference, with the weights of diffusers' initialisation; ``meta`` has none.

    The tensors have diffusers' names. Raises WamError for an unknown preset.
    """
    if preset not in PRESETS:
        raise WamError(f'VAE {preset!r}, expected one of {sorted(PRESETS)}')
    config = PRESETS[preset]
    with torch.device(device):
        model = AutoencoderKLWan(
            base_dim=config.base_dim,
            z_dim=config.z_dim,
            dim_mult=list(config.dim_mult),
            num_res_blocks=config.num_res_blocks,
            temperal_downsample=list(config.temperal_downsample),
        )
    for name, module in list(model.named_modules()):
        if isinstance(module, WanRMS_norm):
            parent, _, attribute = name.rpartition('.')
            setattr(model.get_submodule(parent), attribute, ChannelNorm(module))
    return nn.Module.to(model, dtype=dtype).eval().requires_grad_(False)


def quicken_on_cpu(model: nn.Module) -> None:
    """Has a float32 model's convolutions done by oneDNN, the same to rounding.

    For a single sequence with few channels PyTorch itself takes a kernel that is ten times slower
    (its rule: batch x channels x frames x height up to 20480).
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for module in model.modules():
        if isinstance(module, nn.Conv3d) and module.weight.dtype == torch.float32:
            module._conv_forward = MethodType(_onednn, module)  # type: ignore[method-assign]


def _onednn(layer: nn.Conv3d, frames: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    assert not isinstance(layer.padding, str)
    return torch.mkldnn_convolution(
        frames, weight, bias, layer.padding, layer.stride, layer.dilation, layer.groups
    )
