"""Names and shapes that a preset's models expect, compared with what a file has."""

from collections.abc import Callable, Mapping
from typing import Final

import torch

from wam_core.errors import WamError
from wam_policy.cosmos.images.vae import build_vae
from wam_policy.cosmos.network.transformer import PRESETS, build

Shape = tuple[int, ...]
_SHOWN: Final = 3
# By the names of the option `model.dtype`.
DTYPES: Final = {'bfloat16': torch.bfloat16, 'float32': torch.float32}


def network_model(preset: str) -> torch.nn.Module:
    """The network without memory for its weights (meta device)."""
    model: torch.nn.Module = build(PRESETS[preset], torch.device('meta'), torch.float32)
    return model


def vae_model(preset: str) -> torch.nn.Module:
    """The VAE without memory for its weights (meta device)."""
    model: torch.nn.Module = build_vae(preset, torch.device('meta'), torch.float32)
    return model


def fill(
    model: torch.nn.Module,
    weights: Mapping[str, torch.Tensor],
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    """Gives a model of the meta device these weights: copied once, nothing is initialised."""
    placed = {name: tensor.to(device, dtype) for name, tensor in weights.items()}
    model.load_state_dict(placed, assign=True)


MODELS: Final[Mapping[str, Callable[[str], torch.nn.Module]]] = {
    'network': network_model,
    'VAE': vae_model,
}


def expected_shapes(part: str, preset: str) -> dict[str, Shape]:
    """Tensor name -> shape. part: network or VAE."""
    state = MODELS[part](preset).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def check_shapes(source: str, found: Mapping[str, Shape], part: str, preset: str) -> None:
    """Raises WamError naming tensors that are missing, unknown or of another shape."""
    expected = expected_shapes(part, preset)
    model = f'the {part} of preset {preset!r} ({len(expected)} tensors)'
    for what, names in (
        ('lacks', sorted(expected.keys() - found.keys())),
        ('has unknown', sorted(found.keys() - expected.keys())),
    ):
        if names:
            rest = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
            raise WamError(f'{source} {what} {names[:_SHOWN]}{rest} for {model}')
    for name, shape in expected.items():
        if found[name] != shape:
            raise WamError(f'{source}: {name} has shape {found[name]}, {model} has {shape}')
