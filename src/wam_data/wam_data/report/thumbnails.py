"""Small pictures of camera frames, for a contact sheet."""

from typing import Any, Final

import cv2
import numpy as np

from wam_core.errors import WamError
from wam_core.policy import Image
from wam_data.frames import decode
from wam_data.reader import Message

WIDTH: Final = 240  # pixels
_QUALITY: Final = 80


def thumbnail(message: Message) -> bytes:
    """A JPEG file, WIDTH wide, of a recorded frame. Raises WamError."""
    pixels = decode(message, half=True)
    height = max(1, round(WIDTH * pixels.shape[0] / pixels.shape[1]))
    small = cv2.resize(pixels, (WIDTH, height), interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise WamError(f'{message.topic}: a thumbnail cannot be made of {pixels.shape}')
    return bytes(jpeg.tobytes())


def shrunk(jpeg: bytes, width: int) -> Image:
    """A thumbnail's pixels, (height, width, 3) uint8 in the order R, G, B."""
    pixels: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    height = max(1, round(width * pixels.shape[0] / pixels.shape[1]))
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)
