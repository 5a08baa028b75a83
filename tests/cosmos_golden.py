"""What the recorded results in tests/parity/data/cosmos were computed from."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray
from torch import Tensor

from wam_policy.cosmos.checkpoint.key_map import map_network, map_vae
from wam_policy.cosmos.images.vae import build_vae
from wam_policy.cosmos.network.transformer import PRESETS, build
from wam_policy.cosmos.sequence.layout import Layout, make_layout

DATA = Path(__file__).parent / 'parity' / 'data' / 'cosmos'
POLICY, PLANNING, VAE = 1, 2, 3  # seeds of weights
CAMERAS = ('left', 'right', 'high')


def layout() -> Layout:
    """ALOHA's sequence with images small enough for a CPU, and chunks that fit into them."""
    return make_layout(CAMERAS, horizon=8, image_size=48)


def arrays(name: str) -> dict[str, NDArray[Any]]:
    """Recorded results."""
    with np.load(DATA / f'{name}.npz') as file:
        return dict(file)


def records(name: str) -> Any:
    """Recorded results that are no arrays."""
    return json.loads((DATA / f'{name}.json').read_text())


def numbers(name: str, *shape: int) -> Tensor:
    """Standard normal float32, seeded by the name; NumPy froze this generator."""
    generator = np.random.RandomState(zlib.crc32(name.encode()))
    return torch.from_numpy(generator.standard_normal(shape).astype(np.float32))


def text() -> Tensor:
    """The embedding of the only instruction."""
    return numbers('text', 1, 512, 1024)[0].bfloat16()


def image(name: str, height: int, width: int) -> NDArray[np.uint8]:
    """Coarse blocks below a fine ramp, in integers only: the same on every machine."""
    generator = np.random.RandomState(zlib.crc32(name.encode()))
    blocks = generator.randint(0, 256, (height // 8 + 1, width // 8 + 1, 3))
    coarse = blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
    row, column, channel = np.ogrid[:height, :width, :3]
    ramp = (3 * row + 5 * column + 40 * channel) % 128
    drawn: NDArray[np.uint8] = ((coarse + ramp) * 2 // 3).astype(np.uint8)
    return drawn


def observation() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Images in the order of CAMERAS, and the state of the arms."""
    images = np.stack([image(camera, 64, 80) for camera in CAMERAS])
    return images, np.tanh(numbers('proprio', 14).numpy())


def official_weights(part: str, seed: int) -> dict[str, Tensor]:
    """Tensors under the official names. part: a key of shapes.json."""
    shapes: Mapping[str, list[int]] = records('shapes')[part]
    return {name: _weight(name, shape, seed) for name, shape in shapes.items()}


def network(seed: int = POLICY, dtype: torch.dtype = torch.float32) -> Any:
    """Ours, with the official weights."""
    given = official_weights('network tiny', seed)
    mapped = map_network(given, 'golden').mapped
    model = build(PRESETS['tiny'], torch.device('cpu'), dtype)
    model.load_state_dict({name: given[key] for name, key in mapped.items()})
    return model


def vae(
    dtype: torch.dtype = torch.float32, part: str = 'tiny', seed: int = VAE
) -> AutoencoderKLWan:
    """Ours, with the official weights."""
    given = official_weights(f'vae {part}', seed)
    mapped = map_vae(given, 'golden').mapped
    model = build_vae(part, 'cpu', dtype)
    model.load_state_dict({name: given[key] for name, key in mapped.items()})
    return model


def _weight(name: str, shape: list[int], seed: int) -> Tensor:
    drawn = numbers(f'{seed} {name}', *shape)
    if name.endswith('bias'):
        return 0.1 * drawn
    if sum(size > 1 for size in shape) <= 1:
        return 1 + 0.1 * drawn
    inputs = np.prod(shape[1:], dtype=np.float32)
    return drawn / float(np.sqrt(inputs, dtype=np.float32))
