import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from message_filters import SimpleFilter
from sensor_msgs.msg import Image

from wam_nodes.camera_image import CheckedImages, fault, rgb

PIXELS = np.random.default_rng(1).integers(0, 256, (4, 6, 3), np.uint8)


def image(encoding: str = 'rgb8', pixels: Any = PIXELS, padding: int = 0) -> Any:
    rows = np.pad(pixels.reshape(pixels.shape[0], -1), ((0, 0), (0, padding)))
    message = Image(height=4, width=6, encoding=encoding, step=rows.shape[1])
    message.header.stamp.sec = 1
    message.data = array.array('B', rows.tobytes())
    return message


@pytest.mark.parametrize('padding', [0, 7])
@pytest.mark.parametrize(
    ('encoding', 'pixels', 'expected'),
    [
        ('rgb8', PIXELS, PIXELS),
        ('bgr8', PIXELS, PIXELS[..., ::-1]),
        ('mono8', PIXELS[..., 0], np.repeat(PIXELS[..., :1], 3, axis=2)),
    ],
)
def test_pixels_are_rgb(encoding: str, pixels: Any, expected: Any, padding: int) -> None:
    message = image(encoding, pixels, padding)
    assert fault(message) == ''
    np.testing.assert_array_equal(rgb(message), expected)


def test_rgb_pixels_are_not_copied() -> None:
    message = image()
    pixels = rgb(message)
    message.data[0] ^= 0xFF
    assert pixels[0, 0, 0] == message.data[0]


@pytest.mark.parametrize(
    ('field', 'value', 'kind'),
    [
        ('encoding', 'rgb16', 'encoding'),
        ('encoding', '', 'encoding'),
        ('height', 0, 'size'),
        ('width', 0, 'size'),
        ('width', 7, 'size'),
        ('step', 17, 'size'),
        ('step', 19, 'data'),
        ('height', 5, 'data'),
    ],
)
def test_faults_name_their_kind_and_the_value(field: str, value: Any, kind: str) -> None:
    message = image()
    setattr(message, field, value)
    text = fault(message)
    assert text.startswith(f'{kind}: ')
    assert str(value) in text


@pytest.mark.parametrize(('sec', 'nanosec'), [(0, 0), (-1, 5), (3, 10**9)])
def test_a_stamp_that_is_no_time_is_a_fault(sec: int, nanosec: int) -> None:
    message = image()
    message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
    assert fault(message).startswith('stamp: ')


@given(
    height=st.integers(0, 9),
    width=st.integers(0, 9),
    step=st.integers(0, 30),
    length=st.integers(0, 99),
    encoding=st.sampled_from(['rgb8', 'bgr8', 'mono8', 'bayer_rggb8']),
)
def test_what_has_no_fault_can_be_converted(
    height: int, width: int, step: int, length: int, encoding: str
) -> None:
    message = Image(height=height, width=width, encoding=encoding, step=step)
    message.header.stamp.nanosec = 1
    message.data = array.array('B', bytes(length))
    if not fault(message):
        assert rgb(message).shape == (height, width, 3)


def test_bad_images_are_counted_by_kind_and_go_no_further() -> None:
    source = SimpleFilter()
    checked = CheckedImages(source)
    passed: list[Any] = []
    checked.registerCallback(passed.append)
    good, bad, worse = image(), image(), image()
    bad.encoding, worse.height = 'rgb16', 0
    for message in (bad, good, worse, bad):
        source.signalMessage(message)
    assert passed == [good]
    assert checked.refused == {'encoding': 2, 'size': 1}
    assert "'rgb16'" in checked.last_fault
