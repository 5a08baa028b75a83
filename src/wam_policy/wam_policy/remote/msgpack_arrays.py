"""MessagePack with arrays in the form of openpi-client's ``msgpack_numpy``."""

from typing import Any, Final

import msgpack  # type: ignore[import-untyped]
import numpy as np

from wam_core.errors import WamError
from wam_policy.remote.arrays import decode

# Keys of openpi-client 0.1.2; bytes, so that no text key of a message can be one.
_ARRAY: Final = b'__ndarray__'
_SCALAR: Final = b'__npgeneric__'


def packb(value: object) -> bytes:
    """The message; arrays and NumPy's numbers in openpi-client's form."""
    packed: bytes = msgpack.packb(value, default=_pack)
    return packed


def unpackb(data: bytes, where: str) -> Any:
    """What the message says, arrays decoded. Raises WamError naming ``where``."""

    def hook(fields: dict[Any, Any]) -> Any:
        if _ARRAY in fields:
            shape = fields.get(b'shape')
            return decode(_text(fields.get(b'dtype')), shape, fields.get(b'data'), where)
        if _SCALAR in fields:
            return _scalar(fields.get(b'data'), where)
        return fields

    try:
        return msgpack.unpackb(data, object_hook=hook, strict_map_key=False)
    except WamError:
        raise
    # msgpack raises ValueError and classes below it; TypeError: a key that can't be hashed.
    except (ValueError, TypeError, RecursionError) as error:
        raise WamError(f'{where} is no MessagePack that can be read: {error}') from error


def _scalar(value: object, where: str) -> object:
    if not isinstance(value, bool | int | float):
        raise WamError(f'{where}: a NumPy number is {type(value).__name__}, expected a number')
    return value


def _text(value: object) -> object:
    return value.decode('ascii', 'replace') if isinstance(value, bytes) else value


def _pack(value: object) -> dict[bytes, object]:
    if isinstance(value, np.ndarray) and value.dtype.kind in 'biuf':
        return {
            _ARRAY: True,
            b'data': value.tobytes(),
            b'dtype': value.dtype.str,
            b'shape': value.shape,
        }
    if isinstance(value, np.generic) and value.dtype.kind in 'biuf':
        return {_SCALAR: True, b'data': value.item(), b'dtype': value.dtype.str}
    raise TypeError(f'{type(value).__name__} cannot be packed')
