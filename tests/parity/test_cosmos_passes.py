"""Whole denoising runs, against the official Cosmos Policy code with the same weights."""

import cosmos_golden as golden
import numpy as np
import pytest
import torch
from torch import Tensor

from wam_policy.cosmos.network.denoiser import Context, Denoiser
from wam_policy.cosmos.options import DecodingOptions, SavingOptions
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.sequence.injection import inject_state
from wam_policy.cosmos.sequence.layout import Pass
from wam_policy.cosmos.sequence.normaliser import read_statistics

TOLERANCE = 2e-5
GENERATED = slice(5, None)  # frames of the policy and world model passes
PLAIN = SavingOptions(own_forward=False, compile='off')
SAVING = SavingOptions(compile='off')


def passes(
    options: DecodingOptions | None = None, savings: SavingOptions = SAVING
) -> tuple[Passes, Context]:
    """Ours, and the context of the only instruction."""
    denoiser = Denoiser(golden.network(), golden.layout(), torch.float32, savings)
    ours = Passes(denoiser, golden.layout(), options or DecodingOptions())
    return ours, ours.context(golden.text())


def known() -> Tensor:
    """What the official VAE made of the observation, with the normalised state."""
    statistics = read_statistics(golden.DATA / 'statistics.json')
    state = statistics.normalise_state(golden.observation()[1])
    np.testing.assert_array_equal(state, golden.arrays('passes')['proprio'])
    latents = torch.from_numpy(golden.arrays('passes')['known'])
    return inject_state(latents, golden.layout(), torch.from_numpy(state))


def policy_latents() -> Tensor:
    """Of the recorded run with five steps."""
    given = golden.arrays('passes')
    return torch.from_numpy(np.concatenate([given['current'], given['policy 5']], axis=2))


@pytest.mark.parametrize('savings', [PLAIN, SAVING], ids=["diffusers' forward", 'own forward'])
@pytest.mark.parametrize('steps', [1, 2, 3, 5, 10])
def test_policy_runs_end_where_the_official_ones_do(steps: int, savings: SavingOptions) -> None:
    ours, context = passes(savings=savings)
    result = ours.policy(known(), context, [195], steps).numpy()
    given = golden.arrays('passes')
    np.testing.assert_array_equal(result[:, :, :5], given['current'])
    assert np.abs(result[:, :, GENERATED] - given[f'policy {steps}']).max() < TOLERANCE


def test_policy_with_scaled_variance_ends_where_the_official_one_does() -> None:
    ours, context = passes(DecodingOptions(variance_scale=True))
    result = ours.policy(known(), context, [7], 5).numpy()[:, :, GENERATED]
    assert np.abs(result - golden.arrays('passes')['policy scaled 7']).max() < TOLERANCE


@pytest.mark.parametrize(('steps', 'seed'), [(1, 11), (3, 12), (5, 13)])
def test_world_model_predicts_the_official_future(steps: int, seed: int) -> None:
    ours, context = passes()
    result = ours.world_model(policy_latents(), known(), context, [seed], steps).numpy()
    expected = golden.arrays('passes')[f'world {steps} {seed}']
    assert np.abs(result[:, :, GENERATED] - expected).max() < TOLERANCE


@pytest.mark.parametrize('masked', [True, False])
@pytest.mark.parametrize('purpose', [Pass.V_VALUE, Pass.Q_VALUE])
def test_values_are_the_official_ones(purpose: Pass, masked: bool) -> None:
    """V of each recorded future, Q of the recorded policy run; five seeds and steps each."""
    ours, context = passes(DecodingOptions(masked=masked))
    given = golden.arrays('passes')
    futures = [policy_latents()]
    if purpose is Pass.V_VALUE:
        recorded = [given[f'world {steps} {seed}'] for steps, seed in ((1, 11), (3, 12), (5, 13))]
        futures = [
            torch.cat([futures[0][:, :, :5], torch.from_numpy(frames)], dim=2)
            for frames in recorded
        ]
    expected = golden.records('values')[f'{"v" if purpose is Pass.V_VALUE else "q"} {masked}']
    runs = zip(expected['steps'], expected['seeds'], expected['all'], strict=True)
    for index, (steps, seed, value) in enumerate(runs):
        future = futures[index // 5]
        result = ours.value(future, known(), context, [seed], steps, purpose)
        assert float(result) == pytest.approx(value, abs=TOLERANCE)
