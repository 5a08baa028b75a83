"""Options of an export format: the fields of its dataclass, given as texts on a command line."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from wam_core.errors import WamError

DERIVED: Final = {'derived': True}
"""Metadata of a field that is no option."""


def names(kind: Any) -> dict[str, Any]:
    """Options of a format's class, or of one of its objects, with their defaults."""
    return {entry.name: entry.default for entry in fields(kind) if not entry.metadata}


def values(made: Any) -> dict[str, object]:
    """Options of a format as it was made."""
    return {name: getattr(made, name) for name in names(made)}


def parse(name: str, kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the types that their defaults have. Raises WamError naming a bad one."""
    allowed = names(kind)
    found = {}
    for key, value in given.items():
        if key not in allowed:
            raise WamError(f'{name}: unknown option {key!r}, expected one of {list(allowed)}')
        found[key] = _value(f'{name}: option {key}', value, type(allowed[key]))
    return found


def _value(what: str, value: Any, kind: type) -> Any:
    if not isinstance(value, str) or kind is str:
        return value
    if kind is bool:
        if value not in ('true', 'false'):
            raise WamError(f'{what} = {value!r}, expected true or false')
        return value == 'true'
    try:
        return kind(value)
    except ValueError as error:
        raise WamError(f'{what} = {value!r}, expected {kind.__name__}') from error
