"""Two arms' joint states as one state of the rig."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wam_core.errors import WamError
from wam_core.gripper import GripperCalibration
from wam_core.joints import SIDES, Vector
from wam_core.motors import join, join_velocity, pick

_GRIPPER: Final = -1  # place of the gripper among the seven motors of an arm
_FAR: Final = 0.75  # periods; above one half, so that jitter can't make it wait twice


@dataclass(frozen=True)
class ArmSample:
    """One arm's motors: (7,) rad, rad/s and mA, captured at stamp_ns."""

    stamp_ns: int
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
    """Pairs the newest sample of each arm; each sample is used once, at the rate of the arms.

    A sample that can't be used is counted by arm and reason, and never raises.
    """

    def __init__(self, gripper: GripperCalibration) -> None:
        self._gripper = gripper
        self._fresh: dict[str, ArmSample] = {}
        self._last_ns: dict[str, int] = {}
        self._refused: Counter[str] = Counter()
        self._last_refusal = ''

    @property
    def refused(self) -> Mapping[str, int]:
        """'left unusable', 'left not finite', 'left repeated', ... -> samples refused so far."""
        return dict(self._refused)

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
    ) -> RigState | None:
        """Takes one arm's joint state, in any joint order; the pair that it completes.

        names and the three arrays are those of the JointState message: rad, rad/s, mA.
        """
        try:
            arrays = [pick(names, values) for values in (position, velocity, effort)]
        except WamError as error:
            self._refuse(side, 'unusable', str(error))
            return None
        if not all(np.isfinite(array).all() for array in arrays):
            self._refuse(side, 'not finite', f'NaN or infinity at {stamp_ns} ns')
            return None
        # A driver that stopped reading repeats its stamp; one that restarted may go back in time.
        last_ns = self._last_ns.get(side)
        if last_ns == stamp_ns:
            self._refuse(side, 'repeated', f'stamp {stamp_ns} ns came twice')
            return None
        self._last_ns[side] = stamp_ns
        self._fresh[side] = ArmSample(stamp_ns, *arrays)
        if len(self._fresh) < len(SIDES):
            return None
        return self._pair(None if last_ns is None else stamp_ns - last_ns)

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

    def _pair(self, period_ns: int | None) -> RigState | None:
        left, right = (self._fresh[side] for side in SIDES)
        # Nearly a period apart: the next sample of the older one will be much closer, while to
        # take this pair would fix the distance for good.
        if period_ns is not None and abs(left.stamp_ns - right.stamp_ns) > _FAR * abs(period_ns):
            return None
        self._fresh.clear()
        return RigState(
            stamp_ns=min(left.stamp_ns, right.stamp_ns),
            position=join(left.position, right.position, self._gripper),
            velocity=join_velocity(left.velocity, right.velocity, self._gripper),
            effort=np.concatenate([left.effort, right.effort]),
            gripper_angle=np.array([left.position[_GRIPPER], right.position[_GRIPPER]]),
            arm_stamps_ns=(left.stamp_ns, right.stamp_ns),
        )
