"""Configuration as frozen dataclasses: what each value may be, kept beside its default.

    @dataclass(frozen=True)
    class Options:
        steps: int = parameter(10, 'denoising steps', lower=1, upper=100)

    options = read(Options, section)

Fields are bool, int, float, str, or tuples of these (``tuple[str, ...]``).
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from wam_core.errors import WamError
from wam_core.mapping import Section

Options = TypeVar('Options')
Scalar = bool | int | float | str

_WORDS: Final = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}


@dataclass(frozen=True)
class Rule:
    """What a parameter's values may be; kept in its dataclass field."""

    description: str
    unit: str
    lower: float | None
    upper: float | None
    allowed: tuple[Scalar, ...]
    dynamic: bool

    def text(self) -> str:
        """The allowed values, for people."""
        unit = f' {self.unit}' if self.unit else ''
        if self.allowed:
            return f'one of {list(self.allowed)}{unit}'
        if self.lower is not None and self.upper is not None:
            return f'{self.lower:.15g} to {self.upper:.15g}{unit}'
        if self.lower is not None:
            return f'at least {self.lower:.15g}{unit}'
        if self.upper is not None:
            return f'at most {self.upper:.15g}{unit}'
        return f'any{unit}'

    def holds(self, value: Scalar) -> bool:
        """Whether the value is in the range and among the allowed ones."""
        if self.allowed and value not in self.allowed:
            return False
        if isinstance(value, bool | str):
            return True
        return (self.lower is None or value >= self.lower) and (
            self.upper is None or value <= self.upper
        )


def parameter(
    default: Scalar | tuple[Scalar, ...],
    description: str,
    *,
    unit: str = '',
    lower: float | None = None,
    upper: float | None = None,
    allowed: Collection[Scalar] = (),
    dynamic: bool = False,
) -> Any:
    """A dataclass field: an option of a file, or a ROS parameter (``wam_bringup.parameters``).

    lower, upper: inclusive; of a tuple: of each item. allowed: the only values, if any are given.
    dynamic: a ROS parameter that may be set while the node runs.
    """
    rule = Rule(description, unit, lower, upper, tuple(allowed), dynamic)
    return field(default=default, metadata={'rule': rule})


def read(kind: type[Options], section: Section) -> Options:
    """The dataclass with the section's values; what the section leaves out has its default.

    Raises WamError naming the file and the key for what is unknown, mistyped or out of range.
    """
    hints = get_type_hints(kind)
    given = section.values()
    entries = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(entries))
    if unknown:
        raise WamError(
            f'{section.source}: unknown key {unknown[0]!r}, expected one of {sorted(entries)}'
        )
    values = {
        key: checked(f'{section.source}: {key}', value, hints[key], entries[key])
        for key, value in given.items()
    }
    return kind(**values)


def rule_of(entry: 'Field[Any]') -> Rule:
    """What ``parameter`` noted in a field. Raises TypeError for another field."""
    rule = entry.metadata.get('rule')
    if rule is None or entry.default is MISSING:
        raise TypeError(f'field {entry.name!r} is not made by parameter(...)')
    assert isinstance(rule, Rule)
    return rule


def checked(where: str, value: object, hint: Any, entry: 'Field[Any]', origin: str = '') -> Any:
    """The value with its declared type. Raises WamError.

    where: what is checked. origin: where it comes from; empty: ``where`` says so.
    """
    rule = rule_of(entry)
    origin = f' ({origin})' if origin else ''
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise WamError(f'{where} = {value!r}{origin}, expected a list')
        return tuple(_item(where, origin, item, kind, rule) for item in value)
    return _item(where, origin, value, hint, rule)


def _item(where: str, origin: str, value: object, kind: type[Scalar], rule: Rule) -> Scalar:
    # YAML reads `30` as a whole number, and people write that for a rate.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise WamError(
            f'{where} = {value!r}{origin}, expected {_WORDS[kind]}, allowed {rule.text()}'
        )
    assert isinstance(value, bool | int | float | str)
    if not rule.holds(value):
        raise WamError(f'{where} = {value!r}{origin}, allowed {rule.text()}')
    return value
