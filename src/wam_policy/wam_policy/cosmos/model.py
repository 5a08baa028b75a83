"""Puts the parts of a Cosmos Policy onto a device."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import psutil
import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.directory import Weights, load_network, load_weights
from wam_policy.cosmos.checkpoint.shapes import DTYPES, fill, network_model, vae_model
from wam_policy.cosmos.images.codec import VideoCodec
from wam_policy.cosmos.images.vae import PRESETS as VAES
from wam_policy.cosmos.images.vae import build_vae, quicken_on_cpu
from wam_policy.cosmos.network.denoiser import Denoiser
from wam_policy.cosmos.network.transformer import PRESETS, build
from wam_policy.cosmos.options import CosmosOptions
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.planning.planner import Planner
from wam_policy.cosmos.planning.workers import Workers
from wam_policy.cosmos.sequence.layout import Layout
from wam_policy.cosmos.sequence.normaliser import Statistics
from wam_policy.cosmos.sequence.t5 import T5Embedder
from wam_policy.cosmos.sequence.text import TextEmbeddings

META: Final = torch.device('meta')  # nothing is initialised that is overwritten anyway


@dataclass(frozen=True)
class CosmosModel:
    """A loaded policy: from images to latents, to a plan, and back."""

    device: torch.device
    codec: VideoCodec
    planner: Planner
    embeddings: TextEmbeddings
    statistics: Statistics


def load_model(
    options: CosmosOptions, layout: Layout, clock: Callable[[], float] = time.monotonic
) -> CosmosModel:
    """Reads, checks and places everything that the options name, workers included.

    clock: of the deadlines, seconds.
    Raises WamError for a device that isn't there or has too little free memory, and for files
    that are missing, changed or of other sizes.
    """
    device = find_device(options.model.device)
    check_memory(options, layout, device)
    if options.model.threads:
        torch.set_num_threads(options.model.threads)
    embed = T5Embedder(Path(options.model.t5)) if options.model.t5 else None
    weights = load_weights(options.model, layout, embed)
    dtype = DTYPES[options.model.dtype]
    vae = build_vae(options.model.preset, META, dtype)
    fill(vae, weights.vae, device, dtype)
    if device.type == 'cpu':
        quicken_on_cpu(vae)
    workers = None
    if options.planning.devices:
        workers = Workers(
            partial(load_planner, options, layout),
            options.planning.devices,
            options.planning.ray_address,
        )
    return CosmosModel(
        device=device,
        codec=VideoCodec(vae, layout, dtype, options.savings),
        planner=_planner(options, layout, device, weights, workers, clock),
        embeddings=weights.embeddings,
        statistics=weights.statistics,
    )


def load_planner(options: CosmosOptions, layout: Layout, device: str) -> Planner:
    """A planner without workers, for one of them. Raises as ``load_model``."""
    place = find_device(device)
    return _planner(options, layout, place, load_weights(options.model, layout))


def find_device(name: str) -> torch.device:
    """``auto``: the first GPU where there is one. Raises WamError naming what is there."""
    present = ['cpu', *(f'cuda:{index}' for index in range(torch.cuda.device_count()))]
    if name == 'auto':
        name = 'cuda' if len(present) > 1 else 'cpu'
    wanted = 'cuda:0' if name == 'cuda' else name
    if wanted not in present:
        raise WamError(
            f'device {name!r} is not there, found {present} '
            '(option `device` under `options: model` of the policy file)'
        )
    return torch.device(wanted)


def needed_bytes(options: CosmosOptions, layout: Layout, recomputed: bool = True) -> int:
    """Memory of weights and activations, estimated; recomputed: see ``recomputes``.

    Of activations, about 40 values per token and channel are alive in a block: the projections,
    attention, and four times the width in the MLP, twice each. The VAE has about 300 per pixel
    and channel while it decodes, which is not while a prefix guides.
    """
    dtype = DTYPES[options.model.dtype]
    preset = options.model.preset
    parameters = sum(weight.numel() for weight in network_model(preset).parameters())
    networks = 2 if options.planning.directory else 1
    batch = options.planning.batch if options.planning.candidates > 1 else 1
    values = networks * parameters
    values += sum(weight.numel() for weight in vae_model(preset).parameters())
    values += 40 * batch * layout.tokens * PRESETS[preset].width
    decoding = 300 * layout.image_size**2 * VAES[preset].base_dim
    values += max(decoding, _kept_by_guidance(options, layout, recomputed))
    return int(values * dtype.itemsize)


def recomputes(options: CosmosOptions, layout: Layout, device: torch.device) -> bool:
    """Whether there is too little memory to keep what the guidance by a prefix needs again.

    Then it is computed a second time, block by block: the same numbers, half as long again.
    """
    return _free_bytes(device) < needed_bytes(options, layout, recomputed=False)


def _kept_by_guidance(options: CosmosOptions, layout: Layout, recomputed: bool) -> int:
    """Values that are kept on the way forward for the way back, of one sequence.

    32 per token and channel in a block; recomputed: what enters each block, and 32 in one of them.
    """
    if options.decoding.prefix != 'guide':
        return 0
    config = PRESETS[options.model.preset]
    blocks = config.layers + 32 if recomputed else 32 * config.layers
    return blocks * layout.tokens * config.width


def _free_bytes(device: torch.device) -> int:
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def check_memory(options: CosmosOptions, layout: Layout, device: torch.device) -> None:
    """Raises WamError where less is free than the policy needs."""
    needed, free = needed_bytes(options, layout), _free_bytes(device)
    if free < needed:
        raise WamError(
            f'{device} has {free / 2**30:.1f} GiB of free memory, the policy needs about '
            f'{needed / 2**30:.1f} GiB (options `preset`, `dtype`, planning `batch`)'
        )


def _planner(
    options: CosmosOptions,
    layout: Layout,
    device: torch.device,
    weights: Weights,
    workers: Workers | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Planner:
    recompute = recomputes(options, layout, device)  # before the weights take theirs
    policy = _passes(options, layout, device, weights.network, recompute)
    planning = None
    if options.planning.directory:
        network = load_network(options.planning.directory, options.model.preset)
        planning = _passes(options, layout, device, network)
    return Planner(policy, planning, layout, options, clock, workers)


def _passes(
    options: CosmosOptions,
    layout: Layout,
    device: torch.device,
    weights: Mapping[str, Tensor],
    recompute: bool = False,
) -> Passes:
    dtype = DTYPES[options.model.dtype]
    network = build(PRESETS[options.model.preset], META, dtype)
    fill(network, weights, device, dtype)
    if recompute:
        network.enable_gradient_checkpointing()
    denoiser = Denoiser(network, layout, dtype, options.savings)
    return Passes(denoiser, layout, options.decoding)
