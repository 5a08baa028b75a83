"""From noise to a clean latent sequence: schedule, solver and noise of the official policy.

The solver is the two-step exponential Adams-Bashforth one, "2ab", of the RES paper (Zhang et al.
2023, arXiv 2308.02157), which equals DPM-Solver++(2M); one more denoising at the last noise level
follows.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from torch import Tensor

from wam_core.errors import WamError

# Of inference in the official configuration (Karras et al. 2022, arXiv 2206.00364, equation 5).
SIGMA_MAX: Final = 80.0
SIGMA_MIN: Final = 4.0
RHO: Final = 7.0
SEEDS: Final = 2**32  # NumPy's legacy generator takes seeds below

Scales = tuple[float, float]
# x (B, ...) float32 and the noise level of each sample -> estimate of the clean x, float32.
Estimate = Callable[[Tensor, tuple[float, ...]], Tensor]


def evaluations(steps: int) -> int:
    """Network evaluations of a run. Two steps make one, as in the official sampler.

    Raises WamError for less than one step.
    """
    if steps < 1:
        raise WamError(f'{steps} denoising steps, allowed: at least 1')
    return 1 if steps == 2 else steps


def schedule(
    steps: int, sigma_max: float = SIGMA_MAX, sigma_min: float = SIGMA_MIN, rho: float = RHO
) -> tuple[float, ...]:
    """Noise levels at which the network is evaluated, highest first.

    The solver steps from each to the next; at the last one the network's estimate is the result.
    """
    count = evaluations(steps)
    if count == 1:
        return (sigma_max,)
    # In tensors, as the official code: powers of Python floats may differ in the last bit.
    fractions = torch.arange(count, dtype=torch.float64) / (count - 1)
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return tuple(((first + fractions * (last - first)) ** rho).tolist())


def noise(
    seeds: Sequence[int], shape: Sequence[int], device: torch.device | str = 'cpu'
) -> Tensor:
    """(len(seeds), *shape) float32 of unit variance, each sample from its seed alone.

    NumPy's legacy generator, as the official code: the same on every device.
    """
    samples = [np.random.RandomState(seed).standard_normal(tuple(shape)) for seed in seeds]
    return torch.from_numpy(np.stack(samples).astype(np.float32)).to(device)


def variance_scales(seed: int) -> Scales:
    """Factors of the first and the last noise level, for diverse samples (``use_variance_scale``).

    1 to 3 and 0.1 to 1; the official code draws both from torch's generator after seeding it.
    """
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.rand(1, generator=generator).item() for _ in range(2))
    return first * 2.0 + 1.0, second * 0.9 + 0.1


def sample(
    x0: Estimate, unit_noise: Tensor, steps: int, scales: Sequence[Scales] | None = None
) -> Tensor:
    """The clean latents (B, ...) float32 that ``x0`` finds in the noise.

    unit_noise: (B, ...) float32 of unit variance. scales: of each sample, see ``variance_scales``.
    The state is float64, as in the official sampler. Raises WamError.
    """
    batch = len(unit_noise)
    if scales is None:
        scales = [(1.0, 1.0)] * batch
    if len(scales) != batch:
        raise WamError(f'{len(scales)} variance scales for {batch} samples')
    levels = [schedule(steps, SIGMA_MAX * high, SIGMA_MIN * low) for high, low in scales]
    factors = [high for high, _ in scales]
    start = unit_noise * SIGMA_MAX
    if any(factor != 1.0 for factor in factors):
        start = start * _column(factors, start)
    return _solve(x0, start.double(), list(zip(*levels, strict=True)))


def _solve(x0: Estimate, state: Tensor, levels: list[tuple[float, ...]]) -> Tensor:
    previous: tuple[tuple[float, ...], Tensor] | None = None
    for now, after in pairwise(levels):
        clean = x0(state.float(), now).double()
        if previous is None:
            weights = [_euler(*pair) for pair in zip(now, after, strict=True)]
            keep, new = (_column(column, state) for column in zip(*weights, strict=True))
            state = new * clean + keep * state
        else:
            before, older = previous
            steps = [_two_step(*triple) for triple in zip(before, now, after, strict=True)]
            keep, new, old = (_column(column, state) for column in zip(*steps, strict=True))
            state = keep * state + (new * clean + old * older)
        previous = now, clean
    return x0(state.float(), levels[-1])


def _euler(now: float, after: float) -> tuple[float, float]:
    return after / now, (now - after) / now


def _two_step(before: float, now: float, after: float) -> tuple[float, float, float]:
    # Weights of the state and of the estimates now and before (arXiv 2308.02157).
    step = math.log(now) - math.log(after)
    last = math.log(now) - math.log(before)  # negative
    phi1 = math.expm1(-step) / -step
    phi2 = (phi1 - 1.0) / -step
    ratio = last / step
    return math.exp(-step), step * (phi1 - phi2 / ratio), step * (phi2 / ratio)


def _column(values: Sequence[float], like: Tensor) -> Tensor | float:
    # A plain number where all samples share it: no transfer to the device then.
    if len(set(values)) == 1:
        return values[0]
    column = torch.tensor(values, dtype=like.dtype, device=like.device)
    return column.view(-1, *[1] * (like.ndim - 1))
