"""The fast forward pass against diffusers' own, saving by saving, and the scaling around it."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from cosmos_networks import LAYOUT, Problem, make_problem, text

from wam_core.errors import WamError
from wam_policy.cosmos.network import fast_forward
from wam_policy.cosmos.network.block import transformer_block
from wam_policy.cosmos.network.denoiser import Denoiser
from wam_policy.cosmos.network.modulation import KEPT_TIMES, KeptModulation, Modulation
from wam_policy.cosmos.network.transformer import PRESETS, build
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.planning.sampler import sample
from wam_policy.cosmos.sequence.layout import Pass

NOTHING = SavingOptions(
    frame_modulation=False, cached_modulation=False, cached_context=False, compile='off'
)
ONE_BY_ONE = {
    'nothing': NOTHING,
    'frame_modulation': replace(NOTHING, frame_modulation=True),
    'cached_modulation': replace(NOTHING, frame_modulation=True, cached_modulation=True),
    'cached_context': replace(NOTHING, cached_context=True),
    'everything': replace(SavingOptions(), compile='off'),
}


@pytest.mark.parametrize('purpose', [Pass.POLICY, Pass.WORLD_MODEL, Pass.V_VALUE])
@pytest.mark.parametrize('name', ONE_BY_ONE)
def test_each_saving_is_exact(name: str, purpose: Pass) -> None:
    problem = make_problem(ONE_BY_ONE[name], sigmas=(80.0, 4.0, 17.8), purpose=purpose)
    torch.testing.assert_close(problem.x0(), problem.plain(), atol=1e-5, rtol=0)


def test_all_of_them_in_bfloat16_do_not_change_the_rounding() -> None:
    problem = make_problem(dtype=torch.bfloat16, sigmas=(80.0, 4.0))
    # Matrix products of another size may add up in another order; no more than that.
    difference = (problem.x0() - problem.plain()).abs()
    assert difference.mean().item() < 2e-3


@pytest.mark.parametrize('name', ['cached_modulation', 'cached_context'])
def test_what_is_cached_is_computed_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table, keys = Modulation.table, fast_forward.arithmetic.context_keys
    counts = {'cached_modulation': 0, 'cached_context': 0}

    def spy_table(self: Modulation, times: torch.Tensor) -> torch.Tensor:
        counts['cached_modulation'] += 1
        return table(self, times)

    def spy_keys(*arguments: Any) -> Any:
        counts['cached_context'] += 1
        return keys(*arguments)

    monkeypatch.setattr(Modulation, 'table', spy_table)
    monkeypatch.setattr(fast_forward.arithmetic, 'context_keys', spy_keys)

    def count(savings: SavingOptions) -> int:
        problem = make_problem(savings)
        counts[name] = 0
        for _ in range(3):
            run(problem, 5)
        return counts[name]

    everything = ONE_BY_ONE['everything']
    kept = {'cached_modulation': 5, 'cached_context': 0}  # the keys came with the context
    repeated = {'cached_modulation': 3 * 5, 'cached_context': 3 * 5 * PRESETS['tiny'].layers}
    assert count(everything) == kept[name]
    assert count(replace(everything, **{name: False})) == repeated[name]


def run(problem: Problem, steps: int) -> torch.Tensor:
    def estimate(x: torch.Tensor, sigmas: tuple[float, ...]) -> torch.Tensor:
        return problem.denoiser.x0(x, sigmas, problem.clean, problem.known, problem.context)

    return sample(estimate, problem.x / 80.0, steps)


def test_scaling_is_rectified_flow() -> None:
    problem = make_problem(sigmas=(9.0,))
    mask = torch.tensor(problem.clean)
    # t = 9 / 10: the network sees a tenth of x, and the known frames as they are.
    state = torch.where(mask[:, None, None], problem.known, 0.1 * problem.x)
    output = problem.denoiser.network_plain(state, torch.tensor([0.9]), mask, problem.context)
    expected = 0.1 * problem.x - 0.9 * output
    estimate = problem.x0()
    generated = ~mask
    torch.testing.assert_close(
        estimate[:, :, generated], expected[:, :, generated], atol=1e-5, rtol=0
    )
    assert torch.equal(estimate[:, :, mask], problem.known[:, :, mask])


def test_time_is_rounded_with_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    # 9 / (1 + 9) in bfloat16.
    problem = make_problem(dtype=torch.bfloat16, sigmas=(9.0,))
    seen: list[torch.Tensor] = []
    table = Modulation.table

    def spy(self: Modulation, times: torch.Tensor) -> torch.Tensor:
        seen.append(times)
        return table(self, times)

    monkeypatch.setattr(Modulation, 'table', spy)
    problem.x0()
    assert [times.tolist() for times in seen] == [[0.0, 0.8984375]]


def test_a_sample_does_not_depend_on_its_batch() -> None:
    problem = make_problem(sigmas=(80.0, 4.0, 17.8))
    together = problem.x0()
    for index, sigma in enumerate(problem.sigmas):
        alone = replace(problem, x=problem.x[index : index + 1], sigmas=(sigma,)).x0()
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-5, rtol=0)


def test_each_sample_may_have_its_own_known_frames() -> None:
    problem = make_problem()
    known = torch.cat((problem.known, -problem.known))
    both = replace(problem, known=known).x0()
    torch.testing.assert_close(both[:1], problem.x0()[:1], atol=1e-5, rtol=0)
    clean = torch.tensor(problem.clean)
    assert torch.equal(both[:, :, clean], known[:, :, clean])


def test_the_text_matters() -> None:
    problem = make_problem()
    other = replace(problem, context=problem.denoiser.context(text(8)))
    assert (problem.x0() - other.x0()).abs().max().item() > 1e-3


def test_compiled_batches_are_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def spy(tokens: torch.Tensor, *others: Any) -> torch.Tensor:
        sizes.append(len(tokens))
        return transformer_block(tokens, *others)

    monkeypatch.setattr(fast_forward, '_compiled_block', lambda: spy)
    eager = make_problem(ONE_BY_ONE['everything'], sigmas=(80.0, 4.0, 17.8))
    problem = make_problem(replace(SavingOptions(), compile='on'), sigmas=(80.0, 4.0, 17.8))
    four = replace(problem, x=problem.x[[0, 0, 0, 0]], sigmas=(80.0,) * 4)
    one = replace(problem, x=problem.x[:1], sigmas=(80.0,))
    for met in (four, one):
        met.x0()
    problem.denoiser.settle()
    sizes.clear()
    torch.testing.assert_close(problem.x0(), eager.x0(), atol=1e-5, rtol=0)
    assert set(sizes) == {4}
    one.x0()
    assert set(sizes) == {4, 1}, 'a size that was met needs no padding'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            {'x': torch.zeros(1, *LAYOUT.shape)},
            r'noisy latents \(1, 16, .*expected \(2,',
        ),
        ({'known': torch.zeros(3, *LAYOUT.shape)}, r'known latents \(3, .*expected \(2,'),
        ({'clean': (True, False)}, '2 clean flags for 11 latent frames'),
        ({'context': make_problem().context}, 'a context of another denoiser'),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    problem = replace(make_problem(), **change)
    for ask in (problem.x0, problem.plain):
        with pytest.raises(WamError, match=message):
            ask()


def test_diffusers_forward_can_be_asked_for() -> None:
    problem = make_problem(replace(SavingOptions(), own_forward=False), sigmas=(80.0, 4.0))
    assert torch.equal(problem.x0(), problem.plain())


def test_no_more_times_are_kept_than_fit() -> None:
    modulation = Modulation(build(PRESETS['tiny'], torch.device('cpu'), torch.float32))
    kept = KeptModulation(modulation)
    device = torch.device('cpu')
    for index in range(KEPT_TIMES + 20):
        rows = kept.rows((index / 1000, 0.5), device)
        expected = modulation.table(torch.tensor([index / 1000, 0.5, 0.0]))
        torch.testing.assert_close(rows[:, 0], expected[:2])
        torch.testing.assert_close(rows[:, 1], expected[2:].expand(2, -1, -1))
    assert len(kept._rows) == KEPT_TIMES


def test_a_network_of_another_type_is_refused() -> None:
    model = build(PRESETS['tiny'], torch.device('cpu'), torch.float32)
    with pytest.raises(WamError, match=r'torch.float32, expected torch.bfloat16'):
        Denoiser(model, LAYOUT, torch.bfloat16)


def test_weights_are_not_held_twice() -> None:
    problem = make_problem()
    block = problem.denoiser._model.transformer_blocks[0].attn1
    storages = {
        layer.weight.untyped_storage().data_ptr() for layer in (block.to_q, block.to_k, block.to_v)
    }
    assert len(storages) == 1
