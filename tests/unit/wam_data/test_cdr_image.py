import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_data.cdr_image import CHANNELS, read_image


def cdr_image(
    *,
    sec: int = 5,
    nanosec: int = 6,
    frame_id: str = 'camera',
    height: int = 2,
    width: int = 3,
    encoding: str = 'rgb8',
    step: int = 9,
    data: bytes = bytes(range(18)),
    order: str = '<',
) -> bytes:
    """The bytes written field by field, with padding put in from the standard's table."""
    body = bytearray()

    def number(value: int, code: str = 'I') -> None:
        while len(body) % 4:
            body.append(0xEE)  # padding may hold anything
        body.extend(struct.pack(order + code, value))

    def text(value: str) -> None:
        encoded = value.encode() + b'\0'
        number(len(encoded))
        body.extend(encoded)

    number(sec, 'i')
    number(nanosec)
    text(frame_id)
    number(height)
    number(width)
    text(encoding)
    body.append(0)
    number(step)
    number(len(data))
    body.extend(data)
    return (b'\x00\x01\x00\x00' if order == '<' else b'\x00\x00\x00\x00') + bytes(body)


@given(
    frame_id=st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=9),
    encoding=st.sampled_from(sorted(CHANNELS)),
    sec=st.integers(0, 2**31 - 1),
    nanosec=st.integers(0, 10**9 - 1),
    order=st.sampled_from('<>'),
    padding=st.integers(0, 5),
)
def test_reads_back_every_field(
    frame_id: str, encoding: str, sec: int, nanosec: int, order: str, padding: int
) -> None:
    channels = CHANNELS[encoding]
    pixels = np.arange(4 * 3 * channels, dtype=np.uint8).reshape(4, 3, channels)
    rows = np.pad(pixels.reshape(4, -1), ((0, 0), (0, padding)), constant_values=99)
    message = cdr_image(
        sec=sec,
        nanosec=nanosec,
        frame_id=frame_id,
        height=4,
        width=3,
        encoding=encoding,
        step=rows.shape[1],
        data=rows.tobytes(),
        order=order,
    )
    view = read_image(message)
    assert view.stamp_ns == sec * 10**9 + nanosec
    assert (view.frame_id, view.encoding) == (frame_id, encoding)
    assert (view.height, view.width, view.step) == (4, 3, rows.shape[1])
    assert view.data == rows.tobytes()
    np.testing.assert_array_equal(view.pixels(), pixels)


def test_pixels_look_into_the_message() -> None:
    message = bytearray(cdr_image())
    pixels = read_image(message).pixels()
    message[-1] ^= 0xFF
    assert pixels[1, 2, 2] == message[-1]


def test_the_last_row_may_lack_its_padding() -> None:
    view = read_image(cdr_image(step=12, data=bytes(range(21))))
    assert view.pixels()[1, 0, 0] == 12


@pytest.mark.parametrize('length', range(len(cdr_image())))
def test_every_truncation_is_refused(length: int) -> None:
    with pytest.raises(WamError):
        read_image(cdr_image()[:length])


@pytest.mark.parametrize('header', [b'\x00\x03\x00\x00', b'\x00\x07\x00\x00'])
def test_other_encapsulations_are_refused(header: bytes) -> None:
    with pytest.raises(WamError, match=header[:2].hex()):
        read_image(header + cdr_image()[4:])


def test_a_stamp_out_of_range_is_refused() -> None:
    with pytest.raises(WamError, match='1000000000'):
        read_image(cdr_image(nanosec=10**9))


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'encoding': '16UC1'}, "'16UC1'"),
        ({'step': 8}, 'step 8'),
        ({'height': 0}, '0x3'),
        ({'data': bytes(17)}, '17 bytes'),
    ],
)
def test_pixels_that_cannot_be(fields: dict[str, int], words: str) -> None:
    view = read_image(cdr_image(**fields))  # type: ignore[arg-type]
    with pytest.raises(WamError, match=words):
        view.pixels()


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    try:
        read_image(message)
    except WamError as error:
        assert str(error)
