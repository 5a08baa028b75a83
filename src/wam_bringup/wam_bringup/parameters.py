"""A node's parameters as one frozen dataclass, checked before anything else happens.

    @dataclass(frozen=True)
    class Parameters:
        rate_hz: float = parameter(25.0, 'control rate', unit='Hz', lower=1.0, upper=200.0)

    parameters = declare(node, Parameters)

Fields are made by ``wam_core.options.parameter``. A parameter can't be changed while the node runs
unless it is ``dynamic``.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, fields, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)

from wam_bringup.config import read_yaml
from wam_core.errors import WamError
from wam_core.options import checked, rule_of

Parameters = TypeVar('Parameters')

# rclpy declares these by itself, some of them only after our own.
_OF_ROS: Final = ('use_sim_time', 'start_type_description_service', 'qos_overrides')
_INT64: Final = 2**63 - 1


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
        values[key] = checked(f'{name}: parameter {key!r}', given, hints[key], entry, origin)
        value, descriptor = values[key], _descriptor(values[key], entry)
        value = list(value) if isinstance(value, tuple) else value
        node.declare_parameter(key, value, descriptor, ignore_override=True)
    parameters = kind(**values)
    if any(rule_of(entry).dynamic for entry in rules.values()):
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
                values[change.name] = checked(where, change.value, hint, entry, 'set')
        except WamError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._parameters = replace(self._parameters, **values)
        if self._on_change is not None:
            self._on_change(self._parameters)
        return SetParametersResult(successful=True)


def _descriptor(value: object, entry: 'Field[Any]') -> ParameterDescriptor:
    rule = rule_of(entry)
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
