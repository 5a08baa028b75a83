"""One denoising: from a noisy latent sequence to the network's estimate of the clean one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.network.attention import preferred
from wam_policy.cosmos.network.compilation import Captured, wanted
from wam_policy.cosmos.network.fast_forward import FastForward
from wam_policy.cosmos.network.fp8 import require_fp8
from wam_policy.cosmos.network.modulation import KeptModulation
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.sequence.layout import Layout

_KEPT: Final = 64  # noise levels and masks that are on the device already


@dataclass(frozen=True, eq=False)
class Context:
    """A text as the network wants it; made by ``Denoiser.context``, for that denoiser only.

    text: (1, L, C) in the network's dtype. held: what the forward pass takes of it.
    """

    text: Tensor
    held: tuple[Tensor, ...]
    owner: 'Denoiser'


class Denoiser:
    """Rectified-flow scaling and conditioning around the network, as in the official code.

    Float32 around, ``dtype`` inside. t = sigma / (1 + sigma), the network sees (1 - t) x, and
    x0 = (1 - t) x - t network. Clean frames enter unscaled at time 0 and come out as they are.

    model: made by ``network.build``, with its weights loaded before; in ``dtype``.
    Not for several threads at once. Raises WamError.
    """

    def __init__(
        self,
        model: Any,
        layout: Layout,
        dtype: torch.dtype = torch.bfloat16,
        savings: SavingOptions | None = None,
    ) -> None:
        weight = model.proj_out.weight
        if weight.dtype != dtype:
            raise WamError(f'a network in {weight.dtype}, expected {dtype} (option model.dtype)')
        self.layout = layout
        self.dtype = dtype
        self.device: torch.device = weight.device
        self.savings = savings or SavingOptions()
        self._model = model
        self._times = lru_cache(maxsize=_KEPT)(self._make_times)
        self._mask = lru_cache(maxsize=_KEPT)(self._make_mask)
        self._sizes: set[int] = set()
        self._settled = False
        self._forward = self._make_forward()
        self._kept = KeptModulation(self._forward.modulation) if self._forward else None
        graphs = self._compiled and self.device.type == 'cuda'
        self._captured = Captured(self._estimate, self.device) if graphs else None

    def _make_forward(self) -> FastForward | None:
        savings = self.savings
        self._compiled = savings.own_forward and wanted(savings.compile, self.device)
        if savings.fp8:
            if not savings.own_forward:
                raise WamError('option savings.fp8: true needs savings.own_forward: true')
            require_fp8(self.device, self.dtype)
        if not savings.own_forward:
            return None
        return FastForward(self._model, self.layout, savings, self._compiled)

    @torch.no_grad()
    def context(self, text: Tensor) -> Context:
        """From an embedding (L, C), or (1, L, C). Once per task."""
        text = text.to(self.device, self.dtype).reshape(1, *text.shape[-2:])
        if self._forward is None or not self.savings.cached_context:
            return Context(text, (text,), self)
        return Context(text, self._forward.keys_values(text), self)

    @torch.no_grad()
    def x0(
        self,
        x: Tensor,
        sigmas: tuple[float, ...],
        clean: tuple[bool, ...],
        known: Tensor,
        context: Context,
    ) -> Tensor:
        """The estimate of the clean latents, (B, 16, T, h, w) float32.

        x: noisy latents of that shape. sigmas: noise level of each sample. clean: per frame
        whether ``known`` (1 or B, 16, T, h, w) is given there.
        """
        if self._forward is None:
            return self.forward_plain(x, sigmas, clean, known, context)
        self._check(x, sigmas, clean, known, context)
        known = known.expand_as(x)
        batch = len(sigmas)
        missing = self._padded(batch) - batch
        if missing:
            x, known = (torch.cat((each, each[-1:].expand(missing, *each.shape[1:])))
                        for each in (x, known))  # fmt: skip
            sigmas += sigmas[-1:] * missing
        times, rounded = self._times(sigmas)
        inputs = (x, known, times, self._mask(clean), self._modulation(rounded))
        if self._captured is not None:
            return self._captured(inputs, context.held)[:batch]
        return self._estimate(*inputs, *context.held)[:batch]

    @torch.no_grad()
    def forward_plain(
        self,
        x: Tensor,
        sigmas: tuple[float, ...],
        clean: tuple[bool, ...],
        known: Tensor,
        context: Context,
    ) -> Tensor:
        """What ``x0`` gives, by diffusers' own forward pass, eager and with nothing saved."""
        self._check(x, sigmas, clean, known, context)
        return self._estimate_plain(x, self._times(sigmas)[0], self._mask(clean), known, context)

    def pulled_back(
        self,
        x: Tensor,
        sigmas: tuple[float, ...],
        clean: tuple[bool, ...],
        known: Tensor,
        context: Context,
        residual: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """``x0``, and what it would take in x to change it by ``residual(x0)``: (dx0/dx)^T of it.

        Both (B, 16, T, h, w). By diffusers' forward pass, which autograd can follow whatever is
        compiled or in FP8, and sample by sample, because of the memory: as long as two evaluations
        by ``forward_plain``, or three and a half where the model recomputes its activations.
        """
        self._check(x, sigmas, clean, known, context)
        times, mask, known = self._times(sigmas)[0], self._mask(clean), known.expand_as(x)
        estimates: list[Tensor] = []
        pulls: list[Tensor] = []
        with torch.inference_mode(False), torch.enable_grad():
            for index in range(len(x)):
                one = slice(index, index + 1)
                start = x[one].detach().clone().requires_grad_()
                estimate = self._estimate_plain(start, times[one], mask, known[one], context)
                wanted = residual(estimate.detach())
                pulls += torch.autograd.grad(estimate, start, wanted)
                estimates.append(estimate.detach())
        return torch.cat(estimates), torch.cat(pulls)

    def _estimate_plain(
        self, x: Tensor, times: Tensor, mask: Tensor, known: Tensor, context: Context
    ) -> Tensor:
        state = _network_input(x, known, times, mask).to(self.dtype)
        output = self._network(state, times, mask, context)
        return _estimated(x, known, times, mask, output)

    @torch.no_grad()
    def network_plain(
        self, state: Tensor, times: Tensor, mask: Tensor, context: Context
    ) -> Tensor:
        """The network alone, by diffusers' forward: (B, 16, T, h, w) in ``dtype``, as ``state``.

        times: (B,), of the generated frames. mask: (T,) bool, the clean frames.
        """
        return self._network(state, times, mask, context)

    def _network(self, state: Tensor, times: Tensor, mask: Tensor, context: Context) -> Tensor:
        batch, _, frames, height, width = state.shape
        per_frame = torch.where(mask, 0.0, times[:, None]).to(self.dtype)
        masks = state.new_zeros((batch, 2, frames, height, width))
        masks[:, 0] = mask[:, None, None].to(self.dtype)
        output: Tensor = self._model(
            hidden_states=state,
            timestep=per_frame[:, None, :, None, None],
            encoder_hidden_states=context.text.expand(batch, -1, -1),
            condition_mask=masks,
            return_dict=False,
        )[0]
        return output

    def settle(self) -> None:
        """Ends warming up: from here on, a new size of batch is no reason to compile.

        It is padded to the next larger size met before; only one above all of them compiles,
        which takes seconds. Does nothing where compilation is off.
        """
        self._settled = True

    def _padded(self, batch: int) -> int:
        size = batch
        if self._compiled and self._settled:
            size = min((met for met in self._sizes if met >= batch), default=batch)
        self._sizes.add(size)
        return size

    def _estimate(
        self, x: Tensor, known: Tensor, times: Tensor, mask: Tensor, modulation: Tensor,
        *context: Tensor,
    ) -> Tensor:  # fmt: skip
        state = _network_input(x, known, times, mask).to(self.dtype)
        assert self._forward is not None
        with preferred(self.device):
            output = self._forward(state, mask, modulation, *context)
        return _estimated(x, known, times, mask, output)

    def _modulation(self, times: tuple[float, ...]) -> Tensor:
        if self._kept and self.savings.cached_modulation and self.savings.frame_modulation:
            return self._kept.rows(times, self.device)
        generated = torch.tensor(times, device=self.device)
        return torch.stack((generated, torch.zeros_like(generated)), dim=1)

    def _make_times(self, sigmas: tuple[float, ...]) -> tuple[Tensor, tuple[float, ...]]:
        """On the device; and as the network is given them, in its dtype."""
        # Computed on the CPU, so that every device has the same.
        levels = torch.tensor(sigmas, dtype=torch.float64).float()
        times = levels / (levels + 1)
        return times.to(self.device), tuple(times.to(self.dtype).float().tolist())

    def _make_mask(self, clean: tuple[bool, ...]) -> Tensor:
        return torch.tensor(clean, device=self.device)

    def _check(
        self, x: Tensor, sigmas: tuple[float, ...], clean: tuple[bool, ...], known: Tensor,
        context: Context,
    ) -> None:  # fmt: skip
        if context.owner is not self:
            raise WamError("a context of another denoiser, expected one of this denoiser's own")
        shape = (len(sigmas), *self.layout.shape)
        if tuple(x.shape) != shape:
            raise WamError(f'noisy latents {tuple(x.shape)}, expected {shape}')
        if tuple(known.shape) not in (shape, (1, *self.layout.shape)):
            raise WamError(f'known latents {tuple(known.shape)}, expected {shape} or one of it')
        if len(clean) != self.layout.frames:
            raise WamError(f'{len(clean)} clean flags for {self.layout.frames} latent frames')


def _network_input(x: Tensor, known: Tensor, times: Tensor, mask: Tensor) -> Tensor:
    scaled = x * (1.0 - times).view(-1, 1, 1, 1, 1)
    return torch.where(mask.view(1, 1, -1, 1, 1), known, scaled)


def _estimated(x: Tensor, known: Tensor, times: Tensor, mask: Tensor, output: Tensor) -> Tensor:
    t = times.view(-1, 1, 1, 1, 1)
    x0 = (1.0 - t) * x + (-t) * output.float()
    return torch.where(mask.view(1, 1, -1, 1, 1), known, x0)
