"""The VAE as the policy uses it, against diffusers' own encode and decode of the whole video."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.random_weights import random_weights
from wam_policy.cosmos.images.causal import channels_last
from wam_policy.cosmos.images.vae import VideoCodec, build_vae
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.sequence.layout import Kind, Layout, make_layout

Images = NDArray[np.uint8]

SIZE = 16
LAYOUTS = {
    'ALOHA': make_layout(('left', 'right', 'high'), horizon=4, image_size=SIZE),
    'LIBERO': make_layout(('wrist', 'high'), horizon=4, image_size=SIZE),
    'one camera, no state': make_layout(('high',), False, horizon=4, image_size=SIZE),
}
ALOHA = LAYOUTS['ALOHA']
ALL = SavingOptions()
NOTHING = SavingOptions(encode_prefix=False, encode_blanks_once=False, compile='off')
SAVINGS = {
    'all': ALL,
    'prefix': replace(NOTHING, encode_prefix=True),
    'blanks': replace(NOTHING, encode_blanks_once=True),
    'nothing': NOTHING,
}


@pytest.fixture(scope='module', autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def model() -> Any:
    vae = build_vae('tiny')
    vae.load_state_dict(random_weights(vae, 3))
    return vae


def codec(model: Any, savings: SavingOptions = ALL, layout: Layout = ALOHA) -> VideoCodec:
    return VideoCodec(model, layout, torch.float32, savings)


def pictures(layout: Layout = ALOHA, seed: int = 0) -> Images:
    shape = (len(layout.cameras), SIZE, SIZE, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def generated(
    encoding: Any, layout: Layout = ALOHA, batch: int = 1, seed: int = 0
) -> torch.Tensor:
    """Latents as they come from the network: other frames after the conditioning ones."""
    latents: torch.Tensor = encoding.latents.repeat(batch, 1, 1, 1, 1)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    latents[:, :, layout.action :] = noise[:, :, layout.action :]
    if layout.proprioception is not None:
        latents[:, :, layout.proprioception] = 0.3
    return latents


def scale(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    mean = torch.tensor(model.config.latents_mean).view(1, -1, 1, 1, 1)
    return mean, torch.tensor(model.config.latents_std).view(1, -1, 1, 1, 1)


@torch.no_grad()
def encoded_whole(model: Any, images: Images, layout: Layout) -> torch.Tensor:
    """The official sequence, spelled out: every image four times, the very first once."""
    black = np.zeros_like(images[0])
    video = [
        images[layout.cameras.index(slot.camera)] if slot.camera else black
        for slot in layout.slots
        for _ in range(4)
    ][3:]
    assert len(video) == layout.pixel_frames
    tensor = torch.from_numpy(np.stack(video)).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    mean, std = scale(model)
    latents = (model.encode(tensor).latent_dist.mean - mean) / std
    assert isinstance(latents, torch.Tensor)
    return latents


@torch.no_grad()
def decoded_whole(model: Any, latents: torch.Tensor, layout: Layout) -> torch.Tensor:
    """All images 0..255 before rounding, of which the official code takes one per camera."""
    mean, std = scale(model)
    video = (model.decode(latents * std + mean).sample[0].permute(1, 2, 3, 0) + 1) * 127.5
    images: torch.Tensor = video[[(index - 1) * 4 + 1 for index in layout.future_images]]
    return images


@pytest.mark.parametrize('layout', LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize('savings', SAVINGS.values(), ids=SAVINGS)
def test_every_saving_is_exact(model: Any, savings: SavingOptions, layout: Layout) -> None:
    """Prefix encode, blanks once, and both ways back, against diffusers' whole video."""
    images = pictures(layout)
    whole = encoded_whole(model, images, layout)
    tested = codec(model, savings, layout)
    encoding = tested.encode(images)
    known = slice(0, layout.action if savings.encode_prefix else layout.frames)
    torch.testing.assert_close(
        encoding.latents[:, :, known], whole[:, :, known], atol=1e-5, rtol=0
    )
    assert encoding.latents.shape == whole.shape
    assert not encoding.latents[:, :, known.stop :].any()

    sample = generated(encoding, layout)
    restored = sample.clone()
    for index in layout.placeholders:
        restored[:, :, index] = whole[:, :, index]
    expected = decoded_whole(model, restored, layout)
    found = torch.from_numpy(tested.decode_images(sample, encoding))[0]
    assert found.dtype == torch.uint8
    # Cut off and not rounded: each byte at most one below, and not above but for rounding errors.
    assert (found <= expected + 1e-3).all()
    assert (found > expected - 1 - 1e-3).all()
    assert found.float().std() > 10  # something to see


def test_the_blanks_are_encoded_and_decoded_once(model: Any) -> None:
    def frames(savings: SavingOptions) -> tuple[list[int], list[int]]:
        tested = codec(model, savings)
        tested.warm_up()
        counts: tuple[list[int], list[int]] = ([], [])
        hooks = [
            half.register_forward_pre_hook(
                lambda _, inputs, count=count: count.append(inputs[0].shape[2])
            )
            for half, count in zip((model.encoder, model.decoder), counts, strict=True)
        ]
        encoding = tested.encode(pictures())
        tested.decode_images(encoding.latents, encoding)
        for hook in hooks:
            hook.remove()
        return counts

    # Three images of four frames; again with the two placeholders; five and three latents.
    assert frames(ALL) == ([12, 20], [5, 3])
    assert frames(NOTHING) == ([1] + [4] * 10, [1, 1, 5, 3])


def test_nothing_is_decoded_again_for_further_candidates(model: Any) -> None:
    tested = codec(model)
    tested.warm_up()
    encoding = tested.encode(pictures())
    sample = generated(encoding, batch=6)
    shapes = []
    hook = model.decoder.register_forward_pre_hook(
        lambda _, inputs: shapes.append((inputs[0].shape[0], inputs[0].shape[2]))
    )
    found = tested.decode_images(sample, encoding)
    hook.remove()
    assert shapes[0] == (1, 5)
    assert [frames for _, frames in shapes[1:]] == [3] * len(shapes[1:])
    assert sum(batch for batch, _ in shapes[1:]) == 6
    for index in range(6):
        alone = tested.decode_images(sample[index : index + 1], encoding)
        assert np.abs(found[index].astype(int) - alone[0]).max() <= 1
    assert (found[0] != found[5]).any()


def test_candidates_that_see_other_images_are_decoded_apart(model: Any) -> None:
    tested = codec(model)
    encoding = tested.encode(pictures())
    sample = generated(encoding, batch=6)
    sample[1:, :, 2:5] = sample[1:, :, 7:10]  # a further step of a search: futures became present
    found = tested.decode_images(sample, encoding)
    for index in (0, 1, 5):
        alone = tested.decode_images(sample[index : index + 1], encoding)
        assert np.abs(found[index].astype(int) - alone[0]).max() <= 1


def test_observations_of_a_batch_are_encoded_and_decoded_each_on_its_own(model: Any) -> None:
    tested = codec(model)
    first, second = pictures(seed=1), pictures(seed=2)
    both = tested.encode(np.stack([first, second]))
    sample = generated(both)
    images = tested.decode_images(sample, both)
    for index, one in enumerate((first, second)):
        encoding = tested.encode(one)
        torch.testing.assert_close(encoding.latents[0], both.latents[index], atol=1e-5, rtol=0)
        alone = tested.decode_images(sample[index : index + 1], encoding)
        assert np.abs(images[index].astype(int) - alone[0]).max() <= 1


def test_images_show_nothing_of_what_was_injected_or_comes_later(model: Any) -> None:
    tested = codec(model)
    encoding = tested.encode(pictures())
    sample = generated(encoding)
    before = tested.decode_images(sample, encoding)
    changed = sample.clone()
    hidden = ALOHA.indices(
        Kind.BLANK, Kind.PROPRIOCEPTION, Kind.ACTION, Kind.FUTURE_PROPRIOCEPTION, Kind.VALUE
    )
    changed[:, :, hidden] += 5.0
    np.testing.assert_array_equal(tested.decode_images(changed, encoding), before)
    changed[:, :, 8] += 5.0  # the second future image: it and the one after it
    after = tested.decode_images(changed, encoding)
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    assert (after[:, 1] != before[:, 1]).any()
    assert (after[:, 2] != before[:, 2]).any()


def test_what_comes_in_is_not_changed(model: Any) -> None:
    tested = codec(model)
    encoding = tested.encode(pictures())
    sample = generated(encoding)
    kept, latents = sample.clone(), encoding.latents.clone()
    tested.decode_images(sample, encoding)
    assert torch.equal(sample, kept)
    assert torch.equal(encoding.latents, latents)
    assert encoding.placeholders() is encoding.placeholders()


def test_a_warm_up_leaves_no_trace(model: Any) -> None:
    cold, warm = codec(model), codec(model)
    warm.warm_up()
    warm.encode(pictures(seed=4))
    expected, found = cold.encode(pictures()), warm.encode(pictures())
    assert torch.equal(found.latents, expected.latents)
    sample = generated(expected)
    np.testing.assert_array_equal(
        warm.decode_images(sample, found), cold.decode_images(sample, expected)
    )


def test_the_layout_of_the_weights_in_memory_changes_nothing(model: Any) -> None:
    encoding = codec(model).encode(pictures())
    sample = generated(encoding)
    other = build_vae('tiny')
    other.load_state_dict(model.state_dict())
    channels_last(other)
    assert other.encoder.conv_in.weight.is_contiguous(memory_format=torch.channels_last_3d)
    again = codec(other).encode(pictures())
    torch.testing.assert_close(again.latents, encoding.latents, atol=1e-5, rtol=0)
    before, after = (
        codec(vae).decode_images(sample, made).astype(int)
        for vae, made in ((model, encoding), (other, again))
    )
    assert np.abs(before - after).max() <= 1


def test_a_compiled_encode_is_the_same(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced as one graph per batch; Inductor's work on graphs is tested with the network."""
    graphs = []

    def traced(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        graphs.append(graph)
        return graph.forward

    def compiled(function: Any) -> Any:
        return torch.compile(function, backend=traced, fullgraph=True, dynamic=False)

    monkeypatch.setattr('wam_policy.cosmos.images.codec.compiled', compiled)
    plain = codec(model, replace(ALL, compile='off'))
    tested = codec(model, replace(ALL, compile='on'))
    tested.warm_up()
    batch = np.stack([pictures(seed=1), pictures(seed=2)])
    for images in (pictures(), pictures(seed=3), batch):
        with torch.inference_mode():
            found = tested.encode(images).latents
        torch.testing.assert_close(found, plain.encode(images).latents, atol=1e-5, rtol=0)
    assert len(graphs) == 2  # the warm-up's serves later requests, whoever asks


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_a_captured_encode_is_the_same_on_a_gpu(dtype: torch.dtype) -> None:
    def encode(compile_: str) -> list[torch.Tensor]:
        vae = build_vae('tiny')
        vae.load_state_dict(random_weights(vae, 3))
        tested = VideoCodec(vae.to('cuda'), ALOHA, dtype, replace(ALL, compile=compile_))
        tested.warm_up()
        return [tested.encode(pictures(seed=seed)).latents.cpu() for seed in range(3)]

    tolerance = 1e-3 if dtype is torch.float32 else 0.05  # TF32 convolutions; 8 bits of mantissa
    for found, expected in zip(encode('on'), encode('off'), strict=True):
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize('shape', [(2, 16, 16, 3), (3, 32, 32, 3), (1, 1, 3, 16, 16, 3), (16, 3)])
def test_images_for_another_layout_are_refused(model: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(
        WamError, match=r"images of shape .*, expected \(3, 16, 16, 3\) for the cameras \['left'"
    ):
        codec(model).encode(np.zeros(shape, np.uint8))


def test_images_of_another_type_are_refused(model: Any) -> None:
    with pytest.raises(WamError, match=r'images of float32, expected uint8'):
        codec(model).encode(pictures().astype(np.float32))
