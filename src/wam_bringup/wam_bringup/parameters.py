"""A node's parameters as one frozen dataclass, checked before anything else happens.

    @dataclass(frozen=True)
    class Parameters:
        rate_hz: float = parameter(25.0, 'control rate', unit='Hz', lower=1.0, upper=200.0)

    parameters = declare(node, Parameters)

Fields are bool, int, float, str, or tuples of these (``tuple[str, ...]``). A parameter can't be
changed while the node runs unless it is ``dynamic``.
"""

import math
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)

from wam_bringup.config import read_yaml
from wam_core.errors import WamError

Parameters = TypeVar('Parameters')
Scalar = bool | int | float | str

# rclpy declares these by itself, some of them only after our own.
_OF_ROS: Final = ('use_sim_time', 'start_type_description_service', 'qos_overrides')
_WORDS: Final = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}
_INT64: Final = 2**63 - 1


@dataclass(frozen=True)
class _Rule:
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
    """A dataclass field that ``declare`` turns into a ROS parameter.

    lower, upper: inclusive; of a tuple: of each item. allowed: the only values, if any are given.
    dynamic: may be set while the node runs; ``declare`` then reports it to ``on_change``.
    """
    rule = _Rule(description, unit, lower, upper, tuple(allowed), dynamic)
    return field(default=default, metadata={'rule': rule})


def declare(
    node: Any,
    kind: type[Parameters],
    on_change: Callable[[Parameters], None] | None = None,
    arguments: Sequence[str] | None = None,
) -> Parameters:
    """Declares every field of ``kind`` on an rclpy node and returns their values.

    on_change: called with all values after a dynamic one was set.
    arguments: of the process, where the parameter files are named; by default ``sys.argv``.

    Raises WamError for an unknown, mistyped or out-of-range parameter, naming the key, the value,
    what is allowed, and the file.
    """
    name = node.get_fully_qualified_name()
    files = _files(sys.argv if arguments is None else arguments)
    rules = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    # rclpy has no public way to see overrides that no one declared: those are the misspelt ones.
    overrides = {key: override.value for key, override in node._parameter_overrides.items()}
    for key, value in overrides.items():
        if key not in rules and key.split('.')[0] not in _OF_ROS:
            raise WamError(
                f'{name}: unknown parameter {key!r} = {value!r} ({_origin(files, name, key)}), '
                f'expected one of {sorted(rules)}'
            )
    values = {}
    for key, entry in rules.items():
        origin = _origin(files, name, key) if key in overrides else 'default'
        given = overrides.get(key, entry.default)
        values[key] = _checked(f'{name}: parameter {key!r}', origin, given, hints[key], entry)
        value, descriptor = values[key], _descriptor(values[key], entry)
        value = list(value) if isinstance(value, tuple) else value
        node.declare_parameter(key, value, descriptor, ignore_override=True)
    parameters = kind(**values)
    if any(_rule(entry).dynamic for entry in rules.values()):
        node.add_on_set_parameters_callback(_Setter(name, parameters, hints, on_change))
    return parameters


class _Setter:
    """rclpy's callback for parameters that are set while the node runs."""

    def __init__(
        self,
        name: str,
        parameters: Any,
        hints: Mapping[str, Any],
        on_change: Callable[[Any], None] | None,
    ) -> None:
        self._name = name
        self._parameters = parameters
        self._hints = hints
        self._entries = {entry.name: entry for entry in fields(parameters)}
        self._on_change = on_change

    def __call__(self, changes: Iterable[Any]) -> SetParametersResult:
        mine = [change for change in changes if change.name in self._entries]
        if not mine:
            return SetParametersResult(successful=True)
        values = {}
        try:
            for change in mine:
                where = f'{self._name}: parameter {change.name!r}'
                hint, entry = self._hints[change.name], self._entries[change.name]
                values[change.name] = _checked(where, 'set', change.value, hint, entry)
        except WamError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._parameters = replace(self._parameters, **values)
        if self._on_change is not None:
            self._on_change(self._parameters)
        return SetParametersResult(successful=True)


def _rule(entry: 'Field[Any]') -> _Rule:
    rule = entry.metadata.get('rule')
    if rule is None or entry.default is MISSING:
        raise TypeError(f'field {entry.name!r} is not made by parameter(...)')
    assert isinstance(rule, _Rule)
    return rule


def _checked(where: str, origin: str, value: object, hint: Any, entry: 'Field[Any]') -> Any:
    """The value with its declared type. Raises WamError."""
    rule = _rule(entry)
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise WamError(f'{where} = {value!r} ({origin}), expected a list')
        return tuple(_item(where, origin, item, kind, rule) for item in value)
    return _item(where, origin, value, hint, rule)


def _item(where: str, origin: str, value: object, kind: type[Scalar], rule: _Rule) -> Scalar:
    # YAML reads `30` as a whole number, and people write that for a rate.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise WamError(
            f'{where} = {value!r} ({origin}), expected {_WORDS[kind]}, allowed {rule.text()}'
        )
    assert isinstance(value, bool | int | float | str)
    if not rule.holds(value):
        raise WamError(f'{where} = {value!r} ({origin}), allowed {rule.text()}')
    return value


def _descriptor(value: object, entry: 'Field[Any]') -> ParameterDescriptor:
    rule = _rule(entry)
    unit = f' [{rule.unit}]' if rule.unit else ''
    descriptor = ParameterDescriptor(
        description=f'{rule.description}{unit}',
        additional_constraints=f'allowed: {rule.text()}',
        read_only=not rule.dynamic,
        # An empty list has no item to tell its type by; ``_Setter`` checks the items.
        dynamic_typing=value == (),
    )
    if rule.lower is None and rule.upper is None:
        return descriptor
    if isinstance(value, float):
        lower = -math.inf if rule.lower is None else float(rule.lower)
        upper = math.inf if rule.upper is None else float(rule.upper)
        descriptor.floating_point_range = [FloatingPointRange(from_value=lower, to_value=upper)]
    elif isinstance(value, int):
        lowest = -_INT64 if rule.lower is None else int(rule.lower)
        highest = _INT64 if rule.upper is None else int(rule.upper)
        descriptor.integer_range = [IntegerRange(from_value=lowest, to_value=highest)]
    return descriptor


def _files(arguments: Sequence[str]) -> list[str]:
    """The parameter files of a command line, in the order in which they override."""
    return [value for flag, value in pairwise(arguments) if flag == '--params-file']


def _origin(files: Sequence[str], node: str, key: str) -> str:
    """The last file that sets the key for a node of that name."""
    for path in reversed(files):
        if any(
            section.rsplit('/', 1)[-1] in (node.rsplit('/', 1)[-1], '*', '**') and key in keys
            for section, keys in _contents(path)
        ):
            return path
    return 'not from a file: -p on the command line, or code'


@cache  # one file sets many keys of many nodes
def _contents(path: str) -> tuple[tuple[str, set[str]], ...]:
    return tuple(_sections(read_yaml(Path(path))))


def _sections(contents: object, name: str = '') -> Iterable[tuple[str, set[str]]]:
    """(node name, keys) of each node in a parameter file; namespaces may be nested."""
    if not isinstance(contents, Mapping):
        return
    for part, inner in contents.items():
        if part == 'ros__parameters':
            yield name, set(_flat(inner))
        else:
            yield from _sections(inner, f'{name}/{part}'.replace('//', '/'))


def _flat(values: object, prefix: str = '') -> Iterable[str]:
    if not isinstance(values, Mapping):
        return
    for key, value in values.items():
        yield f'{prefix}{key}'
        yield from _flat(value, f'{prefix}{key}.')
