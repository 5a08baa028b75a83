import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from wam_msgs.msg import FrameSet

from wam_core.errors import WamError
from wam_data.cdr import Cursor, frame_set_spread, header_stamp_ns, without_pixels
from wam_data.frames import jpeg_encoder


def image(encoding: str, channels: int, frame: str = 'optical') -> Image:
    message = Image(height=32, width=40, encoding=encoding, step=40 * channels)
    message.header.stamp.sec, message.header.stamp.nanosec = 5, 7
    message.header.frame_id = frame
    ramp = np.linspace(0, 250, 40, dtype=np.uint8)
    pixels = np.zeros((32, 40, channels), np.uint8)
    for channel in range(channels):
        pixels[..., channel] = ramp // (channel + 1)
    message.data = pixels.tobytes()
    return message


@pytest.mark.parametrize(
    ('encoding', 'channels', 'order'),
    [
        ('rgb8', 3, (2, 1, 0)),
        ('bgr8', 3, (0, 1, 2)),
        ('rgba8', 4, (2, 1, 0)),
        ('bgra8', 4, (0, 1, 2)),
        ('mono8', 1, (0, 0, 0)),
    ],
)
@pytest.mark.parametrize('frame', ['', 'a', 'ab', 'abc', 'abcd'])
def test_jpeg_keeps_header_and_picture(
    encoding: str, channels: int, order: tuple[int, ...], frame: str
) -> None:
    source = image(encoding, channels, frame)
    encoded = jpeg_encoder(95)(bytes(serialize_message(source)))
    message = deserialize_message(encoded, CompressedImage)
    assert message.header == source.header
    assert message.format.startswith(f'{encoding}; jpeg compressed ')
    decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    original = np.frombuffer(source.data, np.uint8).reshape(32, 40, channels)
    difference = np.abs(decoded.astype(int) - original[..., list(order)].astype(int))
    assert difference.mean() < 3.0


def test_what_jpeg_cannot_hold_is_refused() -> None:
    source = image('mono8', 1)
    source.encoding = '16UC1'
    with pytest.raises(WamError, match="'16UC1'"):
        jpeg_encoder(95)(bytes(serialize_message(source)))


@given(
    names=st.lists(st.text('abcdefg', max_size=9), max_size=4),
    frame=st.text('xyz', max_size=6),
    spread_ns=st.integers(0, 10**10),
    pixels=st.binary(max_size=40),
)
def test_frame_sets_lose_their_pixels_only(
    names: list[str], frame: str, spread_ns: int, pixels: bytes
) -> None:
    message = FrameSet(cameras=names, height=3, width=4)
    message.header.stamp.sec = 12
    message.header.frame_id = frame
    message.spread.sec, message.spread.nanosec = divmod(spread_ns, 10**9)
    message.stamps = [message.header.stamp] * len(names)
    message.data = pixels
    data = bytes(serialize_message(message))
    stripped = deserialize_message(without_pixels(data), FrameSet)
    message.data = b''
    assert stripped == message
    assert frame_set_spread(data)[0] == spread_ns
    assert header_stamp_ns(data) == 12 * 10**9


@given(st.binary(max_size=60))
def test_arbitrary_bytes_never_do_more_than_raise(data: bytes) -> None:
    for read in (header_stamp_ns, frame_set_spread):
        try:
            read(data)
        except WamError as error:
            assert 'CDR' in str(error)


def test_big_endian() -> None:
    assert Cursor(b'\0\0\0\0' + struct.pack('>iI', 3, 4)).time_ns() == 3_000_000_004


def test_what_is_too_wide_for_a_jpeg_is_refused() -> None:
    source = Image(height=1, width=70_000, encoding='rgb8', step=210_000, data=bytes(210_000))
    with pytest.raises(WamError, match='1x70000 rgb8: JPEG encoding failed'):
        jpeg_encoder(95)(bytes(serialize_message(source)))
