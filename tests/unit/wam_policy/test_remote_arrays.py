"""Arrays of messages: both forms, read by the libraries of others, and what is refused."""

import base64
import json
import pickle
from typing import Any

import json_numpy  # type: ignore[import-untyped]
import msgpack  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from wam_core.errors import WamError
from wam_policy.remote import arrays, json_arrays, msgpack_arrays

DTYPES = ('|u1', '|b1', '<i4', '>i8', '<f2', '<f4', '>f8')
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda name: arrays_of.arrays(name, arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


def equal(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and bool(np.array_equal(one, other, equal_nan=True))


@given(ARRAYS)
def test_json_goes_both_ways_and_json_numpy_understands_it(array: Any) -> None:
    text = json_arrays.dumps({'a': array})
    assert equal(json_arrays.loads(text, 'reply')['a'], array)
    if array.size:
        # As it is, except that json-numpy makes a lone number one of this machine.
        assert np.array_equal(json_numpy.loads(text)['a'], array, equal_nan=True)
    assert equal(json_arrays.loads(json_numpy.dumps({'a': array}), 'reply')['a'], array)


@given(ARRAYS)
def test_messagepack_goes_both_ways_and_openpi_client_understands_it(array: Any) -> None:
    theirs = pytest.importorskip('openpi_client.msgpack_numpy')
    ours = msgpack_arrays.packb({'a': array})
    assert equal(msgpack_arrays.unpackb(ours, 'reply')['a'], array)
    if array.size:
        assert equal(np.asarray(theirs.unpackb(ours)['a']), array)
    assert equal(msgpack_arrays.unpackb(theirs.packb({'a': array}), 'reply')['a'], array)


def test_numbers_of_numpy_go_over_messagepack() -> None:
    message = msgpack_arrays.packb({'a': np.float32(0.5), 'b': [np.int64(3)]})
    assert msgpack_arrays.unpackb(message, 'reply') == {'a': 0.5, 'b': [3]}


class Payload:
    """Unpickling it fails the test."""

    def __reduce__(self) -> Any:
        return pytest.fail, ('an array was unpickled',)


def json_array(dtype: object, shape: object, data: object) -> str:
    return json.dumps({'x': {'__numpy__': data, 'dtype': dtype, 'shape': shape}})


def packed_array(dtype: object, shape: object, data: object) -> bytes:
    fields = {b'__ndarray__': True, b'dtype': dtype, b'shape': shape, b'data': data}
    packed: bytes = msgpack.packb({'x': fields})
    return packed


HOSTILE: list[tuple[object, object, bytes, str]] = [
    ('|O', [1], pickle.dumps(Payload()), 'dtype'),
    ('O', [1], pickle.dumps(Payload()), 'dtype'),
    ('<U4', [1], b'abcd' * 4, 'dtype'),
    ('|S4', [1], b'abcd', 'dtype'),
    ('|V4', [1], b'abcd', 'dtype'),
    ('<M8[ns]', [1], b'12345678', 'dtype'),
    ('<c8', [1], b'12345678', 'dtype'),
    ('<f4,<f4', [1], b'12345678', 'dtype'),
    ([['a', '<f4']], [1], b'1234', 'dtype'),
    (None, [1], b'1234', 'dtype'),
    ('<f4' * 1000, [1], b'1234', 'dtype'),
    ('<f4', [2], b'1234', 'shape'),
    ('<f4', [-1], b'1234', 'shape'),
    ('<f4', [True], b'1234', 'shape'),
    ('<f4', [1.0], b'1234', 'shape'),
    ('<f4', 1, b'1234', 'shape'),
    ('<f4', None, b'1234', 'shape'),
    ('<f4', [1] * 40, b'1234', 'shape'),
    ('|u1', [2**40, 2**40], b'', 'shape'),
]


@pytest.mark.parametrize(('dtype', 'shape', 'data', 'what'), HOSTILE)
def test_arrays_that_are_none_are_refused(
    dtype: object, shape: object, data: bytes, what: str
) -> None:
    with pytest.raises(WamError, match=f'server x: .*{what}'):
        json_arrays.loads(json_array(dtype, shape, base64.b64encode(data).decode()), 'server x')
    with pytest.raises(WamError, match=f'server x: .*{what}'):
        msgpack_arrays.unpackb(packed_array(dtype, shape, data), 'server x')


@pytest.mark.parametrize('data', [None, 7, 'not base64!', ['a']])
def test_data_must_be_bytes(data: object) -> None:
    with pytest.raises(WamError, match='base64'):
        json_arrays.loads(json_array('<f4', [1], data), 'reply')
    with pytest.raises(WamError, match='data are'):
        msgpack_arrays.unpackb(packed_array('<f4', [1], data), 'reply')


@pytest.mark.parametrize(
    'text',
    ['', '{', '[' * 100_000, 'nothing', '{"a": 1' + '0' * 5000 + '}', b'\xff\xfe{}', '"\\ud800'],
)
def test_json_that_is_none_is_refused(text: str | bytes) -> None:
    with pytest.raises(WamError, match='reply is no JSON'):
        json_arrays.loads(text, 'reply')


@pytest.mark.parametrize(
    'message',
    [b'', b'\xc1', b'\x91' * 100_000, b'\xdd\xff\xff\xff\xff', b'\x81\x80\x01', b'\x01\x02',
     b'\xa2\xff\xff'],
)  # fmt: skip
def test_messagepack_that_is_none_is_refused(message: bytes) -> None:
    with pytest.raises(WamError, match='reply is no MessagePack'):
        msgpack_arrays.unpackb(message, 'reply')


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for read in (json_arrays.loads, msgpack_arrays.unpackb):
        try:
            read(data, 'reply')
        except WamError:
            continue


@pytest.mark.parametrize(
    'value',
    [None, 'text', ['1', '2'], [[1], [2, 3]], {'a': 1}, [1, None], [1j], [10**400], [[[[]]]],
     np.array(['a']), [True]],
)  # fmt: skip
def test_what_is_no_array_of_numbers_is_refused(value: object) -> None:
    with pytest.raises(WamError, match='server: actions'):
        arrays.numbers(value, (2,), 'server: actions')


def test_numbers_are_finite_and_of_the_shape() -> None:
    rows = [np.zeros(3, np.float32), [1, 2, 3]]
    assert arrays.numbers(rows, (2, 3), 'a').dtype == np.float64
    with pytest.raises(WamError, match=r'shape \(2, 3\), expected \(3, 2\)'):
        arrays.numbers(rows, (3, 2), 'a')
    for bad in (np.nan, np.inf):
        with pytest.raises(WamError, match=r'not finite at \[1\]'):
            arrays.numbers([0.0, bad], (2,), 'a')


@pytest.mark.parametrize('value', [-0.1, 1.1, np.nan, [0.5, 0.5], 'x', None, {}])
def test_one_number_in_its_range(value: object) -> None:
    assert arrays.number(np.array([0.5]), 'v', 0.0, 1.0) == 0.5
    with pytest.raises(WamError, match='v'):
        arrays.number(value, 'v', 0.0, 1.0)


@pytest.mark.parametrize(
    'value',
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4097, 1, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.full((4, 4, 3), -1),
        np.full((4, 4, 3), 256),
    ],
)
def test_what_is_no_picture_is_refused(value: object) -> None:
    with pytest.raises(WamError, match='cam'):
        arrays.image(value, 'cam')


def test_pictures_may_be_lists_of_numbers() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    assert np.array_equal(arrays.image(picture.tolist(), 'cam'), picture)
