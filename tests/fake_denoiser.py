"""A denoiser without a network, for tests of what is built on top: every output depends on the
sample's own noise, noise level, clean frames and context, and on nothing else.
"""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.options import CosmosOptions, DecodingOptions, PlanningOptions
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.planning.planner import Plan, Planner
from wam_policy.cosmos.planning.prefix import frozen_rows
from wam_policy.cosmos.sequence.layout import Layout, make_layout

LAYOUT = make_layout(['left', 'high'], horizon=3, action_dim=2, state_dim=2, image_size=16)


class FakeDenoiser:
    """tick: called with the batch size before every evaluation."""

    def __init__(self, layout: Layout = LAYOUT, tick: Callable[[int], None] | None = None) -> None:
        self.layout = layout
        self.calls: list[tuple[int, tuple[float, ...], tuple[bool, ...]]] = []
        self._tick = tick
        self.settled = False

    def context(self, text: Tensor) -> Tensor:
        return text.float().mean()

    def settle(self) -> None:
        self.settled = True

    def x0(
        self,
        x: Tensor,
        sigmas: tuple[float, ...],
        clean: tuple[bool, ...],
        known: Tensor,
        context: Tensor,
    ) -> Tensor:
        if self._tick is not None:
            self._tick(len(sigmas))
        return self._estimate(x, sigmas, clean, known, context)

    def pulled_back(
        self,
        x: Tensor,
        sigmas: tuple[float, ...],
        clean: tuple[bool, ...],
        known: Tensor,
        context: Tensor,
        residual: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        for _ in range(3 * len(sigmas) if self._tick is not None else 0):
            self._tick(1)
        own = self._estimate(x, sigmas, clean, known, context)
        return own, residual(own)

    def _estimate(
        self,
        x: Tensor,
        sigmas: tuple[float, ...],
        clean: tuple[bool, ...],
        known: Tensor,
        context: Tensor,
    ) -> Tensor:
        assert x.shape == (len(sigmas), *self.layout.shape) and x.dtype is torch.float32
        self.calls.append((len(sigmas), sigmas, clean))
        mask = torch.tensor(clean).view(1, 1, -1, 1, 1)
        levels = torch.tensor(sigmas, dtype=torch.float32).view(-1, 1, 1, 1, 1)
        given = torch.where(mask, known, x / (1 + levels))
        weights = torch.arange(1, 1 + self.layout.frames).view(1, 1, -1, 1, 1)
        mixed = (given * weights).mean(dim=(2, 3, 4), keepdim=True)
        estimate = torch.tanh(
            given.roll(1, 2) - 0.5 * given + mixed + 0.1 * levels.log() + context
        )
        return torch.where(mask, known, estimate)


def known_latents(seed: int = 0, layout: Layout = LAYOUT) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((1, *layout.shape), generator=generator)


def text(seed: int = 0) -> Tensor:
    return torch.randn((4, 8), generator=torch.Generator().manual_seed(seed))


def fake_planner(
    options: CosmosOptions, device: str = 'cpu', tick: Callable[[int], None] | None = None
) -> Planner:
    """As a worker builds it."""
    assert device == 'cpu'
    return planner_with(FakeDenoiser(tick=tick), options)


def planner_with(denoiser: FakeDenoiser, options: CosmosOptions) -> Planner:
    passes = Passes(denoiser, LAYOUT, options.decoding)
    return Planner(passes, None, LAYOUT, options)


def troubled_planner(options: CosmosOptions, folder: Path, device: str) -> Planner:
    """In trouble at every evaluation while a file is there: `pipe` waits until somebody writes to
    it, `memory` runs out of memory (`memory_at_reset`: not here, but at a reset), `overflow` gives
    infinite numbers, `poison` ends the process.
    """
    return planner_with(TroubledDenoiser(folder), options)


class TroubledDenoiser(FakeDenoiser):
    def __init__(self, folder: Path) -> None:
        super().__init__(tick=self._trouble)
        self._folder = folder

    def _trouble(self, _: int) -> None:
        if (self._folder / 'pipe').exists():
            (self._folder / 'pipe').read_text()
        self._allocate('memory')
        if (self._folder / 'poison').exists():
            os._exit(1)

    def _allocate(self, trouble: str) -> None:
        if (self._folder / trouble).exists():
            raise torch.OutOfMemoryError('tried to allocate 3 GiB')

    def context(self, text: Tensor) -> Tensor:
        self._allocate('memory_at_reset')
        return super().context(text)

    def _estimate(self, *arguments: object) -> Tensor:
        estimate = super()._estimate(*arguments)
        return estimate / 0.0 if (self._folder / 'overflow').exists() else estimate


def broken_planner(device: str) -> Planner:
    raise WamError(f'device {device!r} is not there')


# A prefix that is the whole chunk.
WHOLE_CHUNK = frozen_rows(torch.full((LAYOUT.horizon, LAYOUT.action_dim), 0.25), LAYOUT, False)


def make_options(decoding: dict[str, object] | None = None, **planning: object) -> CosmosOptions:
    decoding = {'mode': 'autoregressive', 'action_steps': 3, **(decoding or {})}
    planning = {'candidates': 4, 'aggregation': 'average', **planning}
    return CosmosOptions(
        decoding=DecodingOptions(**decoding), planning=PlanningOptions(**planning)
    )


def plan_of(options: CosmosOptions, **arguments: object) -> Plan:
    planner = fake_planner(options)
    planner.reset(text())
    return planner.plan(known_latents(), 195, **arguments)
