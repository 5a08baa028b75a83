"""Numbers in latent frames: written by repetition, read back as the mean of the copies.

Source of the format: cosmos-policy, ``models/policy_text2world_model.py`` (writing) and
``experiments/robot/cosmos_utils.py`` (reading).
"""

import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.sequence.layout import Kind, Layout


def tile(values: Tensor, elements: int) -> Tensor:
    """(B, K) repeated end to end and cut off after ``elements``: (B, elements).

    Raises WamError where the values don't fit once, or are none.
    """
    if values.ndim != 2 or not 0 < values.shape[1] <= elements:
        raise WamError(
            f'values of shape {tuple(values.shape)} for a latent frame of {elements} elements, '
            f'allowed: (batch, 1 to {elements})'
        )
    return values.repeat(1, -(-elements // values.shape[1]))[:, :elements]


def inject(latents: Tensor, index: int, values: Tensor) -> Tensor:
    """A copy of the latents (B, C, T, h, w) whose frame ``index`` repeats ``values`` (B, K).

    An action chunk is flattened step by step: all joints of the first step, then the next.
    Batches of 1 and B combine. Raises WamError where batches differ or the values don't fit.
    """
    batches = {latents.shape[0], values.shape[0]} - {1}
    if len(batches) > 1:
        raise WamError(
            f'{values.shape[0]} rows of values for {latents.shape[0]} latent sequences, '
            'allowed: as many, or one of either'
        )
    batch = max(batches, default=1)
    channels, _, height, width = latents.shape[1:]
    filled = tile(values.to(latents), channels * height * width)
    injected = latents.expand(batch, -1, -1, -1, -1).clone()
    injected[:, :, index] = filled.reshape(-1, channels, height, width)
    return injected


def inject_state(latents: Tensor, layout: Layout, state: Tensor) -> Tensor:
    """A copy of the latents with the normalised state (S,) or (B, S) as current proprioception.

    A layout without proprioception leaves it out. Raises WamError for another dimension.
    """
    if layout.proprioception is None:
        return latents.clone()
    rows = state[None] if state.ndim == 1 else state
    if rows.ndim != 2 or rows.shape[1] != layout.state_dim:
        raise WamError(
            f'a state of shape {tuple(state.shape)}, the latent sequence holds {layout.state_dim} '
            'numbers'
        )
    # The official code hands the state over as bfloat16, whatever the network computes in.
    return inject(latents, layout.proprioception, rows.to(torch.bfloat16))


def inject_action(latents: Tensor, layout: Layout, actions: Tensor) -> Tensor:
    """A copy of the latents with normalised actions (H, A) or (B, H, A) as the action chunk."""
    rows = actions[None] if actions.ndim == 2 else actions
    if rows.ndim != 3 or tuple(rows.shape[1:]) != (layout.horizon, layout.action_dim):
        raise WamError(
            f'an action chunk of shape {tuple(actions.shape)}, the latent sequence holds '
            f'{layout.horizon} x {layout.action_dim}'
        )
    return inject(latents, layout.action, rows.flatten(1))


def extract_action(latents: Tensor, layout: Layout) -> Tensor:
    """The normalised action chunk (B, horizon, action_dim); unclipped.

    The last, incomplete copy is left out (ALOHA: 17 full copies of 700 in 12 544 elements).
    """
    mean = _mean_of_copies(latents, layout.action, layout.action_size)
    return mean.reshape(-1, layout.horizon, layout.action_dim)


def extract_proprioception(latents: Tensor, layout: Layout) -> Tensor:
    """The normalised future state (B, state_dim). Raises WamError for a layout without."""
    indices = layout.indices(Kind.FUTURE_PROPRIOCEPTION)
    if not indices:
        raise WamError('the latent sequence holds no proprioception: model.proprioception is off')
    return _mean_of_copies(latents, indices[0], layout.state_dim)


def extract_value(latents: Tensor, layout: Layout) -> Tensor:
    """The expected return (B,) in 0..1: the frame's mean, from -1..1, clipped."""
    mean = latents[:, :, layout.value].flatten(1).mean(dim=1)
    return ((mean + 1) / 2).clamp(0, 1)


def _mean_of_copies(latents: Tensor, index: int, size: int) -> Tensor:
    elements = latents[:, :, index].flatten(1)
    copies = elements.shape[1] // size
    return elements[:, : copies * size].reshape(-1, copies, size).mean(dim=1)
