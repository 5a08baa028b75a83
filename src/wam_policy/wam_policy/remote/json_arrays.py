"""JSON with arrays as json-numpy writes them, read with checks of our own.

json-numpy's own reader takes any dtype that NumPy knows and raises whatever NumPy raises.
"""

import base64
import binascii
import json
from typing import Any, Final

import json_numpy  # type: ignore[import-untyped]

from wam_core.errors import WamError
from wam_policy.remote.arrays import decode

_ARRAY: Final = '__numpy__'


def dumps(value: object) -> str:
    """JSON text; arrays and NumPy's numbers as json-numpy 2 writes them."""
    return json.dumps(value, default=json_numpy.default)


def loads(text: str | bytes, where: str) -> Any:
    """What the text says, arrays decoded. Raises WamError naming ``where``."""

    def hook(fields: dict[str, Any]) -> Any:
        return _array(fields, where) if _ARRAY in fields else fields

    try:
        return json.loads(text, object_hook=hook)
    except WamError:
        raise
    except (ValueError, RecursionError) as error:
        raise WamError(f'{where} is no JSON that can be read: {error}') from error


def _array(fields: dict[str, Any], where: str) -> Any:
    try:
        data = base64.b64decode(fields[_ARRAY], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise WamError(f'{where}: an array is not in base64: {error}') from error
    return decode(fields.get('dtype'), fields.get('shape'), data, where)
