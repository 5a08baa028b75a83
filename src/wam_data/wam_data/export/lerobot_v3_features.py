"""The columns of a LeRobotDataset v3.0: what is in them, and their types in parquet and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from wam_core.joints import DIM, JOINT_NAMES, SIDES
from wam_data.export.source import Source

STATE: Final = 'observation.state'
ACTION: Final = 'action'
VELOCITY: Final = 'observation.velocity'
EFFORT: Final = 'observation.effort'
GRIPPERS: Final = 'wam.gripper_angle'
STAMP: Final = 'wam.stamp_ns'
"""Ours begin with wam.: LeRobot takes every observation.* for an input of a policy."""
STATE_STAMP: Final = 'wam.state_stamp_ns'
INTERVENED: Final = 'wam.intervened'
_TYPES: Final = {'float32': pa.float32(), 'int64': pa.int64(), 'bool': pa.bool_()}


@dataclass(frozen=True)
class Feature:
    """A column of numbers. dtype: of NumPy. size: numbers in each row. names: of these."""

    dtype: str
    size: int = 1
    names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """As info.json has it."""
        names = list(self.names) if self.names else None
        return {'dtype': self.dtype, 'shape': [self.size], 'names': names}

    @property
    def type(self) -> Any:
        """Of the parquet column: a number, or a list of fixed length."""
        element = _TYPES[self.dtype]
        return element if self.size == 1 else pa.list_(element, self.size)

    def array(self, values: Any) -> Any:
        """(T,) or (T, size) numbers as a column."""
        flat = np.ascontiguousarray(values, np.dtype(self.dtype)).reshape(-1)
        column = pa.array(flat, _TYPES[self.dtype])
        return column if self.size == 1 else pa.FixedSizeListArray.from_arrays(column, self.size)


_INTEGER: Final = Feature('int64')
DEFAULTS: Final[dict[str, Feature]] = {
    'timestamp': Feature('float32'),
    'frame_index': _INTEGER,
    'episode_index': _INTEGER,
    'index': _INTEGER,
    'task_index': _INTEGER,
}
"""Columns that every LeRobotDataset has."""
_JOINTS: Final = Feature('float32', DIM, JOINT_NAMES)
MEASURED: Final[Mapping[str, tuple[str, Feature]]] = {
    'velocity': (VELOCITY, _JOINTS),
    'effort': (EFFORT, _JOINTS),
    'gripper_angle': (GRIPPERS, Feature('float32', len(SIDES), SIDES)),
}
"""What an imported episode may not know (Origin.unknown) -> its column."""


def camera_key(camera: str) -> str:
    """The feature of a camera's pictures."""
    return f'observation.images.{camera}'


def camera_stamp(camera: str) -> str:
    """The column of its capture stamps."""
    return f'wam.{camera}_stamp_ns'


def features(cameras: Sequence[str], unknown: frozenset[str]) -> dict[str, Feature]:
    """The columns in their order, pictures aside. unknown: keys of MEASURED to leave out."""
    found = {STATE: _JOINTS, ACTION: _JOINTS}
    found |= {key: feature for name, (key, feature) in MEASURED.items() if name not in unknown}
    found |= {STAMP: _INTEGER, STATE_STAMP: _INTEGER, INTERVENED: Feature('bool')}
    found |= {camera_stamp(camera): _INTEGER for camera in cameras}
    return found | DEFAULTS


def columns(
    source: Source, episode: int, first: int, task: int, unknown: frozenset[str]
) -> dict[str, Any]:
    """Column -> (T,) or (T, N) numbers. first: index of the first row in the data set."""
    count = source.grid.count
    frame = np.arange(count)
    measured = {
        'velocity': source.velocity,
        'effort': source.effort,
        'gripper_angle': source.gripper_angle,
    }
    found: dict[str, Any] = {STATE: source.state, ACTION: source.action}
    found |= {key: measured[name] for name, (key, _) in MEASURED.items() if name not in unknown}
    found |= {
        STAMP: source.stamps_ns,
        STATE_STAMP: source.state_stamps_ns,
        INTERVENED: source.intervened,
    }
    found |= {camera_stamp(name): source.frame_stamps_ns(name) for name in source.cameras}
    return found | {
        'timestamp': frame / source.settings.rate_hz,
        'frame_index': frame,
        'episode_index': np.full(count, episode),
        'index': first + frame,
        'task_index': np.full(count, task),
    }
