"""Whether a Cosmos Policy can be used: its files, and one pass through its models."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.directory import Weights, load_network, load_weights
from wam_policy.cosmos.checkpoint.shapes import DTYPES, fill
from wam_policy.cosmos.images.vae import build_vae
from wam_policy.cosmos.network.transformer import MASK_CHANNELS, PRESETS, TEXT_TOKENS, build
from wam_policy.cosmos.options import CosmosOptions
from wam_policy.cosmos.sequence.layout import CHANNELS, SPATIAL_COMPRESSION, Layout

_SIZE: Final = 4  # of latents: the weights are all used, and a CPU needs seconds for 2b


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str


def check(options: CosmosOptions, layout: Layout, device: str) -> Iterator[Check]:
    """Looks at everything, one after another; what fails does not keep it from the rest.

    options: with absolute directories. device: as torch names it.
    """
    loaded: list[Weights] = []

    def load() -> str:
        loaded.append(load_weights(options.model, layout))
        return _weights_text(options, loaded[0])

    yield _checked('files', load)
    if loaded:
        yield from _models(loaded.pop(), options, device)
    if options.planning.directory:
        yield _checked('planning checkpoint', lambda: _planning(options, device))


def _models(weights: Weights, options: CosmosOptions, device: str) -> Iterator[Check]:
    yield _checked('numbers', lambda: _numbers(weights.network, weights.vae))
    yield _checked(f'network on {device}', lambda: _network(weights.network, options, device))
    yield _checked(f'VAE on {device}', lambda: _vae(weights.vae, options, device))


def _checked(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, True, look())
    except WamError as error:
        return Check(what, False, str(error))
    # Of torch, for a device that is not there or is full.
    except (RuntimeError, AssertionError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Check(what, False, lines[0])


def _weights_text(options: CosmosOptions, weights: Weights) -> str:
    if not options.model.directory:
        return f'none: random weights, seed {options.model.seed}'
    count = len(weights.embeddings.instructions)
    return (
        f'{Path(options.model.directory)}: hashes and shapes as imported; '
        f'{count} instruction{"" if count == 1 else "s"}'
    )


def _planning(options: CosmosOptions, device: str) -> str:
    network = load_network(options.planning.directory, options.model.preset)
    text = _numbers(network)
    return f'hashes and shapes as imported; {text}; {_network(network, options, device)}'


def _numbers(*parts: Mapping[str, torch.Tensor]) -> str:
    tensors = [(name, tensor) for part in parts for name, tensor in part.items()]
    for name, tensor in tensors:
        if not bool(torch.isfinite(tensor).all()):
            raise WamError(f'{name} holds numbers that are not finite')
    total = sum(tensor.numel() for _, tensor in tensors)
    return f'{total / 1e6:.1f} million in {len(tensors)} tensors, all finite'


@torch.inference_mode()
def _network(weights: Mapping[str, torch.Tensor], options: CosmosOptions, device: str) -> str:
    config, dtype = PRESETS[options.model.preset], DTYPES[options.model.dtype]
    network: Any = build(config, torch.device('meta'), dtype)
    fill(network, weights, torch.device(device), dtype)
    shape = (1, CHANNELS, 2, _SIZE, _SIZE)
    masks = torch.zeros((1, MASK_CHANNELS, *shape[2:]), dtype=dtype, device=device)
    text = torch.zeros((1, TEXT_TOKENS, config.text_dim), dtype=dtype, device=device)
    (output,) = network(
        hidden_states=_noise(shape).to(device, dtype),
        timestep=torch.full((1, 1, shape[2], 1, 1), 0.5, dtype=dtype, device=device),
        encoder_hidden_states=text,
        condition_mask=masks,
        return_dict=False,
    )
    return _output('two latent frames of noise', output)


@torch.inference_mode()
def _vae(weights: Mapping[str, torch.Tensor], options: CosmosOptions, device: str) -> str:
    dtype = DTYPES[options.model.dtype]
    vae: Any = build_vae(options.model.preset, 'meta', dtype)
    fill(vae, weights, torch.device(device), dtype)
    pixels = _SIZE * SPATIAL_COMPRESSION
    image = _noise((1, 3, 1, pixels, pixels)).clamp(-1, 1).to(device, dtype)
    latents = vae.encode(image).latent_dist.mean
    _output('a coded image', latents)
    return _output('an image, coded and back', vae.decode(latents).sample)


def _noise(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _output(what: str, output: torch.Tensor) -> str:
    if not bool(torch.isfinite(output).all()):
        raise WamError(f'{what}: the result is not finite')
    return f'{what}: finite, standard deviation {output.float().std().item():.2f}'
