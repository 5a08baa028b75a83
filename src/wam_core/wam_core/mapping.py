"""Checked reading of a mapping that came from a file: every error names the file and the key."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from wam_core.errors import WamError


class Section:
    """A mapping with its origin. Reads typed values; ``close`` refuses keys that nobody read."""

    def __init__(self, values: object, source: str) -> None:
        if not isinstance(values, Mapping):
            raise WamError(f'{source}: expected a mapping of keys, got {type(values).__name__}')
        self._values: Mapping[str, Any] = values
        self._read: set[str] = set()
        self._known: set[str] = set()
        self.source = source

    def _get(self, key: str, kind: str) -> Any:
        self._read.add(key)
        self._known.add(key)
        if key not in self._values:
            raise WamError(f'{self.source}: missing key {key!r} ({kind})')
        return self._values[key]

    def __contains__(self, key: str) -> bool:
        self._known.add(key)
        return key in self._values

    def names(self) -> list[str]:
        """The keys of the mapping, in the order of the file."""
        return [str(key) for key in self._values]

    def values(self) -> dict[str, object]:
        """The whole mapping, unchecked: for keys that belong to somebody else."""
        self._read.update(map(str, self._values))
        return dict(self._values)

    def text(self, key: str, allowed: Collection[str] | None = None) -> str:
        """A string; one of ``allowed`` where that is given."""
        value = self._get(key, 'text')
        if not isinstance(value, str):
            raise WamError(f'{self.source}: {key} = {value!r}, expected text')
        if allowed is not None and value not in allowed:
            raise WamError(f'{self.source}: {key} = {value!r}, expected one of {sorted(allowed)}')
        return value

    def flag(self, key: str) -> bool:
        """A boolean."""
        value = self._get(key, 'true or false')
        if not isinstance(value, bool):
            raise WamError(f'{self.source}: {key} = {value!r}, expected true or false')
        return value

    def number(self, key: str, lower: float = -math.inf, upper: float = math.inf) -> float:
        """A finite number in [lower, upper]."""
        return _number(self._get(key, 'number'), f'{self.source}: {key}', lower, upper)

    def integer(self, key: str, lower: int, upper: int) -> int:
        """A whole number in [lower, upper]; exact, for nanoseconds and seeds above 2**53."""
        value = self._get(key, 'whole number')
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise WamError(f'{self.source}: {key} = {value!r}, expected a whole number')
        if not lower <= value <= upper:
            raise WamError(f'{self.source}: {key} = {value!r}, allowed {lower} to {upper}')
        return value

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """Exactly ``count`` finite numbers."""
        value = self.sequence(key)
        if len(value) != count:
            raise WamError(f'{self.source}: {key} has {len(value)} numbers, expected {count}')
        return tuple(
            _number(item, f'{self.source}: {key}[{index}]', -math.inf, math.inf)
            for index, item in enumerate(value)
        )

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.sequence(key)
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise WamError(f'{self.source}: {key}[{index}] = {item!r}, expected text')
        return tuple(value)

    def sequence(self, key: str) -> Sequence[Any]:
        """A list of anything."""
        value = self._get(key, 'list')
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise WamError(f'{self.source}: {key} = {value!r}, expected a list')
        return value

    def section(self, key: str) -> 'Section':
        """A nested mapping."""
        return Section(self._get(key, 'mapping'), f'{self.source}: {key}')

    def close(self) -> None:
        """Refuses the keys that were not read: WamError with those that were asked for."""
        unknown = sorted(set(map(str, self._values)) - self._read)
        if unknown:
            raise WamError(
                f'{self.source}: unknown key {unknown[0]!r}, expected one of {sorted(self._known)}'
            )


def _number(value: object, where: str, lower: float, upper: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WamError(f'{where} = {value!r}, expected a finite number')
    if not lower <= value <= upper:
        raise WamError(f'{where} = {value!r}, allowed {lower:g} to {upper:g}')
    return float(value)
