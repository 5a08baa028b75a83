"""Best of N, against the official server with a policy and a planning checkpoint."""

from typing import Any

import cosmos_golden as golden
import numpy as np
import pytest
import torch

from wam_policy.cosmos.images.codec import VideoCodec
from wam_policy.cosmos.network.denoiser import Denoiser
from wam_policy.cosmos.options import (
    CosmosOptions,
    DecodingOptions,
    PlanningOptions,
    SavingOptions,
)
from wam_policy.cosmos.planning.aggregation import average_images
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.planning.planner import Planner
from wam_policy.cosmos.planning.runs import ensemble_steps
from wam_policy.cosmos.sequence.injection import extract_action, inject_state
from wam_policy.cosmos.sequence.normaliser import read_statistics

SAVINGS = SavingOptions(compile='off')
RECORDS = golden.records('planning')


def options_of(config: dict[str, Any]) -> CosmosOptions:
    """Ours for the official flags that differ from those of all runs."""
    ar = config.get('ar_future_prediction', True) or config.get('ar_qvalue_prediction', False)
    return CosmosOptions(
        decoding=DecodingOptions(
            mode='autoregressive' if ar else 'parallel',
            action_steps=5,
            value='q' if config.get('ar_qvalue_prediction') else 'v',
            masked=config.get('mask_current_state_action_for_value_prediction', True),
            variance_scale=config.get('use_variance_scale', False),
        ),
        planning=PlanningOptions(
            candidates=config.get('num_queries_best_of_n', 3),
            futures=2,
            values=3,
            future_steps=3,
            value_steps=3,
            aggregation=config.get('value_ensemble_aggregation_scheme', 'majority_mean'),
            future_images=config.get('future_state_ensemble_aggregation_scheme', 'last'),
            depth=config.get('search_depth', 1),
            depth_aggregation=config.get(
                'search_depth_value_aggregation_scheme', 'use_last_value'
            ),
            batch=3,
        ),
        savings=SAVINGS,
    )


def test_members_of_an_ensemble_have_the_official_steps() -> None:
    for case, steps in golden.records('aggregation')['steps'].items():
        last, members = map(int, case.split())
        if members > 1:  # one alone has all of its steps, as without an ensemble
            assert list(ensemble_steps(last, members)) == steps


@pytest.mark.parametrize('name', RECORDS)
def test_candidates_values_and_choice_are_the_official_ones(name: str) -> None:
    record, given, layout = RECORDS[name], golden.arrays('planning'), golden.layout()
    options = options_of(record['config'])
    policy, planning = (
        Passes(
            Denoiser(golden.network(seed), layout, torch.float32, SAVINGS),
            layout,
            options.decoding,
        )
        for seed in (golden.POLICY, golden.PLANNING)
    )
    statistics = read_statistics(golden.DATA / 'statistics.json')
    codec = VideoCodec(golden.vae(), layout, torch.float32, SAVINGS)
    encoding = codec.encode(golden.arrays('passes')['prepared'])
    state = torch.from_numpy(statistics.normalise_state(golden.observation()[1]))
    planner = Planner(policy, planning, layout, options)
    planner.reset(golden.text())
    plan = planner.plan(inject_state(encoding.latents, layout, state), 195)
    actions = extract_action(torch.stack([each.latents for each in plan.candidates]), layout)
    rows = statistics.unnormalise_action(actions.numpy())
    assert np.abs(rows - given[f'{name} actions']).max() < 5e-5
    values = [candidate.value for candidate in plan.candidates]
    assert values == pytest.approx(record['values'], abs=2e-5)
    assert plan.chosen == record['chosen']
    assert plan.complete
    if f'{name} images' in given:
        shown = [
            average_images(list(codec.decode_images(torch.stack(futures), encoding)))
            for futures in (each.futures or (each.latents,) for each in plan.candidates)
        ]
        difference = np.abs(np.stack(shown)[:, :, ::2, ::2].astype(int) - given[f'{name} images'])
        assert difference.max() <= 1
        assert np.mean(difference > 0) < 1e-3
