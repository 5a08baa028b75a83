"""The latent sequence of Cosmos Policy as data: which latent frame holds what."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from wam_core.errors import WamError

# Of the Wan 2.1 VAE (AutoencoderKLWan): pixels per latent along time and space, and channels.
TEMPORAL_COMPRESSION: Final = 4
SPATIAL_COMPRESSION: Final = 8
CHANNELS: Final = 16
PATCH: Final = 2  # latents per token along height and width; one frame along time


class Kind(Enum):
    """What a latent frame holds."""

    BLANK = 'blank'
    PROPRIOCEPTION = 'proprioception'
    IMAGE = 'image'
    ACTION = 'action chunk'
    FUTURE_PROPRIOCEPTION = 'future proprioception'
    FUTURE_IMAGE = 'future image'
    VALUE = 'value'


class Pass(Enum):
    """What a denoising run generates from what; V and Q hide part of the sequence (``masked``)."""

    POLICY = 'policy'  # action, future state and value from the current state
    WORLD_MODEL = 'world model'  # future state and value from the current state and the action
    V_VALUE = "V(s')"  # value from the future state
    Q_VALUE = 'Q(s, a)'  # value from the current state and the action


@dataclass(frozen=True)
class Slot:
    """One latent frame. camera: of images, else empty."""

    kind: Kind
    camera: str = ''


@dataclass(frozen=True)
class Layout:
    """The sequence, and the sizes of what its frames hold.

    horizon, action_dim: of the action chunk. state_dim: of proprioception.
    image_size: pixels of a square frame, a multiple of 16.
    """

    slots: tuple[Slot, ...]
    horizon: int
    action_dim: int
    state_dim: int
    image_size: int

    def __post_init__(self) -> None:
        step = SPATIAL_COMPRESSION * PATCH
        if self.image_size < step or self.image_size % step:
            raise WamError(f'image size {self.image_size}, allowed: multiples of {step}')
        for what, size in (
            (f'an action chunk of {self.horizon} x {self.action_dim}', self.action_size),
            (f'a state of {self.state_dim}', self.state_dim),
        ):
            if size > self.frame_elements:
                raise WamError(
                    f'{what} does not fit into a latent frame of {self.frame_elements} elements '
                    f'({CHANNELS} x {self.latent_size} x {self.latent_size}); '
                    'a larger image size makes room'
                )

    @property
    def frames(self) -> int:
        """Latent frames."""
        return len(self.slots)

    @property
    def pixel_frames(self) -> int:
        """Frames of the video that the VAE would encode whole."""
        return pixel_frames(self.frames)

    @property
    def latent_size(self) -> int:
        """Height and width of a latent frame."""
        return self.image_size // SPATIAL_COMPRESSION

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(channels, frames, height, width) of the latent sequence."""
        return (CHANNELS, self.frames, self.latent_size, self.latent_size)

    @property
    def frame_elements(self) -> int:
        """Elements of one latent frame."""
        return CHANNELS * self.latent_size**2

    @property
    def action_size(self) -> int:
        """Elements of an action chunk."""
        return self.horizon * self.action_dim

    @property
    def tokens(self) -> int:
        """Length of the network's sequence."""
        return self.frames * (self.latent_size // PATCH) ** 2

    @property
    def cameras(self) -> tuple[str, ...]:
        """In the order of their frames."""
        return tuple(slot.camera for slot in self.slots if slot.kind is Kind.IMAGE)

    @property
    def action(self) -> int:
        """Index of the action chunk; the frames before it are the current state."""
        return self.indices(Kind.ACTION)[0]

    @property
    def value(self) -> int:
        """Index of the value: the last frame."""
        return self.indices(Kind.VALUE)[0]

    @property
    def proprioception(self) -> int | None:
        """Index of the current proprioception; None in a layout without."""
        return next(iter(self.indices(Kind.PROPRIOCEPTION)), None)

    @property
    def future_proprioception(self) -> int | None:
        """Index of the future proprioception; None in a layout without."""
        return next(iter(self.indices(Kind.FUTURE_PROPRIOCEPTION)), None)

    @property
    def images(self) -> tuple[int, ...]:
        """Indices of the current images, in the order of ``cameras``."""
        return self.indices(Kind.IMAGE)

    @property
    def future_images(self) -> tuple[int, ...]:
        """Indices of the future images, in the order of ``cameras``."""
        return self.indices(Kind.FUTURE_IMAGE)

    @property
    def current_state(self) -> tuple[int, ...]:
        """Indices of current proprioception and images."""
        return tuple(sorted((*self.indices(Kind.PROPRIOCEPTION), *self.images)))

    @property
    def future_state(self) -> tuple[int, ...]:
        """Indices of future proprioception and images, in the order of ``current_state``."""
        return tuple(sorted((*self.indices(Kind.FUTURE_PROPRIOCEPTION), *self.future_images)))

    @property
    def placeholders(self) -> tuple[int, ...]:
        """Frames whose VAE encoding is put back before images are decoded.

        What was injected there is no image, and the decoder is causal: it would show in every
        later frame. The value is last and disturbs nothing.
        """
        return (*self.indices(Kind.BLANK, Kind.PROPRIOCEPTION, Kind.ACTION),
                *self.indices(Kind.FUTURE_PROPRIOCEPTION))  # fmt: skip

    def indices(self, *kinds: Kind) -> tuple[int, ...]:
        """Frames of these kinds, ascending."""
        return tuple(index for index, slot in enumerate(self.slots) if slot.kind in kinds)

    def clean(self, purpose: Pass, masked: bool = True) -> tuple[bool, ...]:
        """Per frame whether a pass is given it (clean, at time 0) or generates it from noise.

        masked: whether V sees the future state only and Q the current state and action only, as
        the planning checkpoint was trained; otherwise both see everything but the value.
        """
        known = set(range(self.action))
        if purpose is Pass.WORLD_MODEL:
            known.add(self.action)
        elif purpose in (Pass.V_VALUE, Pass.Q_VALUE):
            known = set(range(self.value))
            if masked and purpose is Pass.V_VALUE:
                known -= {*self.current_state, self.action}
            elif masked:
                known -= set(self.future_state)
        return tuple(index in known for index in range(self.frames))


def make_layout(
    cameras: Sequence[str],
    proprioception: bool = True,
    horizon: int = 50,
    action_dim: int = 14,
    state_dim: int = 14,
    image_size: int = 224,
) -> Layout:
    """Blank, current state, action, future state, value: the order of every official checkpoint.

    cameras: in the order of the checkpoint. ALOHA: left wrist, right wrist, high; 11 frames
    (source: cosmos-policy, ``get_action``). Raises WamError for what doesn't fit.
    """
    if not cameras or len(set(cameras)) != len(cameras):
        raise WamError(f'cameras {list(cameras)}: expected at least one, each once')

    def state(body: Kind, image: Kind) -> list[Slot]:
        images = [Slot(image, camera) for camera in cameras]
        return [Slot(body), *images] if proprioception else images

    slots = [
        Slot(Kind.BLANK),
        *state(Kind.PROPRIOCEPTION, Kind.IMAGE),
        Slot(Kind.ACTION),
        *state(Kind.FUTURE_PROPRIOCEPTION, Kind.FUTURE_IMAGE),
        Slot(Kind.VALUE),
    ]
    return Layout(tuple(slots), horizon, action_dim, state_dim, image_size)


def pixel_frames(latent_frames: int) -> int:
    """Frames of the video behind so many latent frames: the first one stands alone."""
    return 1 + TEMPORAL_COMPRESSION * (latent_frames - 1)


def first_pixel_frame(latent_frame: int) -> int:
    """Index in the video of a latent frame's first image."""
    return max(0, TEMPORAL_COMPRESSION * (latent_frame - 1) + 1)
