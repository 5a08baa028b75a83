"""Arrays from somebody else's message: numbers only, of the shape and range that is expected."""

import math
import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.policy import Image, Matrix

Array = NDArray[Any]

# Numbers of fixed size. Objects, which NumPy would unpickle, text, times and records are not.
_DTYPE: Final = re.compile(r'[<>=|]?(b1|[iu][1248]|f[248])')
_MAX_DIMENSIONS: Final = 8


def decode(dtype: object, shape: object, data: object, where: str) -> Array:
    """The array of a message's three fields; read-only, of the message's memory.

    where: server or client, and field. Raises WamError for a type that is not a number's, and for
    a shape that the data don't fill exactly.
    """
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype):
        raise WamError(
            f'{where}: dtype {_short(dtype)}, expected a number such as |u1, <f4 or <f8'
        )
    if not isinstance(data, bytes):
        raise WamError(f'{where}: data are {type(data).__name__}, expected bytes')
    kind = np.dtype(dtype)
    if (
        not isinstance(shape, list | tuple)
        or len(shape) > _MAX_DIMENSIONS
        or not all(type(size) is int and size >= 0 for size in shape)
        or math.prod(shape) * kind.itemsize != len(data)
    ):
        raise WamError(
            f'{where}: shape {_short(shape)} of {dtype} does not fit {len(data)} bytes of data'
        )
    return np.frombuffer(data, kind).reshape(tuple(shape))


def numbers(value: object, shape: tuple[int, ...], where: str) -> Matrix:
    """A float64 array of finite numbers; value: an array, or lists of numbers or arrays.

    Raises WamError naming ``where`` and both shapes.
    """
    array = _array(value, where)
    if array.shape != shape:
        raise WamError(f'{where} has shape {array.shape}, expected {shape}')
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise WamError(f'{where} is not finite at {bad[0].tolist()}, {len(bad)} such in all')
    return array.astype(np.float64)


def number(value: object, where: str, lower: float, upper: float) -> float:
    """A finite number in [lower, upper]; also from an array of one element. Raises WamError."""
    array = _array(value, where)
    if array.size != 1:
        raise WamError(f'{where} has shape {array.shape}, expected one number')
    result = float(array.reshape(()))
    if not lower <= result <= upper:
        raise WamError(f'{where} = {result}, allowed {lower:g} to {upper:g}')
    return result


def image(value: object, where: str, largest: int = 4096) -> Image:
    """(height, width, 3) uint8, from rows of pixels; whole numbers 0..255 in lists as well.

    largest: pixels of a side. Raises WamError.
    """
    array = _array(value, where)
    if array.ndim != 3 or array.shape[2] != 3 or not 0 < min(array.shape[:2]) <= largest:
        raise WamError(f'{where} has shape {array.shape}, expected (height, width, 3)')
    if max(array.shape) > largest:
        raise WamError(f'{where} has shape {array.shape}, allowed are sides of {largest} pixels')
    if array.dtype != np.uint8 and (
        array.dtype.kind not in 'iu' or array.min() < 0 or array.max() > 255
    ):
        raise WamError(f'{where} is {array.dtype}, expected whole numbers 0..255 (uint8)')
    return np.ascontiguousarray(array, dtype=np.uint8)


def _array(value: object, where: str) -> Array:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise WamError(f'{where} is no array of numbers: {error}') from error
    if array.dtype.kind not in 'iuf':
        raise WamError(f'{where} is {_short(value)}, expected numbers')
    return array


def _short(value: object) -> str:
    text = f'{value.dtype} array' if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 60 else f'{text[:60]}...'
