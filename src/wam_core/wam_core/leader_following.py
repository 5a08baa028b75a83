"""How leaders are taken to where the followers are, slowly, and how they stay with them."""

from dataclasses import replace

import numpy as np

from wam_core.joints import ARMS, GRIPPERS, Vector
from wam_core.limiter import PREVIEW, JointLimiter
from wam_core.motion_limits import MotionLimits

_GRIPPERS = list(GRIPPERS)


class LeaderFollowing:
    """The leaders' commands, (14,) rad and openings, one every ``period_ns``.

    Until they are where the followers are they go slowly: a person's hands are near. From then on
    they are as quick as the followers, whose motions they have to keep up with.

    slow, quick: limits of motion. lower, upper: (14,) that the leaders' motors can reach.
    near_rad: of every arm joint from its goal, for leaders that are there.
    """

    def __init__(
        self,
        slow: MotionLimits,
        quick: MotionLimits,
        period_ns: int,
        lower: Vector,
        upper: Vector,
        near_rad: float,
    ) -> None:
        self._slow, self._quick = (
            JointLimiter(replace(limits, reach_lower=lower, reach_upper=upper), period_ns)
            for limits in (slow, quick)
        )
        self._limiter = self._slow
        self._period_ns = period_ns
        self._lower = lower
        self._upper = upper
        self._near_rad = near_rad
        self._stamp_ns: int | None = None
        self._goal: Vector | None = None
        self._grippers: float | None = None

    def restart(self, position: Vector, grippers: float | None) -> None:
        """From where the leaders are, (14,), at rest.

        grippers: opening that theirs go to; None: they follow, too.
        """
        self._limiter = self._slow
        self._limiter.reset(position)
        self._stamp_ns = self._goal = None
        self._grippers = grippers

    def command(self, position: Vector, velocity: Vector, stamp_ns: int) -> Vector | None:
        """What to send for a state of the followers, (14,) each; None: it is not time yet."""
        last = self._stamp_ns
        if last is not None and 0 <= stamp_ns - last < 0.75 * self._period_ns:
            return None
        self._stamp_ns = stamp_ns
        ahead = np.arange(PREVIEW)[:, None] * self._period_ns / 1e9
        requests = self._wanted(position + ahead * np.nan_to_num(velocity))
        self._goal = requests[0]
        return self._limiter.follow(requests, homing=True).position

    def arrived(self, leaders: Vector) -> bool:
        """Whether the leaders, (14,), and what they are told are near to where they are wanted."""
        goal = self._goal
        if goal is None:
            return False
        places = np.stack([leaders, self._limiter.position])
        there = bool(np.abs(places - goal)[:, ARMS].max() <= self._near_rad)
        if there and self._limiter is self._slow:
            self._quick.take_over(self._slow)
            self._limiter = self._quick
        return there

    def _wanted(self, followers: Vector) -> Vector:
        wanted = np.array(followers, dtype=np.float64)
        if self._grippers is not None:
            wanted[:, _GRIPPERS] = self._grippers
        wanted[:, _GRIPPERS] = np.clip(wanted[:, _GRIPPERS], 0.0, 1.0)
        return np.clip(wanted, self._lower, self._upper)
