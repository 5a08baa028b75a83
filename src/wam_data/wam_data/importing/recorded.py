"""When each row of a foreign episode was measured: as our own exports say it, or made up."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.joints import SIDES
from wam_core.policy import Matrix
from wam_data.manifest import Intervention

Stamps = NDArray[np.int64]
START_NS: Final = 1_000_000_000
"""A made-up stamp of the first row: so near to 0 that nobody takes it for a time of day."""
_PERSON: Final = 'teleop'


@dataclass(frozen=True)
class Recorded:
    """Of T rows. stamps_ns: (T,) their times and those of the actions; state_stamps_ns,
    frame_stamps_ns: of what was newest then, so that one may be in several rows. ROS clock.

    gripper_angle: (T, 2) rad, NaN where it isn't known. intervened: (T,) a person had taken over.
    made_up: the stamps are.
    """

    stamps_ns: Stamps
    state_stamps_ns: Stamps
    frame_stamps_ns: Mapping[str, Stamps]
    gripper_angle: Matrix
    intervened: NDArray[np.bool_]
    made_up: bool = False

    @property
    def start_ns(self) -> int:
        """Of the oldest sample."""
        every = [self.stamps_ns, self.state_stamps_ns, *self.frame_stamps_ns.values()]
        return min(int(stamps[0]) for stamps in every)

    def interventions(self, period_ns: int) -> tuple[Intervention, ...]:
        """The intervals of ``intervened``; each row stands for one period."""
        edges = np.diff(np.concatenate([[0], self.intervened.astype(np.int8), [0]]))
        begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
        return tuple(
            Intervention(
                int(self.stamps_ns[first]), int(self.stamps_ns[last]) + period_ns, _PERSON
            )
            for first, last in zip(begins, ends, strict=True)
        )


def made_up(length: int, period_ns: int, cameras: Iterable[str]) -> Recorded:
    """Rows one period apart, and all that is in a row of the same time."""
    stamps: Stamps = START_NS + np.arange(length, dtype=np.int64) * period_ns
    return Recorded(
        stamps,
        stamps,
        dict.fromkeys(cameras, stamps),
        np.full((length, len(SIDES)), math.nan),
        np.zeros(length, np.bool_),
        made_up=True,
    )


def read_recorded(
    find: Callable[[str], Any], columns: Mapping[str, str], cameras: Mapping[str, str], source: str
) -> Recorded | None:
    """Of columns that only our own exports have; None where one of them is missing.

    find: a column's values by its name, None without it. columns: names of stamps,
    state_stamps, gripper_angle (which may be missing) and intervened; cameras: of each one's
    stamps. Raises WamError for stamps that can't be.
    """
    found = {key: find(columns[key]) for key in ('stamps', 'state_stamps', 'intervened')}
    frames = {camera: find(name) for camera, name in cameras.items()}
    if any(values is None for values in (*found.values(), *frames.values())):
        return None
    angle = find(columns['gripper_angle'])
    if angle is None:
        angle = np.full((len(found['stamps']), len(SIDES)), math.nan)
    return Recorded(
        _stamps(found['stamps'], f'{source}: {columns["stamps"]}', least_step=1),
        _stamps(found['state_stamps'], f'{source}: {columns["state_stamps"]}'),
        {
            camera: _stamps(values, f'{source}: {cameras[camera]}')
            for camera, values in frames.items()
        },
        np.asarray(angle, np.float64),
        np.asarray(found['intervened'], np.bool_).reshape(-1),
    )


def _stamps(values: Any, source: str, least_step: int = 0) -> Stamps:
    try:
        stamps = np.asarray(values, np.int64).reshape(-1)
    except (OverflowError, ValueError, TypeError) as error:
        raise WamError(f'{source}: is no stamp in ns: {error}') from error
    if not stamps.size or stamps[0] <= 0 or np.any(np.diff(stamps) < least_step):
        raise WamError(f'{source}: stamps must be above 0 and not decrease')
    return stamps
