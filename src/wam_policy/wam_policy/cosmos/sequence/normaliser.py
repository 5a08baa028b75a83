"""Between rig units and the -1..1 of the network, by the statistics of the training data."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError

# Keys of the official dataset_statistics.json; only extremes scale, the rest describes.
MEASURES: Final = ('min', 'max', 'mean', 'std', 'median')
PREFIXES: Final = ('actions', 'proprio')
KEYS: Final = tuple(f'{prefix}_{measure}' for prefix in PREFIXES for measure in MEASURES)

_LARGEST: Final = sys.float_info.max
Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Statistics:
    """The checked numbers of a statistics file. values: by official key, in rig units.

    Formulas: cosmos-policy, ``rescale_proprio`` and ``unnormalize_actions``, without clipping.
    """

    values: Mapping[str, tuple[float, ...]]

    @property
    def action_dim(self) -> int:
        """Numbers per action."""
        return len(self.values['actions_min'])

    @property
    def state_dim(self) -> int:
        """Numbers of a state."""
        return len(self.values['proprio_min'])

    @property
    def hash(self) -> str:
        """SHA-256 of the numbers, whatever the file's spacing and order of keys."""
        content = {key: list(self.values[key]) for key in KEYS}
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def normalise_state(self, state: Numbers) -> NDArray[np.float64]:
        """(..., S) in rig units to -1..1 over the training data; float64.

        Raises WamError for another dimension.
        """
        lower, upper = self._range('proprio', state)
        return np.asarray(2 * ((state - lower) / (upper - lower)) - 1, dtype=np.float64)

    def unnormalise_state(self, state: Numbers) -> NDArray[np.float64]:
        """The inverse, for predicted states (..., S)."""
        lower, upper = self._range('proprio', state)
        return _unnormalise(state, lower, upper)

    def normalise_action(self, actions: Numbers) -> NDArray[np.float64]:
        """Action rows (..., A) in rig units to -1..1, as the network was trained with."""
        lower, upper = self._range('actions', actions)
        return np.asarray(2 * ((actions - lower) / (upper - lower)) - 1, dtype=np.float64)

    def unnormalise_action(self, actions: Numbers) -> NDArray[np.float64]:
        """Action rows (..., A) of the network to rig units; float64, unclipped."""
        lower, upper = self._range('actions', actions)
        return _unnormalise(actions, lower, upper)

    def text(self) -> str:
        """The file's content: the official JSON, which both sides read."""
        return json.dumps({key: list(self.values[key]) for key in KEYS}, indent=1) + '\n'

    def _range(
        self, prefix: str, given: Numbers
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        lower = np.array(self.values[f'{prefix}_min'])
        if given.ndim == 0 or given.shape[-1] != lower.size:
            raise WamError(
                f'{prefix} of shape {given.shape}, the statistics of the checkpoint have '
                f'{lower.size} numbers'
            )
        return lower, np.array(self.values[f'{prefix}_max'])


def _unnormalise(
    given: Numbers, lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.float64]:
    # A network's float32 stays so until the range comes in: as in the official code.
    return np.asarray(0.5 * (given + 1) * (upper - lower) + lower, dtype=np.float64)


def read_statistics(path: Path) -> Statistics:
    """Raises WamError naming the file and the key of what is missing, unknown or impossible."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise WamError(f'{path}: {error.strerror}') from error
    except (ValueError, RecursionError) as error:
        raise WamError(f'{path}: not JSON: {error}') from error
    return parse_statistics(content, str(path))


def parse_statistics(content: object, source: str) -> Statistics:
    """From the official JSON's content: ten flat lists. Raises WamError naming the source."""
    if not isinstance(content, Mapping):
        raise WamError(f'{source}: expected the keys {list(KEYS)}, got {type(content).__name__}')
    for key in content:
        if key not in KEYS:
            raise WamError(f'{source}: unknown key {key!r}, expected {list(KEYS)}')
    values = {key: _numbers(content, key, source) for key in KEYS}
    for prefix in PREFIXES:
        _check_part(values, prefix, source)
    return Statistics(values)


def unit_statistics(action_dim: int, state_dim: int) -> Statistics:
    """-1 to 1 everywhere: rig units are the network's. For random weights."""
    unit = {'min': -1.0, 'max': 1.0, 'mean': 0.0, 'std': 1.0, 'median': 0.0}
    sizes = {'actions': action_dim, 'proprio': state_dim}
    return Statistics(
        {f'{prefix}_{measure}': (unit[measure],) * sizes[prefix]
         for prefix in PREFIXES for measure in MEASURES}
    )  # fmt: skip


def _numbers(content: Mapping[Any, Any], key: str, source: str) -> tuple[float, ...]:
    given = content.get(key)
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise WamError(f'{source}: {key}: expected a list of numbers, got {given!r}')
    for index, item in enumerate(given):
        number = isinstance(item, int | float) and not isinstance(item, bool)
        if not number or not abs(item) <= _LARGEST:
            raise WamError(f'{source}: {key}[{index}] = {item!r}, expected a finite number')
    return tuple(float(item) for item in given)


def _check_part(values: Mapping[str, tuple[float, ...]], prefix: str, source: str) -> None:
    lower, upper = values[f'{prefix}_min'], values[f'{prefix}_max']
    for measure in MEASURES:
        size = len(values[f'{prefix}_{measure}'])
        if size != len(lower):
            raise WamError(
                f'{source}: {prefix}_{measure} has {size} numbers, {prefix}_min has {len(lower)}'
            )
    for index, (low, high) in enumerate(zip(lower, upper, strict=True)):
        if not low < high:
            raise WamError(
                f'{source}: {prefix}_max[{index}] = {high:.15g}, expected more than '
                f'{prefix}_min[{index}] = {low:.15g}: the scaling divides by the difference'
            )
