"""FP8 products: what they are, what they change, and where they are refused."""

import pytest
import torch
from cosmos_networks import make_problem
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_policy.cosmos.network.fp8 import Effect, effect, quantised, require_fp8
from wam_policy.cosmos.network.transformer import PRESETS, build
from wam_policy.cosmos.network.weights import Dense, Quantised, block_weights, linear, to_fp8
from wam_policy.cosmos.options import SavingOptions

# e4m3 has three bits after the leading one: half a step is 1/16 of a value; below the smallest
# normal number, 2^-6, half a step is 2^-10.
HALF_STEP, HALF_SMALLEST = 2.0**-4, 2.0**-10


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6))
def test_values_come_back_within_half_a_step(seed: int, size: float) -> None:
    rows = torch.randn((4, 16), generator=torch.Generator().manual_seed(seed)) * size
    eight, scale = to_fp8(rows)
    assert eight.dtype == torch.float8_e4m3fn
    allowed = torch.maximum(rows.abs() * HALF_STEP, HALF_SMALLEST * scale.expand_as(rows))
    assert bool(((eight.float() * scale - rows).abs() <= allowed * 1.001).all())


def test_zeros_stay_zero() -> None:
    eight, scale = to_fp8(torch.zeros(2, 16))
    assert torch.equal(eight.float() * scale, torch.zeros(2, 16))


def test_what_is_not_finite_stays_so() -> None:
    rows = torch.ones(3, 16)
    rows[0, 3], rows[1, 3] = torch.nan, torch.inf
    eight, scale = to_fp8(rows)
    assert (eight.float() * scale).isfinite().all(dim=1).tolist() == [False, False, True]


def test_a_product_is_that_of_the_rounded_values() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn((2, 5, 64), generator=generator).bfloat16()
    weight = torch.randn((32, 64), generator=generator).bfloat16() / 8
    rows, scale = to_fp8(weight)
    product = linear(tokens, Quantised(rows, scale.t().contiguous()))
    assert product.shape == (2, 5, 32)
    assert product.dtype == torch.bfloat16
    left, factor = to_fp8(tokens.flatten(0, 1))
    expected = ((left.float() * factor) @ (rows.float() * scale).t()).view(2, 5, 32)
    torch.testing.assert_close(product.float(), expected, atol=1e-2, rtol=2e-2)
    assert effect(linear(tokens, Dense(weight)), product).relative == pytest.approx(0.04, abs=0.02)


def test_large_layers_alone_are_quantised() -> None:
    weights = block_weights(
        build(PRESETS['tiny'], torch.device('cpu'), torch.bfloat16).transformer_blocks[0]
    )
    changed = quantised(weights)
    names = {name for name, layer in changed._asdict().items() if isinstance(layer, Quantised)}
    assert names == {'qkv', 'out', 'cross_q', 'cross_out', 'up', 'down'}


def test_the_network_is_moved_a_little() -> None:
    exact = make_problem(dtype=torch.bfloat16)
    changed = make_problem(SavingOptions(fp8=True), dtype=torch.bfloat16)
    report = effect(exact.x0(), changed.x0())
    assert 1e-3 < report.relative < 0.1
    assert report.max_abs >= report.mean_abs > 0


def test_effect_is_in_the_unit_of_what_is_compared() -> None:
    exact = torch.tensor([3.0, -4.0, 0.0, 0.0])
    assert effect(exact, exact) == Effect(0.0, 0.0, 0.0)
    moved = effect(exact, exact + torch.tensor([0.0, 0.0, 1.0, 0.0]))
    assert moved == Effect(max_abs=1.0, mean_abs=0.25, relative=pytest.approx(0.2))


def test_float32_is_refused() -> None:
    with pytest.raises(WamError, match=r'savings.fp8 .*torch.float32, allowed: bfloat16'):
        make_problem(SavingOptions(fp8=True))


def test_diffusers_forward_has_no_fp8() -> None:
    with pytest.raises(WamError, match=r'savings.fp8: true needs savings.own_forward: true'):
        make_problem(SavingOptions(fp8=True, own_forward=False), dtype=torch.bfloat16)


def test_an_older_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (8, 0))
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'NVIDIA A100-SXM4-80GB')
    with pytest.raises(WamError, match=r'A100-SXM4-80GB of compute capability \(8, 0\).*\(8, 9\)'):
        require_fp8(torch.device('cuda', 0), torch.bfloat16)


def test_a_product_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> torch.Tensor:
        raise NotImplementedError('no kernel')

    monkeypatch.setattr(torch, '_scaled_mm', fail)
    with pytest.raises(WamError, match=r'fail on cpu: no kernel; savings.fp8: false runs without'):
        require_fp8(torch.device('cpu'), torch.bfloat16)
