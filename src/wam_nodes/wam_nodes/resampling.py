"""Image resizing by name: a policy's images must be resized as those that it was trained with.

Each name means one library's filter and nothing else: the same kernel differs between libraries
(PIL widens it when it shrinks an image, OpenCV doesn't, except for ``INTER_AREA``).
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wam_core.errors import WamError

Pixels = NDArray[np.uint8]
Resizer = Callable[[Pixels, Pixels], None]


def resizer(name: str) -> Resizer:
    """The resizer of that name: a function (source, target) that fills the target.

    source: (h, w, 3) uint8. target: (height, width, 3) uint8, C-contiguous, written in place.
    The whole source is squeezed into the target; nothing is cropped. Raises WamError with the
    names for an unknown one.
    """
    if name not in _RESIZERS:
        raise WamError(
            f'unknown resampling {name!r}, expected one of {sorted(_RESIZERS)}; '
            f'set image: resampling in the policy file'
        )
    return _RESIZERS[name]


def _pil(filter_: int) -> Resizer:
    def resize(source: Pixels, target: Pixels) -> None:
        height, width = target.shape[:2]
        # PIL keeps 4 bytes per pixel, so both ways cost a copy: of the source and of the result.
        target[...] = np.asarray(Image.fromarray(source).resize((width, height), filter_))

    return resize


def _opencv(interpolation: int) -> Resizer:
    def resize(source: Pixels, target: Pixels) -> None:
        height, width = target.shape[:2]
        cv2.resize(source, (width, height), dst=target, interpolation=interpolation)

    return resize


# Not Image.Resampling: Ubuntu 22.04 has Pillow 9.0, which lacks it. Pillow sets these names at run
# time, which mypy doesn't see.
_RESIZERS: dict[str, Resizer] = {
    'pil_bicubic': _pil(Image.BICUBIC),  # type: ignore[attr-defined]
    'pil_bilinear': _pil(Image.BILINEAR),  # type: ignore[attr-defined]
    'opencv_area': _opencv(cv2.INTER_AREA),
    'opencv_linear': _opencv(cv2.INTER_LINEAR),
}
