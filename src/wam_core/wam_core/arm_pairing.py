"""Two arms' joint states as one state of the rig."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wam_core.errors import WamError
from wam_core.frame_matching import FrameMatcher, MatchedSet
from wam_core.gripper import GripperCalibration
from wam_core.joints import SIDES, Vector
from wam_core.motors import join, join_velocity, pick

_GRIPPER: Final = -1  # place of the gripper among the seven motors of an arm
_DEPTH: Final = 10  # samples that wait for the other arm: as many as its queue holds


@dataclass(frozen=True)
class ArmSample:
    """One arm's motors: (7,) rad, rad/s and mA."""

    position: Vector
    velocity: Vector
    effort: Vector


@dataclass(frozen=True)
class RigState:
    """Both arms: position, velocity, effort (14,) as in ``wam_msgs/Proprioception``.

    stamp_ns: the older of arm_stamps_ns (left, right). gripper_angle: (2,) rad, left, right.
    """

    stamp_ns: int
    position: Vector
    velocity: Vector
    effort: Vector
    gripper_angle: Vector
    arm_stamps_ns: tuple[int, int]


class ArmPairing:
    """Pairs the samples of the arms by their stamps; each is used once, at the rate of the arms.

    What FrameMatcher promises of cameras holds for the arms: a burst of one arm's samples waits
    for the other's. A sample that can't be used is counted by arm and reason, and never raises.

    period_ns: between the samples of an arm. Samples of a pair are at most two thirds of it apart.
    """

    def __init__(self, gripper: GripperCalibration, period_ns: int) -> None:
        self._gripper = gripper
        self._matcher = FrameMatcher[ArmSample](SIDES, 2 * period_ns // 3, _DEPTH, period_ns)
        self._last_ns: dict[str, int] = {}
        self._refused: Counter[str] = Counter()
        self._last_refusal = ''

    @property
    def refused(self) -> Mapping[str, int]:
        """'left unusable', 'left not finite', 'left repeated', ... -> samples refused so far."""
        return dict(self._refused)

    @property
    def unpaired(self) -> Mapping[str, int]:
        """'left unpaired', 'right unpaired' -> good samples that found no partner so far."""
        counts = self._matcher.counts
        return {f'{side} unpaired': counts[side].dropped + counts[side].late for side in SIDES}

    @property
    def last_refusal(self) -> str:
        """Text of the newest refusal; empty before the first."""
        return self._last_refusal

    def add(
        self,
        side: str,
        stamp_ns: int,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        effort: Sequence[float],
    ) -> list[RigState]:
        """Takes one arm's joint state, in any joint order; the pairs that it completes.

        names and the three arrays are those of the JointState message: rad, rad/s, mA.
        """
        try:
            arrays = [pick(names, values) for values in (position, velocity, effort)]
        except WamError as error:
            self._refuse(side, 'unusable', str(error))
            return []
        if not all(np.isfinite(array).all() for array in arrays):
            self._refuse(side, 'not finite', f'NaN or infinity at {stamp_ns} ns')
            return []
        # A driver that stopped reading repeats its stamp; one that restarted may go back in time.
        if self._last_ns.get(side) == stamp_ns:
            self._refuse(side, 'repeated', f'stamp {stamp_ns} ns came twice')
            return []
        self._last_ns[side] = stamp_ns
        pairs = self._matcher.add(side, stamp_ns, ArmSample(*arrays))
        return [self._state(pair) for pair in pairs]

    @property
    def newest_ns(self) -> Mapping[str, int]:
        """Side -> stamp of its newest good sample; a side that never sent one is absent."""
        return dict(self._last_ns)

    def stale(self, now_ns: int, after_ns: int) -> tuple[str, ...]:
        """The sides whose newest sample is older than that, or that never sent one."""
        return tuple(
            side
            for side in SIDES
            if side not in self._last_ns or now_ns - self._last_ns[side] > after_ns
        )

    def _refuse(self, side: str, reason: str, text: str) -> None:
        self._refused[f'{side} {reason}'] += 1
        self._last_refusal = f'{side}: {text}'

    def _state(self, pair: MatchedSet[ArmSample]) -> RigState:
        left, right = pair.frames
        return RigState(
            stamp_ns=pair.reference_ns,
            position=join(left.position, right.position, self._gripper),
            velocity=join_velocity(left.velocity, right.velocity, self._gripper),
            effort=np.concatenate([left.effort, right.effort]),
            gripper_angle=np.array([left.position[_GRIPPER], right.position[_GRIPPER]]),
            arm_stamps_ns=(pair.stamps_ns[0], pair.stamps_ns[1]),
        )
