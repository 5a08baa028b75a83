"""When the arms follow the leaders: from where both are the same, so that no beginning is a jump.

Joints go one to one, in rad; grippers by the calibrations of the rig's profile. A leader that is
beyond a follower's range is passed on as it is: the executor's limiter holds that joint on its
limit, alone, and takes it along again when the leader comes back.
"""

import numpy as np

from wam_core.joints import ARMS, JOINT_NAMES, Vector


class LeaderEngagement:
    """Turns states of the leaders into targets for the executor.

    lower, upper: (14,) of the followers. period_ns: between two targets. near_rad: distance of
    every arm joint from its follower below which the arms may follow. gap_ns: without a state of
    the leaders or the followers, after which the arms have to be near again.
    """

    def __init__(
        self, lower: Vector, upper: Vector, period_ns: int, near_rad: float, gap_ns: int
    ) -> None:
        self._lower = lower
        self._upper = upper
        self._period_ns = period_ns
        self._near_rad = near_rad
        self._gap_ns = gap_ns
        self._followers: tuple[Vector, int] | None = None
        self._leaders_ns: int | None = None
        self._sent_ns: int | None = None
        self._wanted = False
        self.engaged = False
        self.fault = ''  # why nothing is sent although it is wanted; empty: it is sent
        self.beyond: tuple[str, ...] = ()  # joints that are outside of the followers' range

    def want(self, wanted: bool) -> None:
        """Whether the executor follows the leaders now."""
        if wanted != self._wanted:
            self.engaged, self.fault, self._sent_ns = False, '', None
        self._wanted = wanted

    def followers(self, position: Vector, stamp_ns: int) -> None:
        """Takes where the followers are, (14,); NaN or infinity: nobody knows."""
        self._followers = (position.copy(), stamp_ns) if np.isfinite(position).all() else None

    def leaders(self, position: Vector, stamp_ns: int) -> Vector | None:
        """The target, (14,), for a state of the leaders; None: there is none for this one."""
        last, self._leaders_ns = self._leaders_ns, stamp_ns
        if last is not None and not 0 < stamp_ns - last <= self._gap_ns:
            self.engaged, self._sent_ns = False, None
        self.beyond = self._outside(position)
        if not self._wanted:
            return None
        self.fault = '' if self.engaged else self._misfit(position, stamp_ns)
        if self.fault:
            return None
        self.engaged = True
        # A share of a period early is in time: stamps have a jitter, and one would cost a period.
        if self._sent_ns is not None and stamp_ns - self._sent_ns < 0.75 * self._period_ns:
            return None
        self._sent_ns = stamp_ns
        return position

    def _outside(self, position: Vector) -> tuple[str, ...]:
        outside = (position < self._lower) | (position > self._upper)
        return tuple(JOINT_NAMES[index] for index in ARMS if outside[index])

    def _misfit(self, position: Vector, stamp_ns: int) -> str:
        """Why the arms must not follow yet; empty: they may."""
        if self._followers is None or abs(stamp_ns - self._followers[1]) > self._gap_ns:
            return 'the followers are not measured'
        reachable = np.clip(position, self._lower, self._upper)
        # An arm that rests on its stops may be outside of its limits itself.
        distance = np.abs(reachable - np.clip(self._followers[0], self._lower, self._upper))
        joint = int(ARMS[distance[ARMS].argmax()])
        if distance[joint] <= self._near_rad:
            return ''
        return (
            f'the leaders must be nearer to the followers: {JOINT_NAMES[joint]} is '
            f'{distance[joint]:.2f} rad away, allowed {self._near_rad:g} (near_rad of '
            'config/teleop.yaml)'
        )
