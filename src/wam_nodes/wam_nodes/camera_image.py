"""What the stack takes from a camera's ``sensor_msgs/Image``: a check, and its pixels as RGB."""

from collections import Counter
from typing import Any, Final

import numpy as np
from cv_bridge import CvBridge
from message_filters import SimpleFilter
from numpy.typing import NDArray

# Bytes per pixel of what cameras of a rig send. Anything else is a wrong camera setting.
ENCODINGS: Final = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}

_NANOSEC_MAX: Final = 999_999_999

_BRIDGE: Final = CvBridge()


def fault(image: Any) -> str:
    """Why this image can't be used, as ``kind: details``; empty when it can.

    Kinds: ``stamp``, ``encoding``, ``size``, ``data``. Looks at fields only, not at pixels.
    """
    stamp = image.header.stamp
    if stamp.sec < 0 or stamp.nanosec > _NANOSEC_MAX or stamp.sec == stamp.nanosec == 0:
        return f'stamp: {stamp.sec} s {stamp.nanosec} ns, expected the capture time'
    if image.encoding not in ENCODINGS:
        return f'encoding: {image.encoding!r}, expected one of {sorted(ENCODINGS)}'
    row = image.width * ENCODINGS[image.encoding]
    if image.height < 1 or image.width < 1 or image.step < row:
        return (
            f'size: {image.height}x{image.width} with step {image.step}, '
            f'expected at least 1x1 and a step of at least {row} bytes'
        )
    if len(image.data) < image.height * image.step:
        return f'data: {len(image.data)} bytes, expected {image.height} rows of {image.step} bytes'
    return ''


def rgb(image: Any) -> NDArray[np.uint8]:
    """(height, width, 3) RGB8 pixels of an image without ``fault``; a view of it if it is rgb8."""
    # cv_bridge copies when it is asked for the encoding that is there already.
    desired = 'passthrough' if image.encoding == 'rgb8' else 'rgb8'
    pixels: NDArray[np.uint8] = _BRIDGE.imgmsg_to_cv2(image, desired)
    return pixels


class CheckedImages(SimpleFilter):
    """Passes on the images of a filter that have no ``fault``, and counts the others."""

    def __init__(self, source: Any) -> None:
        """source: filter of sensor_msgs/Image."""
        super().__init__()
        self.refused: Counter[str] = Counter()
        self.last_fault = ''
        source.registerCallback(self._check)

    def _check(self, image: Any) -> None:
        found = fault(image)
        if found:
            self.refused[found.partition(':')[0]] += 1
            self.last_fault = found
        else:
            self.signalMessage(image)
