"""Joins what a policy sees at one moment: frames, the arms' state and a simulator's objects."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.joints import DIM, Vector
from wam_core.policy import Image, Observation

Value = TypeVar('Value')

OBJECT_DIM: Final = 7  # position m and quaternion w x y z
# Older than the newest by this much is a clock that was set back, not a late message.
CLOCK_RESET_NS: Final = 1_000_000_000


class _State(NamedTuple):
    position: Vector
    velocity: Vector
    effort: Vector


class _History(Generic[Value]):
    """The newest ``depth`` values with increasing stamps."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.stamps: list[int] = []
        self.values: list[Value] = []

    def append(self, stamp_ns: int, value: Value) -> bool:
        if self.stamps and stamp_ns <= self.stamps[-1]:
            return False
        self.stamps.append(stamp_ns)
        self.values.append(value)
        if len(self.stamps) > self._depth:
            del self.stamps[0], self.values[0]
        return True

    def nearest(self, stamp_ns: int) -> int | None:
        """Index of the value whose stamp is nearest; the older one of two; None without any."""
        if not self.stamps:
            return None
        after = bisect_left(self.stamps, stamp_ns)
        near = [index for index in (after - 1, after) if 0 <= index < len(self.stamps)]
        return min(near, key=lambda index: abs(self.stamps[index] - stamp_ns))

    def clear(self) -> None:
        self.stamps.clear()
        self.values.clear()


class ObservationBuffer:
    """Keeps the newest of each stream and pairs them by stamp.

    cameras: in the policy's order; empty: a policy that sees the arms alone. depth: values kept
    per stream, from 2 on; it has to span the time by which one stream runs ahead of another.
    slop_ns: how far the state and the objects may be from the frames. privileged: whether
    objects are needed.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        depth: int = 64,
        slop_ns: int = 20_000_000,
        *,
        privileged: bool = False,
    ) -> None:
        if depth < 2 or slop_ns < 0:
            raise WamError(
                f'observation: depth = {depth}, slop = {slop_ns} ns, '
                'expected a depth from 2 on and a slop of at least 0'
            )
        self._cameras = tuple(cameras)
        self._slop_ns = slop_ns
        self._privileged = privileged
        # Images are large, and nobody asks for any but the newest few.
        self._frames = _History[Image](min(depth, 4))
        self._states = _History[_State](depth)
        self._objects = _History[Mapping[str, Vector]](depth)

    def add_frames(self, stamp_ns: int, images: Image) -> bool:
        """Takes a set of frames, (N, height, width, 3) uint8, not copied. False: not usable."""
        usable = (
            images.ndim == 4
            and images.dtype == np.uint8
            and len(images) == len(self._cameras)
            and images.shape[3] == 3
        )
        return usable and self._append(self._frames, stamp_ns, images)

    def add_state(self, stamp_ns: int, position: Vector, velocity: Vector, effort: Vector) -> bool:
        """Takes the arms' state, each (14,). False: not usable."""
        parts = [_finite(part, DIM) for part in (position, velocity, effort)]
        if any(part is None for part in parts):
            return False
        state = _State(*(part for part in parts if part is not None))
        return self._append(self._states, stamp_ns, state)

    def add_objects(self, stamp_ns: int, objects: Mapping[str, Vector]) -> bool:
        """Takes the poses of a simulator's objects, name -> (7,). False: not usable."""
        poses = {name: _finite(pose, OBJECT_DIM) for name, pose in objects.items()}
        usable = {name: pose for name, pose in poses.items() if pose is not None}
        return len(usable) == len(poses) and self._append(self._objects, stamp_ns, usable)

    def newest(self, not_before_ns: int = 0) -> Observation | str:
        """The newest moment, not older than ``not_before_ns``, at which all is known.

        Its stamp is that of the frames, or of the state for a policy without cameras. Otherwise
        the reason why there is none, for a person.
        """
        anchor: _History[Image] | _History[_State] = (
            self._frames if self._cameras else self._states
        )
        what = 'frames' if self._cameras else 'proprioception'
        if not anchor.stamps:
            return f'no {what} yet'
        if anchor.stamps[-1] < not_before_ns:
            early_s = (not_before_ns - anchor.stamps[-1]) / 1e9
            return f'the newest {what} are {early_s:.3f} s too old for the request'
        reason = ''
        for stamp_ns in reversed(anchor.stamps):
            if stamp_ns < not_before_ns:
                break
            found = self._at(stamp_ns)
            if isinstance(found, Observation):
                return found
            reason = reason or found
        return reason

    def clear(self) -> None:
        """Forgets everything."""
        for history in (self._frames, self._states, self._objects):
            history.clear()

    def _at(self, stamp_ns: int) -> Observation | str:
        state = self._near(self._states, stamp_ns, 'proprioception')
        if isinstance(state, str):
            return state
        objects: Mapping[str, Vector] = {}
        if self._privileged:
            found = self._near(self._objects, stamp_ns, 'task state')
            if isinstance(found, str):
                return found
            objects = found
        images = (
            self._frames.values[self._frames.stamps.index(stamp_ns)]
            if self._cameras
            else np.zeros((0, 0, 0, 3), dtype=np.uint8)
        )
        return Observation(stamp_ns, images, *state, objects)

    def _near(self, history: _History[Value], stamp_ns: int, what: str) -> Value | str:
        index = history.nearest(stamp_ns)
        if index is None:
            return f'no {what} yet'
        distance_ns = abs(history.stamps[index] - stamp_ns)
        if distance_ns > self._slop_ns:
            return (
                f'the nearest {what} is {distance_ns / 1e6:.1f} ms from the newest frames, '
                f'allowed {self._slop_ns / 1e6:g} ms'
            )
        return history.values[index]

    def _append(self, history: _History[Value], stamp_ns: int, value: Value) -> bool:
        if history.stamps and stamp_ns < history.stamps[-1] - CLOCK_RESET_NS:
            self.clear()
        return history.append(stamp_ns, value)


def _finite(values: Vector, size: int) -> NDArray[np.float64] | None:
    vector = np.array(values, dtype=np.float64)
    return vector if vector.shape == (size,) and np.all(np.isfinite(vector)) else None
