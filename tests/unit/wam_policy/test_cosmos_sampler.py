"""Schedule, solver and noise of the sampler."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.planning.sampler import (
    evaluations,
    noise,
    sample,
    schedule,
    variance_scales,
)

# Printed by the official sampler for 10, 5 and 3 steps.
LEVELS = {
    10: [80, 60.695, 45.529, 33.734, 24.662, 17.767, 12.595, 8.771, 5.989, 4],
    5: [80, 42.291, 20.972, 9.618, 4],
    3: [80, 20.972, 4],
    2: [80],
    1: [80],
}


def estimate(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
    """Neither linear nor the same at all levels."""
    levels = torch.tensor(sigmas, dtype=torch.float32).view(-1, *[1] * (x.ndim - 1))
    return torch.tanh(x / (1 + levels) + 0.3 * levels.log())


def dpm_solver(x: Tensor, levels: tuple[float, ...]) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022) in the exponential form, then one denoising."""
    before, older = 0.0, x
    for index, (now, after) in enumerate(pairwise(levels)):
        step = math.log(now / after)
        decay = math.exp(-step)
        new = estimate(x.float(), (now,)).double()
        x = decay * x + (1 - decay) * new
        if index:
            x = x + (1 - (1 - decay) / step) / (before / step) * (new - older)
        before, older = step, new
    return estimate(x.float(), levels[-1:])


@pytest.mark.parametrize('steps', LEVELS)
def test_schedule_is_the_official_one(steps: int) -> None:
    assert schedule(steps) == pytest.approx(LEVELS[steps], abs=1e-3)


@pytest.mark.parametrize('steps', [1, 2, 3, 4, 5, 10, 35])
def test_every_level_is_evaluated_once(steps: int) -> None:
    seen: list[tuple[float, ...]] = []

    def spy(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
        assert x.dtype == torch.float32
        seen.append(sigmas)
        return estimate(x, sigmas)

    sample(spy, noise([0, 1], (4,)), steps)
    assert seen == [(level, level) for level in schedule(steps)]
    assert len(seen) == evaluations(steps)


def test_two_steps_are_one_evaluation() -> None:
    assert [evaluations(steps) for steps in (1, 2, 3, 10)] == [1, 1, 3, 10]
    start = noise([3], (5,))
    assert torch.equal(sample(estimate, start, 1), sample(estimate, start, 2))


@pytest.mark.parametrize('steps', [3, 5, 10])
def test_solver_equals_dpm_solver(steps: int) -> None:
    start = noise([3], (2, 6))
    expected = dpm_solver((start * 80).double(), schedule(steps))
    torch.testing.assert_close(sample(estimate, start, steps), expected, atol=1e-6, rtol=0)


def test_no_steps_are_refused() -> None:
    with pytest.raises(WamError, match='0 denoising steps, allowed: at least 1'):
        schedule(0)


def test_noise_is_of_its_seed_alone() -> None:
    expected = np.random.RandomState(195).standard_normal((2, 3)).astype(np.float32)
    np.testing.assert_array_equal(noise([195], (2, 3))[0].numpy(), expected)
    both = noise([7, 195], (2, 3))
    assert both.dtype == torch.float32
    np.testing.assert_array_equal(both[1].numpy(), expected)


def test_variance_scales_are_those_of_torch_after_seeding() -> None:
    torch.manual_seed(195)
    expected = torch.rand(1).item() * 2.0 + 1.0, torch.rand(1).item() * 0.9 + 0.1
    torch.manual_seed(4)
    state = torch.get_rng_state()
    assert variance_scales(195) == expected
    assert torch.equal(torch.get_rng_state(), state), "the caller's generator was touched"


def test_scales_apply_to_each_sample_by_itself() -> None:
    start = noise([1, 2], (3, 4))
    scales = [variance_scales(1), variance_scales(2)]
    both = sample(estimate, start, 5, scales)
    for index, scale in enumerate(scales):
        alone = sample(estimate, start[index : index + 1], 5, [scale])
        assert torch.equal(both[index : index + 1], alone)
    assert not torch.equal(both, sample(estimate, start, 5))


def test_a_scale_is_missing() -> None:
    with pytest.raises(WamError, match='1 variance scales for 2 samples'):
        sample(estimate, noise([1, 2], (3,)), 5, [(1.0, 1.0)])
