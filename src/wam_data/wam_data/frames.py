"""Camera frames between raw sensor_msgs/Image bytes, JPEG, and pixels."""

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np

from wam_core.errors import WamError
from wam_core.policy import Image
from wam_data.cdr import compressed_image
from wam_data.cdr_image import read_image
from wam_data.reader import Message

IMAGE: Final = 'sensor_msgs/msg/Image'
COMPRESSED: Final = 'sensor_msgs/msg/CompressedImage'

# What OpenCV's JPEG encoder takes: one channel, or three in the order B, G, R.
_TO_BGR: Final = {
    'rgb8': cv2.COLOR_RGB2BGR,
    'rgba8': cv2.COLOR_RGBA2BGR,
    'bgra8': cv2.COLOR_BGRA2BGR,
}


def jpeg_encoder(quality: int) -> Callable[[bytes], bytes]:
    """A function from a serialized Image to a serialized CompressedImage with the same header.

    quality: 1..100. The function may run on any thread: OpenCV leaves the interpreter lock. It
    raises WamError for an image that JPEG can't hold.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]

    def encode(message: bytes) -> bytes:
        view = read_image(message)
        pixels: Any = view.pixels()
        what = f'{view.height}x{view.width} {view.encoding}'
        try:
            if view.encoding in _TO_BGR:
                pixels = cv2.cvtColor(pixels, _TO_BGR[view.encoding])
            done, jpeg = cv2.imencode('.jpg', pixels, options)
        except cv2.error as error:
            raise WamError(f'{what}: JPEG encoding failed: {error}') from error
        if not done:
            raise WamError(f'{what}: JPEG encoding failed')
        layout = 'mono8' if view.encoding == 'mono8' else 'bgr8'
        # As image_transport's compressed plugin words it: original, codec, layout of the JPEG.
        form = f'{view.encoding}; jpeg compressed {layout}'
        return compressed_image(view.stamp_ns, view.frame_id, form, jpeg.tobytes())

    return encode


def decode(message: Message, *, half: bool = False) -> Image:
    """Pixels of a recorded frame, raw or JPEG: (height, width, 3) uint8 in the order B, G, R.

    half: at half of the height and width, which JPEG decodes faster. Raises WamError.
    """
    if message.type == IMAGE:
        view = read_image(message.data)
        pixels: Any = view.pixels()
        if view.encoding == 'mono8':
            pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
        elif view.encoding in _TO_BGR:
            pixels = cv2.cvtColor(pixels, _TO_BGR[view.encoding])
        pixels = pixels[::2, ::2] if half else pixels
        return np.ascontiguousarray(pixels)
    data = np.asarray(message.fields().data, np.uint8)
    flags = cv2.IMREAD_REDUCED_COLOR_2 if half else cv2.IMREAD_COLOR
    decoded: Any = cv2.imdecode(data, flags)
    if decoded is None:
        raise WamError(f'{message.topic}: {data.size} bytes at {message.log_time_ns} are no image')
    return np.asarray(decoded, np.uint8)
