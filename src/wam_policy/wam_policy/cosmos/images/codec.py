"""Images to latent frames and back, computing only what the policy needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wam_core.errors import WamError
from wam_policy.cosmos.images.causal import Memory, channels_last, no_memory, step
from wam_policy.cosmos.network.compilation import Captured, compiled, wanted
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.sequence.layout import TEMPORAL_COMPRESSION, Layout

Images = NDArray[np.uint8]

# Sequences whose futures are decoded at once: bounds the memory (2 GB at 224 px in bfloat16).
_AT_ONCE: Final = 4


@dataclass
class Encoding:
    """Encoded images.

    latents: float32, normalised, (B, 16, T, h, w); zero after the conditioning frames where
    ``savings.encode_prefix`` left them out. Copy before writing into it.
    """

    latents: Tensor
    _pictures: Tensor
    _codec: 'VideoCodec'
    _placeholders: Tensor | None = field(default=None, init=False)

    def placeholders(self) -> Tensor:
        """What the VAE made of the sequence up to the last frame that decoding puts back.

        (B, 16, frames, h, w); computed at the first call, because only decoding needs it.
        """
        if self._placeholders is None:
            self._placeholders = self._codec.placeholders(self.latents, self._pictures)
        return self._placeholders


class VideoCodec:
    """Encodes the conditioning images, decodes the future ones.

    model: of ``build_vae``, with its weights, on its device. dtype: of its arithmetic; the
    official code's is bfloat16 (source of the casts: cosmos-policy, tokenizers/wan2pt1.py).
    """

    def __init__(
        self, model: Any, layout: Layout, dtype: torch.dtype, savings: SavingOptions
    ) -> None:
        self._model = nn.Module.to(model, dtype=dtype)
        self._layout = layout
        self._dtype = dtype
        self._savings = savings
        self._device: torch.device = next(model.parameters()).device
        shape = (1, -1, 1, 1, 1)
        self._mean = self._constant(model.config.latents_mean).view(shape)
        # The official code keeps the inverse, and its rounding to bfloat16 with it.
        self._inverse_std = (1.0 / self._constant(model.config.latents_std)).view(shape)
        self._compile = savings.encode_blanks_once and wanted(savings.compile, self._device)
        if self._compile and self._device.type == 'cuda':
            channels_last(model)
        self._encoded_blanks: tuple[Tensor, Memory] | None = None
        self._decoded_blanks: Memory | None = None
        self._encode_conditions: Callable[[Tensor], Tensor] | None = None

    # Not in the caller's inference mode: torch.compile would compile once more for it.
    @torch.inference_mode(False)
    @torch.no_grad()
    def encode(self, images: Images) -> Encoding:
        """Prepared images in the order of the layout's cameras: (N, S, S, 3) or (B, N, S, S, 3).

        Raises WamError for another shape or type.
        """
        pictures = self._checked(images)
        layout = self._layout
        latents = torch.zeros((len(pictures), *layout.shape), device=self._device)
        if not self._savings.encode_prefix:
            latents[:] = self._encode(pictures, layout.frames)
        elif self._compile:
            blanks, _ = self._blanks()
            latents[:, :, : blanks.shape[2]] = blanks
            latents[:, :, blanks.shape[2] : layout.action] = self._compiled()(pictures)
        else:
            latents[:, :, : layout.action] = self._encode(pictures, layout.action)
        return Encoding(latents, pictures, self)

    @torch.no_grad()
    def placeholders(self, latents: Tensor, pictures: Tensor) -> Tensor:
        """For ``Encoding.placeholders``."""
        end = self._layout.placeholders[-1] + 1
        if not self._savings.encode_prefix:
            return latents[:, :, :end]
        # From the images again: keeping what the encoder remembers would take 140 MB a request.
        return self._encode(pictures, end)

    @torch.no_grad()
    def decode_images(self, latents: Tensor, encoding: Encoding) -> Images:
        """The future images (B, N, S, S, 3) in latents (B, 16, T, h, w).

        What was injected first gives way to what the VAE made of its placeholder; frames after
        the last future image are not looked at. encoding: of one sequence, or of all B.
        """
        first, last = self._layout.future_images[0], self._layout.future_images[-1]
        sample = latents[:, :, : last + 1].clone()
        originals = encoding.placeholders()
        for index in self._layout.placeholders:
            sample[:, :, index] = originals[:, :, index]
        past = sample[:, :, :first]
        if bool((past == past[:1]).all()):
            past = past[:1]  # candidates for one observation: they differ in their futures only
        memory = self._after(past).expand(len(sample))
        parts = []
        for start in range(0, len(sample), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            parts.append(self._pixels(self._decode(sample[part, :, first:], memory.part(part))[0]))
        return torch.cat(parts).cpu().numpy()

    def warm_up(self) -> None:
        """Encodes and decodes black images, so that the first request isn't the slow one."""
        size = self._layout.image_size
        cameras = len(self._layout.cameras)
        encoding = self.encode(np.zeros((cameras, size, size, 3), np.uint8))
        self.decode_images(encoding.latents, encoding)

    def _constant(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=self._dtype, device=self._device)

    def _checked(self, images: Images) -> Tensor:
        size = self._layout.image_size
        expected = (len(self._layout.cameras), size, size, 3)
        if images.shape[-4:] != expected or images.ndim not in (4, 5) or not len(images):
            raise WamError(
                f'images of shape {images.shape}, expected {expected} for the cameras '
                f'{list(self._layout.cameras)}, or a batch of these'
            )
        if images.dtype != np.uint8:
            raise WamError(f'images of {images.dtype}, expected uint8')
        pictures = torch.from_numpy(np.ascontiguousarray(images))
        return pictures.reshape(-1, *expected).to(self._device)

    # ---- encoding

    def _encode(self, pictures: Tensor, end: int) -> Tensor:
        """Normalised latents (B, 16, end, h, w), float32."""
        if self._savings.encode_blanks_once:
            blanks, memory = self._blanks()
            latents = [blanks.expand(len(pictures), -1, -1, -1, -1)]
            chunks = [(blanks.shape[2], end)]
        else:
            memory = no_memory(self._model.encoder)
            latents, chunks = [], [(index, index + 1) for index in range(end)]
        memory = memory.expand(len(pictures))
        for chunk in chunks:
            video = self._video(pictures, self._sources(*chunk))
            output, memory = step(self._model.encoder, video, memory)
            latents.append(self._normalised(output))
        return torch.cat(latents, dim=2)

    def _blanks(self) -> tuple[Tensor, Memory]:
        """Latents of the leading frames that are black in every request, and what stays."""
        if self._encoded_blanks is None:
            size = self._layout.image_size
            black = torch.zeros((1, 0, size, size, 3), dtype=torch.uint8, device=self._device)
            memory = no_memory(self._model.encoder)
            latents = []
            for index in range(self._leading_blanks):
                video = self._video(black, self._sources(index, index + 1))
                output, memory = step(self._model.encoder, video, memory)
                latents.append(self._normalised(output))
            self._encoded_blanks = torch.cat(latents, dim=2), memory
        return self._encoded_blanks

    @property
    def _leading_blanks(self) -> int:
        return next(index for index, slot in enumerate(self._layout.slots) if slot.camera)

    def _sources(self, start: int, end: int) -> Tensor:
        """Per image of the video behind these latent frames: 0 black, 1 the first camera, ..."""
        cameras = self._layout.cameras
        sources = [
            1 + cameras.index(slot.camera) if slot.camera else 0
            for slot in self._layout.slots[start:end]
            for _ in range(TEMPORAL_COMPRESSION)
        ]
        alone = sources[TEMPORAL_COMPRESSION - 1 :] if start == 0 else sources
        return torch.tensor(alone, device=self._device)

    def _video(self, pictures: Tensor, sources: Tensor) -> Tensor:
        """Pixels (B, 3, images, S, S) in -1..1."""
        black = pictures.new_zeros((pictures.shape[0], 1, *pictures.shape[2:]))
        video = torch.cat([black, pictures], dim=1).index_select(1, sources)
        return video.permute(0, 4, 1, 2, 3).to(self._dtype) / 127.5 - 1.0

    def _normalised(self, output: Tensor) -> Tensor:
        mean: Tensor = self._model.quant_conv(output).chunk(2, dim=1)[0]
        return ((mean - self._mean) * self._inverse_std).to(torch.float32)

    def _compiled(self) -> Callable[[Tensor], Tensor]:
        """Pictures to the latents of the conditioning images, after the blanks."""
        if self._encode_conditions is None:
            blanks, memory = self._blanks()
            sources = self._sources(blanks.shape[2], self._layout.action)

            def conditions(pictures: Tensor) -> Tensor:
                video = self._video(pictures, sources)
                past = list(memory.expand(len(pictures)).entries)
                return self._normalised(self._model.encoder(video, feat_cache=past, feat_idx=[0]))

            run = compiled(conditions)
            if self._device.type == 'cuda':
                captured = Captured(run, self._device)
                self._encode_conditions = lambda pictures: captured((pictures,))
            else:
                self._encode_conditions = run
        return self._encode_conditions

    # ---- decoding

    def _after(self, past: Tensor) -> Memory:
        """What the decoder remembers of the frames before the future images."""
        start, memory = self._leading_blanks, self._decoded_blanks
        if memory is None:
            memory = no_memory(self._model.decoder)
            for index in range(start):
                blank = past[:1, :, index : index + 1]
                memory = self._decode(blank, memory)[1]
            if self._savings.encode_blanks_once:
                self._decoded_blanks = memory
        return self._decode(past[:, :, start:], memory.expand(len(past)))[1]

    def _decode(self, latents: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        scaled = latents.to(self._dtype) / self._inverse_std + self._mean
        return step(self._model.decoder, self._model.post_quant_conv(scaled), memory)

    @staticmethod
    def _pixels(decoded: Tensor) -> Tensor:
        """Of each latent frame's four images the first, as bytes: cut off, not rounded."""
        images = decoded[:, :, ::TEMPORAL_COMPRESSION].to(torch.float32)
        return ((images + 1.0) * 127.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 4, 1)
