"""The VAE, against the official Cosmos Policy code around its Wan 2.1 VAE."""

import cosmos_golden as golden
import numpy as np
import pytest
import torch
from torch import Tensor

from wam_policy.cosmos.images.codec import VideoCodec
from wam_policy.cosmos.images.vae import PRESETS, VaeConfig
from wam_policy.cosmos.options import SavingOptions

NOTHING_SAVED = SavingOptions(encode_prefix=False, encode_blanks_once=False, compile='off')
SAVED = SavingOptions(compile='off')
COMPILED = SavingOptions(compile='on')


def codec(savings: SavingOptions, dtype: torch.dtype = torch.float32) -> VideoCodec:
    """Ours with the official weights."""
    return VideoCodec(golden.vae(dtype), golden.layout(), dtype, savings)


def test_sequence_is_encoded_like_the_official_one() -> None:
    latents = codec(NOTHING_SAVED).encode(golden.arrays('passes')['prepared']).latents
    expected = golden.arrays('vae')['encoded float32']
    assert np.abs(latents.numpy() - expected).max() < 1e-5


def test_encoding_less_changes_nothing() -> None:
    encoding = codec(SAVED).encode(golden.arrays('passes')['prepared'])
    expected = golden.arrays('vae')['encoded float32']
    assert np.abs(encoding.latents.numpy()[:, :, :5] - expected[:, :, :5]).max() < 1e-5
    placeholders = encoding.placeholders().numpy()
    end = placeholders.shape[2]
    assert end == 7
    assert np.abs(placeholders - expected[:, :, :end]).max() < 1e-5


@pytest.mark.parametrize('savings', [NOTHING_SAVED, SAVED], ids=['nothing saved', 'saved'])
def test_images_are_decoded_like_the_official_ones(savings: SavingOptions) -> None:
    """Half a level more or less decides between two bytes, where the arithmetic's order shows."""
    ours = codec(savings)
    encoding = ours.encode(golden.arrays('passes')['prepared'])
    given = golden.arrays('passes')
    latents = torch.from_numpy(np.concatenate([given['current'], given['policy 5']], axis=2))
    images = ours.decode_images(latents, encoding)[0]
    expected = golden.arrays('end_to_end')['images']
    difference = np.abs(images.astype(int) - expected)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 1e-3


@pytest.mark.parametrize(
    ('savings', 'frames'),
    [
        pytest.param(NOTHING_SAVED, slice(None), id='nothing saved'),
        # The blank frames before are never compiled.
        pytest.param(COMPILED, slice(2, 5), id='compiled', marks=pytest.mark.slow),
    ],
)
def test_bfloat16_is_rounded_where_the_official_code_rounds(
    savings: SavingOptions, frames: slice
) -> None:
    latents = codec(savings, torch.bfloat16).encode(golden.arrays('passes')['prepared']).latents
    ours, exact, rounded = (
        encoded[:, :, frames]
        for encoded in (
            latents.numpy(),
            golden.arrays('vae')['encoded float32'],
            golden.arrays('vae')['encoded bfloat16'],
        )
    )
    theirs = np.sqrt(np.mean((rounded - exact) ** 2))
    assert np.sqrt(np.mean((ours - rounded) ** 2)) < 0.2 * theirs


def test_released_number_of_layers_is_in_the_official_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Layers of one shape could change places without an error; at the tiny size there is one."""
    monkeypatch.setitem(PRESETS, 'two blocks', VaeConfig(base_dim=8, num_res_blocks=2))
    model, given = golden.vae(part='two blocks', seed=4), golden.arrays('real_sizes')
    ours = VideoCodec(model, golden.layout(), torch.float32, SAVED)
    latents = ours.encode(golden.arrays('passes')['prepared']).latents[:, :, :5]
    assert np.abs(latents.numpy() - given['encoded']).max() < 1e-5
    with torch.no_grad():
        video = model.decode(denormalised(golden.numbers('decode', 1, 16, 3, 6, 6))).sample
    expected = given['decoded'].clip(-1, 1)  # as diffusers does
    assert np.abs(video[0, :, [0, 1, 5]].numpy() - expected).max() < 1e-5


def denormalised(latents: Tensor) -> Tensor:
    """As the VAE's decoder wants them."""
    config = golden.vae().config
    mean, deviation = (
        torch.tensor(values).view(1, -1, 1, 1, 1)
        for values in (config.latents_mean, config.latents_std)
    )
    return latents * deviation + mean
