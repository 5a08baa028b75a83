"""From camera images to the network's: every step of the official pipeline, in its order.

On the CPU, whatever the network runs on: a GPU's interpolation rounds a few bytes differently.
"""

import io
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from wam_core.errors import WamError
from wam_policy.cosmos.options import ImageOptions

Images = NDArray[np.uint8]

_RGB: Final = 3


def prepare(images: Images, options: ImageOptions) -> Images:
    """RGB images (N, H, W, 3) to (N, size, size, 3): flip, JPEG, resize, crop.

    Source: cosmos-policy, ``prepare_images_for_model`` and what its clients do before. Raises
    WamError for another shape or type.
    """
    if images.ndim != 4 or images.shape[-1] != _RGB or 0 in images.shape:
        raise WamError(f'images of shape {images.shape}, expected (number, height, width, 3)')
    if images.dtype != np.uint8:
        raise WamError(f'images of {images.dtype}, expected uint8')
    steps: list[Callable[[Images], Images]] = []
    if options.flip:
        steps.append(flip)
    if options.jpeg_quality:
        steps.append(lambda given: compress(given, options.jpeg_quality))
    steps.append(lambda given: resize(given, options.size))
    if options.crop_area < 1:
        steps.append(lambda given: crop(given, options.crop_area))
    for step in steps:
        images = step(images)
    return np.ascontiguousarray(images)


def flip(images: Images) -> Images:
    """Upside down: simulators that draw from the bottom line."""
    return np.ascontiguousarray(images[:, ::-1])


def compress(images: Images, quality: int) -> Images:
    """Through JPEG and back, at Pillow's subsampling: as the training data was stored."""
    return np.stack([_compress(image, quality) for image in images])


def resize(images: Images, size: int) -> Images:
    """To a square by Pillow's bicubic filter, without regard to proportions."""
    if images.shape[1:3] == (size, size):
        return images
    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
            for image in images
        ]
    )


def crop(images: Images, area: float) -> Images:
    """The centre with this share of the area, back at full size; of square images.

    The network was trained on random crops of that share.
    """
    size = images.shape[1]
    inside = int(size * area**0.5)
    start = round((size - inside) / 2)
    centre = images[:, start : start + inside, start : start + inside]
    # Interpolated as float and rounded to even: interpolating uint8, or Pillow's bilinear
    # filter, is off by one level on 4 to 19 % of the bytes.
    resized = functional.interpolate(
        torch.from_numpy(centre).permute(0, 3, 1, 2).to(torch.float32),
        size=(size, size),
        mode='bilinear',
        align_corners=False,
        antialias=True,
    )
    return resized.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def _compress(image: Images, quality: int) -> Images:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format='JPEG', quality=quality)
    return np.asarray(Image.open(buffer))
