"""Numbers into latent frames and back, at ALOHA's sizes."""

import pytest
import torch

from wam_core.errors import WamError
from wam_policy.cosmos.sequence.injection import (
    extract_action,
    extract_proprioception,
    extract_value,
    inject,
    inject_action,
    inject_state,
    tile,
)
from wam_policy.cosmos.sequence.layout import Kind, Layout, make_layout

ALOHA = make_layout(('left', 'right', 'high'))
STATELESS = make_layout(('left', 'right', 'high'), proprioception=False)


def latents(batch: int = 1, layout: Layout = ALOHA) -> torch.Tensor:
    return torch.randn((batch, *layout.shape), generator=torch.Generator().manual_seed(0))


def test_values_are_repeated_end_to_end_and_cut_off() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert tile(values, 7).tolist() == [[1, 2, 3, 1, 2, 3, 1], [4, 5, 6, 4, 5, 6, 4]]
    assert tile(values, 3).tolist() == values.tolist()


@pytest.mark.parametrize('shape', [(1, 0), (1, 9), (8,), (1, 2, 2)])
def test_values_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(WamError, match=r'latent frame of 8 elements, allowed: \(batch, 1 to 8\)'):
        tile(torch.zeros(shape), 8)


def test_an_action_chunk_lies_step_by_step_in_its_frame_alone() -> None:
    actions = torch.arange(700.0).reshape(50, 14)
    before = latents()
    kept = before.clone()
    after = inject_action(before, ALOHA, actions)
    frame = after[0, :, ALOHA.action].flatten()
    assert frame.shape == (12544,)
    assert frame[:14].tolist() == list(range(14))  # the joints of the first step
    assert frame[700:714].tolist() == list(range(14))  # the second copy
    assert frame[-1] == 643  # 17 full copies and 644 numbers of the next
    others = [index for index in range(11) if index != ALOHA.action]
    assert torch.equal(after[:, :, others], kept[:, :, others])
    assert torch.equal(before, kept)


def test_an_action_comes_back_as_the_mean_of_its_full_copies() -> None:
    actions = torch.randn((2, 50, 14), generator=torch.Generator().manual_seed(1))
    injected = inject_action(latents(2), ALOHA, actions)
    torch.testing.assert_close(extract_action(injected, ALOHA), actions, atol=1e-6, rtol=0)
    flat = injected[:, :, ALOHA.action].reshape(2, -1).clone()
    flat[:, :700] += 17.0  # one of the copies: a seventeenth of it remains
    flat[:, 17 * 700 :] = torch.nan  # the incomplete one: not looked at
    injected[:, :, ALOHA.action] = flat.reshape(2, 16, 28, 28)
    torch.testing.assert_close(extract_action(injected, ALOHA), actions + 1, atol=1e-5, rtol=0)


def test_the_state_is_rounded_as_the_official_code_does() -> None:
    state = torch.linspace(-1, 1, 14, dtype=torch.float64)
    index = ALOHA.proprioception
    assert index == 1
    injected = inject_state(latents(3), ALOHA, state)
    rounded = state.to(torch.bfloat16).float()
    assert not torch.equal(rounded, state.float())
    assert torch.equal(injected[:, :, index].reshape(3, 896, 14), rounded.expand(3, 896, 14))


def test_states_of_a_batch_go_into_copies_of_one_sequence() -> None:
    states = torch.tensor([[0.5], [0.25]]).expand(2, 14)
    injected = inject_state(latents(1), ALOHA, states)
    assert injected.shape == (2, *ALOHA.shape)
    assert injected[:, :, 1].flatten(1).mean(1).tolist() == [0.5, 0.25]
    assert torch.equal(injected[0, :, 2:], injected[1, :, 2:])


def test_future_proprioception_is_the_mean_of_its_copies() -> None:
    states = torch.randn((2, 14), generator=torch.Generator().manual_seed(2))
    index = ALOHA.indices(Kind.FUTURE_PROPRIOCEPTION)[0]
    injected = inject(latents(2), index, states)
    found = extract_proprioception(injected, ALOHA)
    torch.testing.assert_close(found, states, atol=1e-5, rtol=0)
    flat = injected[:, :, index].reshape(2, -1)
    flat[:, 14:28] += 896.0  # one of 896 copies
    injected[:, :, index] = flat.reshape(2, 16, 28, 28)
    found = extract_proprioception(injected, ALOHA)
    torch.testing.assert_close(found, states + 1, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ('mean', 'value'), [(-1.0, 0.0), (0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (-1.5, 0.0), (3.0, 1.0)]
)
def test_the_value_is_the_mean_of_its_frame_from_0_to_1(mean: float, value: float) -> None:
    sequence = latents(2)
    noise = sequence[:, :, ALOHA.value] - sequence[:, :, ALOHA.value].mean((1, 2, 3), keepdim=True)
    sequence[:, :, ALOHA.value] = mean + noise
    found = extract_value(sequence, ALOHA)
    torch.testing.assert_close(found, torch.full((2,), value), atol=1e-6, rtol=0)


def test_a_layout_without_proprioception_takes_no_state_and_predicts_none() -> None:
    before = latents(1, STATELESS)
    after = inject_state(before, STATELESS, torch.ones(14))
    assert torch.equal(after, before)
    assert after.data_ptr() != before.data_ptr()
    with pytest.raises(WamError, match=r'holds no proprioception'):
        extract_proprioception(before, STATELESS)


def test_other_dimensions_are_refused_naming_both() -> None:
    with pytest.raises(WamError, match=r'state of shape \(13,\), the latent sequence holds 14'):
        inject_state(latents(), ALOHA, torch.zeros(13))
    with pytest.raises(WamError, match=r'chunk of shape \(49, 14\), .* holds 50 x 14'):
        inject_action(latents(), ALOHA, torch.zeros(49, 14))
    with pytest.raises(WamError, match=r'2 rows of values for 3 latent sequences'):
        inject(latents(3), 1, torch.zeros(2, 14))
