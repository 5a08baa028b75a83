"""Sizes of the networks, and what differs from diffusers' own."""

import math

import pytest
import torch
from diffusers.models.transformers.transformer_cosmos import CosmosRotaryPosEmbed

from wam_policy.cosmos.network.rope import Rope
from wam_policy.cosmos.network.transformer import PRESETS, build

META = torch.device('meta')


def test_2b_is_the_official_size() -> None:
    model = build(PRESETS['2b'], META, torch.bfloat16)
    tensors = model.state_dict()
    assert len(tensors) == 567
    assert sum(tensor.numel() for tensor in tensors.values()) == 1_956_413_440
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}


def test_tiny_is_tiny() -> None:
    model = build(PRESETS['tiny'], torch.device('cpu'), torch.float32)
    assert sum(weight.numel() for weight in model.parameters()) < 500_000
    assert not any(weight.requires_grad for weight in model.parameters())
    assert not model.training


def test_every_norm_has_the_official_epsilon() -> None:
    model = build(PRESETS['tiny'], META, torch.float32)
    norms = [module for module in model.modules() if 'RMSNorm' in type(module).__name__]
    assert len(norms) == 1 + 4 * PRESETS['tiny'].layers
    assert {norm.eps for norm in norms} == {1e-6}


@pytest.mark.parametrize('head_dim', [32, 128])
def test_exact_positions_are_those_of_diffusers(head_dim: int) -> None:
    latents = torch.empty((1, 16, 11, 28, 28), device='cpu')
    peer = CosmosRotaryPosEmbed(head_dim, rope_scale=(1.0, 3.0, 3.0))
    ours = Rope(head_dim, rounded=False)
    for table, expected in zip(ours(latents), peer(latents), strict=True):
        torch.testing.assert_close(table, expected, atol=2e-6, rtol=0)


def test_rounded_positions_differ_as_the_official_ones_do() -> None:
    # In the official code at 2B size: frequencies by up to 1.9 %, phases by up to 0.009 rad.
    shape, device = (11, 14, 14), torch.device('cpu')
    phases = [
        torch.atan2(*reversed(Rope(128, rounded).tables(shape, device)))
        for rounded in (False, True)
    ]
    difference = phases[0] - phases[1]
    wrapped = (difference + math.pi) % (2 * math.pi) - math.pi
    assert wrapped.abs().max().item() == pytest.approx(0.009, abs=0.001)


def test_a_bfloat16_network_has_rounded_positions() -> None:
    for dtype, rounded in ((torch.float32, False), (torch.bfloat16, True)):
        assert build(PRESETS['tiny'], META, dtype).rope.rounded is rounded
