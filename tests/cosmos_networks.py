"""Tiny networks of Cosmos Policy with seeded weights, and inputs for them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from wam_policy.cosmos.checkpoint.random_weights import random_weights
from wam_policy.cosmos.network.denoiser import Context, Denoiser
from wam_policy.cosmos.network.transformer import PRESETS, TEXT_TOKENS, build
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.planning.sampler import noise
from wam_policy.cosmos.sequence.layout import Pass, make_layout

# These tensors are too small to be shared out: threads would only wait for each other.
torch.set_num_threads(1)

LAYOUT = make_layout(('left', 'right', 'high'), horizon=8, image_size=32)
CPU = torch.device('cpu')


@dataclass(frozen=True)
class Problem:
    """A denoiser and what to ask it. x: noisy at ``sigmas``."""

    denoiser: Denoiser
    context: Context
    x: Tensor
    sigmas: tuple[float, ...]
    clean: tuple[bool, ...]
    known: Tensor

    def x0(self) -> Tensor:
        return self.denoiser.x0(self.x, self.sigmas, self.clean, self.known, self.context)

    def plain(self) -> Tensor:
        return self.denoiser.forward_plain(
            self.x, self.sigmas, self.clean, self.known, self.context
        )


def make_problem(
    savings: SavingOptions | None = None,
    dtype: torch.dtype = torch.float32,
    sigmas: tuple[float, ...] = (80.0, 80.0),
    purpose: Pass = Pass.POLICY,
    device: torch.device = CPU,
) -> Problem:
    model = build(PRESETS['tiny'], device, dtype)
    model.load_state_dict(random_weights(model, seed=0, dtype=dtype))
    denoiser = Denoiser(model, LAYOUT, dtype, savings)
    levels = torch.tensor(sigmas, device=device).view(-1, 1, 1, 1, 1)
    return Problem(
        denoiser=denoiser,
        context=denoiser.context(text(7)),
        x=noise(range(len(sigmas)), LAYOUT.shape, device) * levels,
        sigmas=sigmas,
        clean=LAYOUT.clean(purpose),
        known=noise([5], LAYOUT.shape, device),
    )


def text(seed: int) -> Tensor:
    """An embedding of a short text: zero after its end."""
    embedding = torch.zeros(TEXT_TOKENS, PRESETS['tiny'].text_dim)
    embedding[:6] = noise([seed], (6, PRESETS['tiny'].text_dim))[0]
    return embedding
