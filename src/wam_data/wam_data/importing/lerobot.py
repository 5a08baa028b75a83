"""LeRobotDataset v2.x and v3.x: numbers in parquet, cameras in videos or in the parquet itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from wam_core.errors import WamError
from wam_data.importing.foreign import (
    ForeignEpisode,
    MissingEpisodeError,
    Picture,
    decoded,
    exported_scale,
    outcome_of,
)
from wam_data.importing.lerobot_info import (
    Info,
    cells,
    feature,
    integers,
    numbers,
    read_info,
)
from wam_data.importing.recorded import Recorded, read_recorded
from wam_data.importing.vectors import Layout, read_vectors
from wam_data.importing.video import frames
from wam_data.manifest import Outcome

USUAL: Final = {
    'state': 'observation.state',
    'velocity': 'observation.velocity',
    'effort': 'observation.effort',
    'action': 'action',
}
SUCCESS: Final = 'next.success'
_BOOKKEEPING: Final = (
    *('timestamp', 'frame_index', 'episode_index', 'index', 'task_index'),
    *('next.done', 'next.success'),
)
_OURS: Final = {  # as export.lerobot_v3_features names them
    'stamps': 'wam.stamp_ns',
    'state_stamps': 'wam.state_stamp_ns',
    'gripper_angle': 'wam.gripper_angle',
    'intervened': 'wam.intervened',
}
_PREFIXES: Final = ('observation.images.', 'observation.')


@dataclass(frozen=True)
class Place:
    """Where an episode is. table: its rows. videos: feature -> file, seconds into it. outcome: if
    the metadata say it.
    """

    table: Any
    videos: dict[str, tuple[Path, float]]
    outcome: Outcome | None = None


class LeRobot(ABC):
    """A data set's folder. Its versions differ in how they are cut into files."""

    format: str

    def __init__(self, folder: Path, layout: Layout) -> None:
        """Raises WamError for metadata that can't be read."""
        self.folder = folder
        self.info: Info = read_info(folder)
        self._layout = layout
        self._tasks: dict[int, str] | None = None

    @abstractmethod
    def names(self) -> list[str]:
        """Numbers of all episodes that the metadata name."""

    @abstractmethod
    def place(self, number: int, videos: list[str]) -> Place:
        """Finds an episode. videos: features to find. Raises MissingEpisodeError, WamError."""

    @abstractmethod
    def tasks(self) -> dict[int, str]:
        """Its tasks' texts by their numbers. Raises WamError."""

    @contextmanager
    def open(self, name: str) -> Iterator[ForeignEpisode]:
        """Reads the numbers of one episode."""
        source = f'{self.folder}: episode {name}'
        cameras = self._cameras(source)
        columns = self.info.columns
        videos = [key for key in cameras.values() if columns[key].dtype == 'video']
        place = self.place(int(name), videos)
        table = _in_order(place.table, source)
        vectors = read_vectors(
            self._layout, USUAL, lambda key: feature(table, key, columns.get(key), source), source
        )
        length = len(vectors.state)
        used = {*cameras.values(), *_BOOKKEEPING, *USUAL.values(), *_OURS.values()}
        used |= set(_stamp_columns(cameras).values())
        used |= {part.feature for part in self._layout.parts.values()}
        yield ForeignEpisode(
            name=name,
            task=self._task(table, source),
            rate_hz=self.info.rate_hz,
            state=vectors.state,
            action=vectors.action,
            velocity=vectors.velocity,
            effort=vectors.effort,
            cameras={
                camera: partial(self._pictures, key, place, table, length)
                for camera, key in cameras.items()
            },
            outcome=place.outcome or _outcome(table, source),
            unknown=vectors.filled,
            left_out=tuple(key for key in columns if key not in used),
            grippers=(self._gripper_state(), 'angle'),
            recorded=_recorded(table, cameras, source),
        )

    def _cameras(self, source: str) -> dict[str, str]:
        """Our name -> feature, of those with colours."""
        found = {
            key: column
            for key, column in self.info.columns.items()
            if column.is_picture and not column.depth
        }
        for key in self._layout.cameras.values():
            if key not in found:
                raise WamError(f'{source}: has no camera {key!r}, its cameras are {list(found)}')
        return self._layout.cameras or {_camera_name(key): key for key in found}

    def _task(self, table: Any, source: str) -> str:
        """That of the first frame."""
        if 'task_index' not in table.column_names:
            return ''
        if self._tasks is None:
            self._tasks = self.tasks()
        number = integers(table, 'task_index', source)[0]
        if number not in self._tasks:
            raise WamError(f'{source}: task {number}, the data set has {sorted(self._tasks)}')
        return self._tasks[number]

    def _gripper_state(self) -> str:
        """Data sets of ALOHA robots were made of its HDF5 files, which measure fingers."""
        usual = '' if 'aloha' in self.info.robot.lower() else 'angle'
        return exported_scale(self.folder) or usual

    def _pictures(self, key: str, place: Place, table: Any, length: int) -> Iterator[Picture]:
        if key in place.videos:
            path, start_s = place.videos[key]
            yield from frames(path, start_s, length, self.info.rate_hz)
            return
        if key not in table.column_names:
            raise WamError(f'{self.folder}: has no column {key!r}, a camera of its metadata')
        for number in range(length):
            source = f'{self.folder}: {key}[{number}]'
            (cell,) = cells(table.column(key).slice(number, 1), source)
            yield _decode(cell, source)


def _in_order(table: Any, source: str) -> Any:
    """The rows by frame. Raises WamError for none, or for a frame that is missing or double."""
    found = integers(table, 'frame_index', source)
    if not found:
        raise MissingEpisodeError(f'{source}: the data file has no row of it')
    if sorted(found) != list(range(len(found))):
        raise WamError(f'{source}: frames {min(found)} to {max(found)}, but {len(found)} rows')
    return table.sort_by('frame_index')


def _stamp_columns(cameras: dict[str, str]) -> dict[str, str]:
    return {camera: f'wam.{_camera_name(key)}_stamp_ns' for camera, key in cameras.items()}


def _recorded(table: Any, cameras: dict[str, str], source: str) -> Recorded | None:
    def find(name: str) -> Any:
        return cells(table.column(name), source) if name in table.column_names else None

    return read_recorded(find, _OURS, _stamp_columns(cameras), source)


def _outcome(table: Any, source: str) -> Outcome | None:
    if SUCCESS not in table.column_names:
        return None
    done = bool(np.any(numbers(table, SUCCESS, source) > 0))
    return outcome_of('success', 100.0) if done else outcome_of('failure', 0.0)


def _camera_name(key: str) -> str:
    for prefix in _PREFIXES:
        if key.startswith(prefix):
            return key.removeprefix(prefix)
    return key


def _decode(cell: Any, source: str) -> Picture:
    data = cell.get('bytes') if isinstance(cell, dict) else None
    if not isinstance(data, bytes):
        raise WamError(f'{source}: holds no picture, but {type(data).__name__}')
    if data.startswith(b'\xff\xd8'):
        return data
    try:
        return decoded(data)
    except WamError as error:
        raise WamError(f'{source}: {error}') from error
