"""Frozen rows in the denoising, with a network whose best answer is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from cosmos_networks import LAYOUT as NETWORK_LAYOUT
from cosmos_networks import make_problem
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.options import DecodingOptions
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.planning.prefix import frozen_rows
from wam_policy.cosmos.planning.sampler import noise, sample
from wam_policy.cosmos.sequence.injection import extract_action, inject_action
from wam_policy.cosmos.sequence.layout import make_layout

LAYOUT = make_layout(['high'], horizon=6, action_dim=2, state_dim=2, image_size=16)


@dataclass
class Straight:
    """Knows that all rows of a chunk are one pose that is N(0, 1), in noise: x0 is exact."""

    def context(self, text: Tensor) -> Tensor:
        return text

    def x0(self, x: Tensor, sigmas: tuple[float, ...], *_: Any) -> Tensor:
        frame = x[:, :, LAYOUT.action].flatten(1)
        elements = frame.shape[1]
        poses = []
        for joint in range(LAYOUT.action_dim):
            seen = frame[:, joint :: LAYOUT.action_dim]
            variance = torch.tensor(sigmas) ** 2
            poses.append(seen.sum(1) / (seen.shape[1] + variance))
        pose = torch.stack(poses, dim=1).repeat(1, elements // LAYOUT.action_dim)
        others = torch.ones(LAYOUT.frames).view(1, 1, -1, 1, 1)
        others[:, :, LAYOUT.action] = 0
        chunk = torch.zeros_like(x)
        chunk[:, :, LAYOUT.action] = pose.view(len(x), *x.shape[1:2], *x.shape[3:])
        return chunk + 0 * others * x

    def pulled_back(
        self,
        x: Tensor,
        sigmas: tuple[float, ...],
        clean: tuple[bool, ...],
        known: Tensor,
        context: Tensor,
        residual: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            start = x.clone().requires_grad_()
            estimate = self.x0(start, sigmas)
            (pull,) = torch.autograd.grad(estimate, start, residual(estimate.detach()))
        return estimate.detach(), pull


def chunk_of(prefix: Any, steps: int, seeds: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    network: Any = Straight()
    passes = Passes(network, LAYOUT, DecodingOptions())
    known = torch.zeros((1, *LAYOUT.shape))
    latents = passes.policy(known, passes.context(torch.zeros(1)), seeds, steps, prefix)
    return extract_action(latents, LAYOUT)


@pytest.mark.parametrize('steps', [1, 3, 10])
@pytest.mark.parametrize('pose', [0.9, -0.4])
def test_guided_rows_take_the_rest_of_the_chunk_along(steps: int, pose: float) -> None:
    rows = torch.full((2, 2), pose)
    bound = chunk_of(frozen_rows(rows, LAYOUT, guided=True), steps)
    torch.testing.assert_close(bound, torch.full_like(bound, pose), atol=1e-3, rtol=0)
    assert (chunk_of(None, steps)[:, 2:] - pose).abs().mean() > 0.1


def test_replaced_rows_move_the_rest_as_far_as_their_noise_lets_them() -> None:
    rows = torch.full((5, 2), 0.9)
    free, bound = chunk_of(None, 10), chunk_of(frozen_rows(rows, LAYOUT, guided=False), 10)
    assert ((bound - 0.9).abs()[:, 5:] < (free - 0.9).abs()[:, 5:]).all()


def test_every_copy_holds_the_rows_and_nothing_else_changes() -> None:
    generator = torch.Generator().manual_seed(0)
    estimate = torch.randn((2, *LAYOUT.shape), generator=generator)
    rows = torch.arange(6.0).view(3, 2)
    replaced = frozen_rows(rows, LAYOUT, guided=False).replaced(estimate)
    chunk = torch.cat((rows, torch.full((3, 2), torch.nan)))
    expected = inject_action(estimate, LAYOUT, chunk)
    torch.testing.assert_close(replaced, torch.where(expected.isnan(), estimate, expected))
    assert expected.isnan().any()


def test_the_pull_is_the_transposed_jacobian_of_the_network() -> None:
    case = make_problem(sigmas=(3.0,))
    generator = torch.Generator().manual_seed(1)
    direction, weights = (
        torch.randn((1, *NETWORK_LAYOUT.shape), generator=generator) for _ in range(2)
    )
    arguments = (case.sigmas, case.clean, case.known, case.context)
    estimate, pull = case.denoiser.pulled_back(case.x, *arguments, lambda _: weights)
    torch.testing.assert_close(estimate, case.denoiser.x0(case.x, *arguments), atol=1e-5, rtol=0)
    step = 1e-2
    ahead, behind = (
        case.denoiser.x0(case.x + sign * step * direction, *arguments) for sign in (1, -1)
    )
    slope = ((ahead - behind) / (2 * step) * weights).sum()
    torch.testing.assert_close((pull * direction).sum(), slope, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize('shape', [(0, 2), (7, 2), (3, 14), (3,)])
def test_rows_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(WamError, match=r'allowed \(1 to 6, 2\)'):
        frozen_rows(torch.zeros(shape), LAYOUT, guided=True)


def test_without_a_prefix_the_network_decides() -> None:
    network = Straight()
    expected = sample(network.x0, noise([0, 1, 2], LAYOUT.shape), 4)
    torch.testing.assert_close(chunk_of(None, 4), extract_action(expected, LAYOUT))
