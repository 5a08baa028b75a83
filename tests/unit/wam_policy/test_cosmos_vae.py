"""The VAE's sizes, and where its arithmetic is not diffusers'."""

import pytest
import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanRMS_norm

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.random_weights import random_weights
from wam_policy.cosmos.images.vae import PRESETS, ChannelNorm, build_vae, quicken_on_cpu
from wam_policy.cosmos.sequence.layout import CHANNELS, SPATIAL_COMPRESSION


def test_2b_is_the_wan_vae_with_diffusers_names() -> None:
    ours = build_vae('2b', 'meta')
    with torch.device('meta'):
        theirs = AutoencoderKLWan()
    names = {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == names
    assert sum(tensor.numel() for tensor in ours.parameters()) == 126_892_531
    private = '_use_default_values'  # which of them were spelled out
    assert {key: value for key, value in ours.config.items() if key != private} == {
        key: value for key, value in theirs.config.items() if key != private
    }


def test_tiny_has_the_same_structure_and_latents() -> None:
    tiny, full = build_vae('tiny', 'meta'), build_vae('2b', 'meta')
    assert tiny.config.z_dim == full.config.z_dim == CHANNELS
    assert tiny.config.latents_mean == full.config.latents_mean
    assert sum(tensor.numel() for tensor in tiny.parameters()) < 1_000_000
    for half in ('encoder', 'decoder'):
        kinds = [
            {type(module).__name__ for module in getattr(model, half).modules()}
            for model in (tiny, full)
        ]
        assert kinds[0] == kinds[1]
    frames = build_vae('tiny').encoder(
        torch.zeros(1, 3, 1, 32, 32), feat_cache=[None] * 99, feat_idx=[0]
    )
    assert frames.shape[-2:] == (32 // SPATIAL_COMPRESSION, 32 // SPATIAL_COMPRESSION)


def test_norms_round_bfloat16_as_the_official_vae_does() -> None:
    norm = WanRMS_norm(24, images=False)
    norm.gamma.data = 1 + 0.1 * torch.randn(
        24, 1, 1, 1, generator=torch.Generator().manual_seed(0)
    )
    features = torch.randn(2, 24, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    ours = ChannelNorm(norm)
    torch.testing.assert_close(ours(features), norm(features), atol=1e-6, rtol=0)
    norm.bfloat16()
    low = features.bfloat16()
    # Length, quotient and both products are rounded, each to bfloat16.
    length = low.float().pow(2).sum(1, keepdim=True).sqrt().bfloat16()
    rounded = (low / length) * 24**0.5 * norm.gamma
    assert torch.equal(ours(low), rounded)
    assert not torch.equal(ours(low), norm(low))


def test_every_norm_is_replaced_and_nothing_is_trained() -> None:
    model = build_vae('tiny', dtype=torch.bfloat16)
    norms = [module for module in model.modules() if isinstance(module, ChannelNorm)]
    assert len(norms) > 20
    assert not any(isinstance(module, WanRMS_norm) for module in model.modules())
    assert not model.training
    assert {tensor.dtype for tensor in model.parameters()} == {torch.bfloat16}
    assert not any(tensor.requires_grad for tensor in model.parameters())


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(WamError, match=rf"VAE '14b', expected one of \[{sorted(PRESETS)[0]!r}"):
        build_vae('14b')


def test_onednns_convolutions_are_pytorchs() -> None:
    model = build_vae('tiny')
    model.load_state_dict(random_weights(model, seed=0))
    video = torch.rand((1, 3, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    expected = model.encode(video).latent_dist.mean
    quicken_on_cpu(model)
    torch.testing.assert_close(model.encode(video).latent_dist.mean, expected, atol=1e-4, rtol=0)
