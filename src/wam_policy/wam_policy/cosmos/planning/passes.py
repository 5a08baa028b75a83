"""The denoising runs of Cosmos Policy: what each generates, from what, with which noise."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.network.denoiser import Context, Denoiser
from wam_policy.cosmos.options import DecodingOptions
from wam_policy.cosmos.planning.prefix import FrozenRows
from wam_policy.cosmos.planning.sampler import (
    Estimate,
    evaluations,
    noise,
    sample,
    variance_scales,
)
from wam_policy.cosmos.sequence.injection import extract_value
from wam_policy.cosmos.sequence.layout import Layout, Pass

# A plan needs the noise of few seeds many times, and drawing it takes milliseconds each.
_KEPT_NOISE: Final = 64


class NotFiniteError(WamError):
    """The network gave numbers that nothing can be made of."""


class Passes:
    """Runs one checkpoint on batches of sequences.

    Latents are (B, 16, T, h, w) float32 on the network's device, one seed per sequence; a result
    depends on its own sequence, seed and number of steps only. ``known`` and ``latents`` may
    have B = 1 for all seeds. Raises NotFiniteError. Source: cosmos-policy,
    ``get_x0_fn_from_batch``.
    """

    def __init__(self, denoiser: Denoiser, layout: Layout, options: DecodingOptions) -> None:
        self._denoiser = denoiser
        self._layout = layout
        self._options = options
        self._noise: dict[tuple[int, torch.device], Tensor] = {}

    def context(self, text: Tensor) -> Context:
        """For all passes of one task. text: (512, 1024)."""
        with torch.inference_mode(False), torch.no_grad():
            return self._denoiser.context(_plain(text))

    def policy(
        self,
        known: Tensor,
        context: Context,
        seeds: Sequence[int],
        steps: int,
        prefix: FrozenRows | None = None,
    ) -> Tensor:
        """Action, future state and value from the current state.

        known: its frames before the action hold the current state. prefix: enters every
        estimate of the clean sequence but the last, in which its rows are the network's own:
        close to what they stand for, and in one curve with the rows after them.
        """
        return self._run(Pass.POLICY, known, context, seeds, steps, prefix)

    def world_model(
        self, latents: Tensor, known: Tensor, context: Context, seeds: Sequence[int], steps: int
    ) -> Tensor:
        """Future state (and value) from the state and the action frame of ``latents``.

        known: whose proprioception is written over that of ``latents``.
        """
        given = with_proprioception(latents, known, self._layout)
        return self._run(Pass.WORLD_MODEL, given, context, seeds, steps)

    def value(
        self,
        latents: Tensor,
        known: Tensor,
        context: Context,
        seeds: Sequence[int],
        steps: int,
        purpose: Pass = Pass.V_VALUE,
    ) -> Tensor:
        """(B,) values 0..1 of what ``latents`` show; what the purpose hides enters as noise.

        purpose: Pass.V_VALUE of the future state, Pass.Q_VALUE of current state and action.
        """
        if purpose not in (Pass.V_VALUE, Pass.Q_VALUE):
            raise WamError(f'value of pass {purpose.value!r}, allowed: V_VALUE, Q_VALUE')
        given = with_proprioception(latents, known, self._layout)
        return extract_value(self._run(purpose, given, context, seeds, steps), self._layout)

    def _run(
        self,
        purpose: Pass,
        known: Tensor,
        context: Context,
        seeds: Sequence[int],
        steps: int,
        prefix: FrozenRows | None = None,
    ) -> Tensor:
        if known.shape[0] not in (1, len(seeds)) or tuple(known.shape[1:]) != self._layout.shape:
            raise WamError(
                f'latents of shape {tuple(known.shape)} for {len(seeds)} seeds, '
                f'expected (1 or {len(seeds)}, {", ".join(map(str, self._layout.shape))})'
            )
        clean = self._layout.clean(purpose, self._options.masked)
        known = _plain(known)

        def x0(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
            return self._denoiser.x0(x, sigmas, clean, known, context)

        estimate: Estimate = x0
        if prefix is not None and prefix.guided:
            estimate = self._guided(prefix, clean, known, context, evaluations(steps))
        elif prefix is not None:
            estimate = _replaced(prefix, x0, evaluations(steps))

        scales = None
        if self._options.variance_scale:
            scales = tuple(variance_scales(seed) for seed in seeds)
        with torch.inference_mode(False), torch.no_grad():
            latents = sample(estimate, self._unit_noise(seeds, known.device), steps, scales)
        _check_finite(latents, purpose)
        return latents

    def _guided(
        self,
        prefix: FrozenRows,
        clean: tuple[bool, ...],
        known: Tensor,
        context: Context,
        count: int,
    ) -> Estimate:
        """Pulls all of ``count`` estimates."""
        done = 0

        def estimate(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
            nonlocal done
            done += 1
            own, pull = self._denoiser.pulled_back(
                x, sigmas, clean, known, context, prefix.residual
            )
            return own + prefix.guidance(own, pull, last=done == count)

        return estimate

    def settle(self) -> None:
        """Ends the warm-up: from here on nothing is compiled for a smaller batch than before."""
        self._denoiser.settle()

    def _unit_noise(self, seeds: Sequence[int], device: torch.device) -> Tensor:
        keys = [(seed, device) for seed in seeds]
        missing = [key for key in dict.fromkeys(keys) if key not in self._noise]
        for old in [key for key in self._noise if key not in keys]:
            if len(self._noise) + len(missing) <= _KEPT_NOISE:
                break
            del self._noise[old]
        for seed, _ in missing:
            self._noise[seed, device] = noise([seed], self._layout.shape, device)[0]
        return torch.stack([self._noise[key] for key in keys])


def _replaced(prefix: FrozenRows, x0: Estimate, count: int) -> Estimate:
    """Replaces in all of ``count`` estimates but the last."""
    done = 0

    def estimate(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
        nonlocal done
        done += 1
        own = x0(x, sigmas)
        return own if done == count else prefix.replaced(own)

    return estimate


def _check_finite(latents: Tensor, purpose: Pass) -> None:
    # Here, because further on values are clipped and compared: infinity would be the best of them.
    if not bool(torch.isfinite(latents).all()):
        raise NotFiniteError(
            f'pass {purpose.value!r}: the network gave numbers that are not finite; '
            'see options.model and options.planning: directory, dtype'
        )


def _plain(tensor: Tensor) -> Tensor:
    """Not of inference mode, whichever mode the caller is in.

    For tensors of that mode, a compiled network would be compiled a second time.
    """
    with torch.inference_mode(False):
        return tensor.clone() if tensor.is_inference() else tensor


def with_proprioception(latents: Tensor, known: Tensor, layout: Layout) -> Tensor:
    """``latents`` with the current proprioception of ``known`` (1 or B); a new tensor.

    The official code injects the query's measured state before every pass, at every depth.
    """
    if layout.proprioception is None:
        return latents
    given = latents.clone()
    given[:, :, layout.proprioception] = known[:, :, layout.proprioception]
    return given


def advance(latents: Tensor, known: Tensor, layout: Layout) -> Tensor:
    """The predicted future state as current state, for the next chunk of a deeper search.

    Proprioception stays the measured one of ``known``: so does the official code, which injects
    it again after copying the predicted one.
    """
    given = latents.clone()
    given[:, :, list(layout.current_state)] = latents[:, :, list(layout.future_state)]
    return with_proprioception(given, known, layout)
