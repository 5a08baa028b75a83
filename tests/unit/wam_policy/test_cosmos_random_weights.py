"""Random weights: the same everywhere, and alive in every layer."""

import pytest
import torch

from wam_policy.cosmos.check import check
from wam_policy.cosmos.checkpoint.directory import load_weights
from wam_policy.cosmos.checkpoint.random_weights import random_weights
from wam_policy.cosmos.checkpoint.shapes import network_model, vae_model
from wam_policy.cosmos.network.transformer import PRESETS, build
from wam_policy.cosmos.options import CosmosOptions, ModelOptions
from wam_policy.cosmos.sequence.layout import make_layout

LAYOUT = make_layout(['left', 'right'], image_size=96)
TINY = ModelOptions(preset='tiny', dtype='float32', device='cpu')


def test_the_numbers_depend_on_seed_and_name_only() -> None:
    weights = random_weights(network_model('tiny'), 3)
    again = random_weights(build(PRESETS['tiny'], torch.device('cpu'), torch.bfloat16), 3)
    other = random_weights(network_model('tiny'), 4)
    name = 'transformer_blocks.0.attn1.to_q.weight'
    assert all(torch.equal(weights[key], again[key]) for key in weights)
    assert not torch.equal(weights[name], other[name])
    assert not torch.equal(weights[name], weights['transformer_blocks.1.attn1.to_q.weight'])
    # As every machine draws them.
    expected = [-0.09035085, 0.11626172]
    assert weights['proj_out.weight'].flatten()[:2].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('model', [network_model('tiny'), vae_model('tiny')])
def test_no_tensor_is_constant_or_large(model: torch.nn.Module) -> None:
    for name, tensor in random_weights(model, 0).items():
        assert tensor.isfinite().all(), name
        assert 0 < tensor.std() < 1, name


def test_tiny_runs_and_is_of_order_one() -> None:
    findings = list(check(CosmosOptions(model=TINY), LAYOUT, 'cpu'))
    assert [finding.what for finding in findings if not finding.ok] == []
    network = next(finding for finding in findings if finding.what.startswith('network'))
    assert 0.5 < float(network.found.split()[-1]) < 3


def test_random_weights_leave_actions_alone_and_take_any_instruction() -> None:
    weights = load_weights(TINY, LAYOUT)
    action = torch.full((3, 14), 0.25).numpy()
    assert weights.statistics.unnormalise_action(action) == pytest.approx(0.25)
    one, two = (weights.embeddings.embedding(words) for words in ('fold shirt', 'do anything'))
    assert one.shape == (512, 1024)
    assert not torch.equal(one, two)


def test_a_check_names_what_is_wrong_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = load_weights(TINY, LAYOUT)
    broken = {name: tensor.clone() for name, tensor in weights.network.items()}
    broken['proj_out.weight'][0, 0] = torch.nan
    monkeypatch.setattr(
        'wam_policy.cosmos.check.load_weights',
        lambda *_: type(weights)(broken, weights.vae, weights.embeddings, weights.statistics),
    )
    findings = {
        finding.what: finding for finding in check(CosmosOptions(model=TINY), LAYOUT, 'cpu')
    }
    assert 'proj_out.weight holds numbers that are not finite' in findings['numbers'].found
    assert 'not finite' in findings['network on cpu'].found
    assert findings['VAE on cpu'].ok


def test_a_device_that_is_not_there_is_a_finding() -> None:
    findings = list(check(CosmosOptions(model=TINY), LAYOUT, 'cuda:99'))
    assert [finding.ok for finding in findings] == [True, True, False, False]
