"""Stand-in for cv_bridge: images of 8 bits per channel from messages to arrays.

The names, arguments and results are those of cv_bridge 3 and 4 (Humble, Jazzy).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

STAND_IN = True  # the real package has no such name: `wam doctor` looks for it

__all__ = ['CvBridge', 'CvBridgeError']

_CHANNELS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}
_CONVERSIONS = {
    ('rgb8', 'bgr8'): cv2.COLOR_RGB2BGR,
    ('bgr8', 'rgb8'): cv2.COLOR_BGR2RGB,
    ('rgb8', 'mono8'): cv2.COLOR_RGB2GRAY,
    ('bgr8', 'mono8'): cv2.COLOR_BGR2GRAY,
    ('mono8', 'rgb8'): cv2.COLOR_GRAY2RGB,
    ('mono8', 'bgr8'): cv2.COLOR_GRAY2BGR,
}


class CvBridgeError(TypeError):
    """An image that can't be converted."""


class CvBridge:
    """Converts between ``sensor_msgs/Image`` and arrays."""

    def imgmsg_to_cv2(
        self, img_msg: Any, desired_encoding: str = 'passthrough'
    ) -> NDArray[np.uint8]:
        """The pixels: (height, width, 3) uint8, or (height, width) for mono8.

        A view of the message's data when the encoding is the desired one (or ``passthrough``) and
        rows aren't padded. Raises CvBridgeError for an encoding other than rgb8, bgr8 and mono8,
        and TypeError for data shorter than height * step.
        """
        source = img_msg.encoding
        if source not in _CHANNELS:
            raise CvBridgeError(f'encoding {source!r}, expected one of {sorted(_CHANNELS)}')
        channels = _CHANNELS[source]
        rows: NDArray[np.uint8] = np.ndarray(
            (img_msg.height, img_msg.step), np.uint8, memoryview(img_msg.data)
        )
        pixels = rows[:, : img_msg.width * channels]
        if channels > 1:
            pixels = pixels.reshape(img_msg.height, img_msg.width, channels)
        pixels = np.ascontiguousarray(pixels)  # copies only where rows are padded
        if desired_encoding in ('passthrough', source):
            return pixels
        conversion = _CONVERSIONS.get((source, desired_encoding))
        if conversion is None:
            raise CvBridgeError(
                f'desired encoding {desired_encoding!r} for {source!r}, '
                f'expected passthrough or one of {sorted(_CHANNELS)}'
            )
        return np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)
