"""Seeded random weights, for tests and for measuring without a checkpoint."""

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

_SPREAD = 0.05  # of norm weights around 1 and of biases around 0


def random_weights(
    model: torch.nn.Module, seed: int, dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """A state dict with the shapes of ``model``, which may be on the meta device.

    On the CPU, the same on every machine, whatever the order of the tensors. Matrices and
    convolutions keep the variance of what goes through them; norms are about 1 and biases about
    0. None is zero: layers that training starts at zero would hide what comes before them.
    """
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}

    def draw(name: str) -> torch.Tensor:
        return _draw(name, tuple(shapes[name]), seed).to(dtype)

    # NumPy draws without the interpreter's lock; two billion numbers take 15 s on one core.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(zip(shapes, pool.map(draw, shapes), strict=True))


def _draw(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    digest = hashlib.sha256(f'{seed} {name}'.encode()).digest()
    generator = np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], 'little')))
    values = torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))
    if name.endswith('.bias'):
        return values * _SPREAD
    if len(shape) == 1 or name.endswith('.gamma'):
        return values * _SPREAD + 1
    return values / math.sqrt(math.prod(shape[1:]))
