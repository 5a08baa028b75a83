"""The network, its weights' names and the sampler, against the official Cosmos Policy code."""

from typing import Any

import cosmos_golden as golden
import numpy as np
import pytest
import torch
from torch import Tensor

from wam_policy.cosmos.checkpoint.key_map import map_network, map_vae
from wam_policy.cosmos.checkpoint.shapes import expected_shapes
from wam_policy.cosmos.network.denoiser import Denoiser
from wam_policy.cosmos.network.rope import Rope
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.planning.sampler import (
    evaluations,
    noise,
    sample,
    schedule,
    variance_scales,
)

EAGER = SavingOptions(compile='off')


def outputs(model: Any, dtype: torch.dtype) -> Tensor:
    """Of the recorded noise levels, masks and latents."""
    given = golden.arrays('network')
    denoiser = Denoiser(model, golden.layout(), dtype, EAGER)
    context = denoiser.context(golden.numbers('text', 512, 1024))
    state = golden.numbers('x', 2, *golden.layout().shape)
    sigmas = torch.from_numpy(given['sigmas'])
    masks = torch.from_numpy(given['clean'])
    rows = [
        denoiser.network_plain(state[row : row + 1].to(dtype), level / (1 + level), mask, context)
        for row, (level, mask) in enumerate(zip(sigmas[:, None], masks, strict=True))
    ]
    return torch.cat(rows).float()


@pytest.mark.parametrize('recorded', ['float32', 'rounded_ranges'])
def test_network_gives_the_official_output(recorded: str) -> None:
    model = golden.network()
    if recorded == 'rounded_ranges':
        model.rope = Rope(32, rounded=True)
    expected = golden.arrays('network')[recorded]
    assert np.abs(outputs(model, torch.float32).numpy() - expected).max() < 1e-5


def test_norms_of_small_queries_and_keys_have_the_official_epsilon() -> None:
    model = golden.network()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(('to_q.weight', 'to_k.weight')):
                weight *= 0.05
    expected = golden.arrays('network')['small_queries']
    assert np.abs(outputs(model, torch.float32).numpy() - expected).max() < 1e-5


@pytest.mark.parametrize('rounded', [False, True])
def test_phases_at_the_released_size_are_the_official_ones(rounded: bool) -> None:
    """Along each axis of 11 x 14 x 14 tokens, and at the far corner, for heads of 128."""
    expected = golden.arrays('real_sizes')['rounded phases' if rounded else 'phases']
    tables = Rope(128, rounded).tables((11, 14, 14), torch.device('cpu'))
    for table, function in zip(tables, (np.cos, np.sin), strict=True):
        grid = table.reshape(11, 14, 14, 128)
        rows = torch.cat([grid[:, 0, 0], grid[0, :, 0], grid[0, 0], grid[-1:, -1, -1]])
        assert np.abs(rows.numpy() - function(expected)).max() < 2e-6


def test_network_in_bfloat16_rounds_where_the_official_one_does() -> None:
    """Equal on one processor, where another sums in another order; exact phases are half off."""
    given = golden.arrays('network')
    output = outputs(golden.network(dtype=torch.bfloat16), torch.bfloat16).numpy()
    exact = given['rounded_ranges']
    theirs = np.sqrt(np.mean((given['bfloat16'] - exact) ** 2))
    assert np.sqrt(np.mean((output - given['bfloat16']) ** 2)) < 0.35 * theirs


@pytest.mark.parametrize('preset', ['2b', 'tiny'])
def test_every_official_tensor_has_its_place(preset: str) -> None:
    shapes = golden.records('shapes')
    network, vae = shapes[f'network {preset}'], shapes[f'vae {preset}']
    found = map_network(network, 'official').mapped
    assert {name: tuple(network[key]) for name, key in found.items()} == expected_shapes(
        'network', preset
    )
    found = map_vae(vae, 'official').mapped
    assert {name: tuple(vae[key]) for name, key in found.items()} == expected_shapes('VAE', preset)


def test_what_a_checkpoint_holds_beside_the_network_is_dropped() -> None:
    shapes = golden.records('shapes')
    dropped = [f'net.{key}' for key in shapes['dropped 2b']]
    keys = [*dropped, *(f'net.{key}' for key in shapes['network 2b'])]
    found = map_network(keys, 'official')
    assert len(found.mapped) == 567
    assert sorted(key for kind in found.dropped.values() for key in kind) == sorted(dropped)


@pytest.mark.parametrize('steps', [1, 2, 3, 4, 5, 10, 35])
def test_schedule_is_the_official_one(steps: int) -> None:
    expected = golden.arrays('sampler')[f'sigmas {steps}']
    assert len(expected) == evaluations(steps)
    np.testing.assert_allclose(schedule(steps), expected, rtol=1e-7)


def estimate(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
    """Of the recorded runs: no polynomial, and different for each sample."""
    levels = torch.tensor(sigmas)[:, None, None, None]
    return torch.tanh(x / (1 + levels) * torch.tensor([1.0, 1.7])[:, None, None, None] + 0.3)


@pytest.mark.parametrize('steps', [1, 2, 3, 4, 5, 10, 35])
def test_solver_takes_the_official_steps(steps: int) -> None:
    result = sample(estimate, golden.numbers('sampler', 2, 3, 4, 5), steps)
    expected = golden.arrays('sampler')[f'result {steps}']
    assert np.abs(result.numpy() - expected).max() < 1e-6


def test_solver_scales_the_variance_like_the_official_one() -> None:
    scales = [variance_scales(195)] * 2
    result = sample(estimate, golden.numbers('sampler', 2, 3, 4, 5), 5, scales)
    assert np.abs(result.numpy() - golden.arrays('sampler')['scaled']).max() < 1e-6


def test_noise_and_variance_scales_of_a_seed_are_the_official_ones() -> None:
    given = golden.arrays('sampler')
    seeds = [int(seed) for seed in given['seeds']]
    np.testing.assert_array_equal(noise(seeds, (2, 3, 4, 4)).numpy(), given['noise'])
    np.testing.assert_array_equal([variance_scales(seed) for seed in seeds], given['scales'])
