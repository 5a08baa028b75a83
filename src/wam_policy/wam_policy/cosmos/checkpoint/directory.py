"""The weights and statistics of a policy: from an imported directory, or random."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.manifest import (
    EMBEDDINGS,
    MANIFEST,
    NETWORK,
    STATISTICS,
    VAE,
    Manifest,
    read_manifest,
    verify,
)
from wam_policy.cosmos.checkpoint.random_weights import random_weights
from wam_policy.cosmos.checkpoint.shapes import (
    DTYPES,
    Shape,
    check_shapes,
    network_model,
    vae_model,
)
from wam_policy.cosmos.options import CosmosOptions, ModelOptions
from wam_policy.cosmos.sequence.layout import Layout
from wam_policy.cosmos.sequence.normaliser import Statistics, read_statistics, unit_statistics
from wam_policy.cosmos.sequence.text import TextEmbeddings, random_embeddings, read_embeddings


@dataclass(frozen=True)
class Weights:
    """network, vae: state dicts under the names of diffusers, on the CPU."""

    network: Mapping[str, torch.Tensor]
    vae: Mapping[str, torch.Tensor]
    embeddings: TextEmbeddings
    statistics: Statistics


def load_weights(
    model: ModelOptions,
    layout: Layout,
    embed: Callable[[str], torch.Tensor] | None = None,
) -> Weights:
    """Everything that ``model.directory`` holds, verified; random where it is empty.

    Random weights come with statistics that leave states and actions alone, and embed any
    instruction. embed: for instructions that the directory does not know. Raises WamError for a
    directory that is not an imported one, for files that are missing or changed since, and for
    other sizes than those of the preset and the layout.
    """
    if not model.directory:
        return _random(model, layout)
    directory = Path(model.directory)
    manifest = _manifest(directory, model.preset)
    verify(directory, manifest, (NETWORK, VAE, EMBEDDINGS, STATISTICS))
    statistics = read_statistics(directory / STATISTICS)
    _check_sizes(statistics, layout, directory)
    return Weights(
        _tensors(directory / NETWORK, 'network', model.preset),
        _tensors(directory / VAE, 'VAE', model.preset),
        read_embeddings(directory / EMBEDDINGS, embed),
        statistics,
    )


def load_network(directory: Path | str, preset: str) -> Mapping[str, torch.Tensor]:
    """The network alone: a planning checkpoint shares the rest. Raises WamError."""
    directory = Path(directory)
    verify(directory, _manifest(directory, preset), (NETWORK,))
    return _tensors(directory / NETWORK, 'network', preset)


def resolve(options: CosmosOptions, base: str) -> CosmosOptions:
    """Options with absolute directories. base: what relative ones are relative to."""

    def absolute(directory: str) -> str:
        return str(Path(base) / Path(directory).expanduser()) if directory else ''

    model, planning = options.model, options.planning
    return replace(
        options,
        model=replace(model, directory=absolute(model.directory), t5=absolute(model.t5)),
        planning=replace(planning, directory=absolute(planning.directory)),
    )


def file_shapes(path: Path) -> dict[str, Shape]:
    """Names and shapes in a safetensors file. Raises WamError for a file that is none."""
    try:
        with safetensors.safe_open(path, 'pt') as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise WamError(f'{path}: no safetensors file: {error}') from error


def _random(model: ModelOptions, layout: Layout) -> Weights:
    dtype = DTYPES[model.dtype]
    return Weights(
        random_weights(network_model(model.preset), model.seed, dtype),
        random_weights(vae_model(model.preset), model.seed),
        random_embeddings(model.seed),
        unit_statistics(layout.action_dim, layout.state_dim),
    )


def _manifest(directory: Path, preset: str) -> Manifest:
    manifest = read_manifest(directory)
    if manifest.preset != preset:
        raise WamError(
            f'{directory / MANIFEST} has preset {manifest.preset!r}, the policy file {preset!r} '
            '(key `preset` under `options: model`)'
        )
    return manifest


def _tensors(path: Path, part: str, preset: str) -> dict[str, torch.Tensor]:
    check_shapes(str(path), file_shapes(path), part, preset)
    return safetensors.torch.load_file(path)


def _check_sizes(statistics: Statistics, layout: Layout, directory: Path) -> None:
    for what, found, expected in (
        ('actions', statistics.action_dim, layout.action_dim),
        ('states', statistics.state_dim, layout.state_dim),
    ):
        if found != expected:
            raise WamError(
                f'{directory / STATISTICS} has {what} of {found} numbers, the policy has '
                f'{expected}'
            )
