"""What a Cosmos Policy is, as plain data: for people and for programs."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wam_core.errors import WamError
from wam_core.policy import PolicyConfig
from wam_policy.cosmos.checkpoint.directory import resolve
from wam_policy.cosmos.checkpoint.manifest import (
    EMBEDDINGS,
    STATISTICS,
    FileRecord,
    Manifest,
    read_manifest,
)
from wam_policy.cosmos.checkpoint.shapes import expected_shapes
from wam_policy.cosmos.options import CosmosOptions, parse_options
from wam_policy.cosmos.planning.runs import make_runs, search_of
from wam_policy.cosmos.planning.sampler import evaluations
from wam_policy.cosmos.sequence.layout import Layout, Pass, make_layout
from wam_policy.cosmos.sequence.normaliser import read_statistics
from wam_policy.cosmos.sequence.picture import content, role
from wam_policy.cosmos.sequence.text import read_embeddings

_ENTRY_POINT = 'cosmos'


def read_policy(config: PolicyConfig) -> tuple[CosmosOptions, Layout]:
    """Options with absolute directories, and the latent sequence, of a policy file.

    Raises WamError for the file of another policy and for options that are not allowed.
    """
    if config.entry_point != _ENTRY_POINT:
        raise WamError(
            f'policy {config.spec.name!r} is of {config.entry_point!r}, expected one with '
            f'`policy: {_ENTRY_POINT}`'
        )
    spec = config.spec
    options = resolve(
        parse_options(config.options, f'policy {spec.name!r}: options'), config.directory
    )
    layout = make_layout(
        spec.cameras,
        options.model.proprioception,
        spec.horizon,
        spec.action_dim,
        spec.state_dim,
        options.image.size,
    )
    return options, layout


def describe(config: PolicyConfig) -> dict[str, Any]:
    """Nothing is verified here, only read. Raises WamError for what cannot be read."""
    options, layout = read_policy(config)
    preset = options.model.preset
    description = {
        'policy': config.spec.name,
        'preset': preset,
        'sequence': _sequence(layout),
        'frames': _frames(layout),
        'parameters': {
            part: sum(map(math.prod, expected_shapes(part, preset).values()))
            for part in ('network', 'VAE')
        },
        'evaluations': _evaluations(options),
        'weights': _weights(options.model.directory, options.model.seed),
    }
    if options.planning.directory:
        manifest = read_manifest(Path(options.planning.directory))
        description['planning'] = _record(options.planning.directory, manifest)
    return description


def _sequence(layout: Layout) -> dict[str, object]:
    return {
        'frames': layout.frames,
        'shape': list(layout.shape),
        'image_size': layout.image_size,
        'video_frames': layout.pixel_frames,
        'tokens': layout.tokens,
        'horizon': layout.horizon,
        'action_dim': layout.action_dim,
        'state_dim': layout.state_dim,
    }


def _frames(layout: Layout) -> list[dict[str, object]]:
    return [
        {
            'index': index,
            'kind': slot.kind.value,
            'camera': slot.camera,
            'content': content(layout, index),
            'roles': {purpose.value: role(layout, purpose, index) for purpose in Pass},
        }
        for index, slot in enumerate(layout.slots)
    ]


def _evaluations(options: CosmosOptions) -> dict[str, object]:
    candidates = options.planning.candidates
    runs = make_runs(search_of(options), candidates, urgent=False)
    return {
        'mode': options.decoding.mode,
        'candidates': candidates,
        'runs': len(runs),
        'total': sum(evaluations(run.steps) for run in runs),
    }


def _weights(directory: str, seed: int) -> dict[str, object]:
    if not directory:
        return {'directory': '', 'random_seed': seed, 'instructions': 'any'}
    path = Path(directory)
    manifest = read_manifest(path)
    return {
        **_record(directory, manifest),
        'normaliser': read_statistics(path / STATISTICS).hash,
        'instructions': list(read_embeddings(path / EMBEDDINGS).instructions),
    }


def _record(directory: str, manifest: Manifest) -> dict[str, object]:
    return {
        'directory': directory,
        'imported': manifest.imported,
        'files': {name: _file(record) for name, record in manifest.files.items()},
    }


def _file(record: FileRecord) -> Mapping[str, object]:
    return {
        'sha256': record.sha256,
        'size': record.size,
        'source': record.source,
        'dropped': dict(record.dropped),
    }
