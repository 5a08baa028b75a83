"""What is sent to the arms, tick after tick: from where they are, within the limits."""

from typing import Final

import numpy as np

from wam_core.aim import Aim
from wam_core.joints import ARM_SLICES, DIM, GRIPPERS, SIDE_SLICES, SIDES, Vector
from wam_core.limiter import JointLimiter, Limited
from wam_core.motion_limits import MotionLimits
from wam_core.requests import Matrix
from wam_core.spline import Motion

_GRIPPERS: Final = list(GRIPPERS)


class CommandStream:
    """The last command, and whether commands are sent at all.

    resync_rad: an arm further than this from its last command was moved by somebody. dead_band:
    change of an opening that a resting gripper ignores.
    """

    def __init__(
        self, limits: MotionLimits, period_ns: int, resync_rad: float, dead_band: float
    ) -> None:
        self._limiter = JointLimiter(limits, period_ns)
        self._resync_rad = resync_rad
        self._dead_band = dead_band
        self._known = False  # whether the limiter holds a command that was sent
        self.sending = False

    @property
    def position(self) -> Vector:
        """(14,) the last command."""
        return self._limiter.position

    @property
    def at_rest(self) -> bool:
        """Whether the command stands still, or none is sent."""
        return not self.sending or self._limiter.at_rest

    @property
    def motion(self) -> Motion:
        """Where the arms would be told to be at this tick if the command went on as it does."""
        velocity = self._limiter.velocity
        position = self._limiter.position + velocity * self._limiter.period_s
        return Motion(position, velocity, np.zeros(DIM))

    def begin(self, measured: Vector) -> None:
        """Sends from now on; measured: (14,) where the arms are.

        An arm that was moved since its last command starts from where it is. One that was not
        starts from the command, so that it neither sags by its tracking error nor loosens its
        grip on what it holds.
        """
        command = self._limiter.position.copy() if self._known else measured.copy()
        for side in SIDES:
            arm = ARM_SLICES[side]
            if np.abs(command[arm] - measured[arm]).max() > self._resync_rad:
                command[SIDE_SLICES[side]] = measured[SIDE_SLICES[side]]
        self._limiter.reset(command)
        self.sending = self._known = True

    def send(self, aim: Aim | None) -> Limited:
        """The next command: towards what is wanted, or to rest."""
        if aim is None:
            limited = self._limiter.brake()
        else:
            # A slew ends exactly at its pose.
            requests = aim.requests if aim.homing else self._quiet(aim.requests)
            limited = self._limiter.follow(requests, homing=aim.homing)
        limited.position.setflags(write=False)
        return limited

    def _quiet(self, requests: Matrix) -> Matrix:
        """The requests, without changes of a resting gripper that are within its dead band."""
        command = self._limiter.position[_GRIPPERS]
        still = self._limiter.velocity[_GRIPPERS] == 0.0
        near = np.abs(requests[:, _GRIPPERS] - command).max(axis=0) < self._dead_band
        if not (still & near).any():
            return requests
        quiet: Matrix = requests.copy()
        quiet[:, _GRIPPERS] = np.where(still & near, command, requests[:, _GRIPPERS])
        return quiet
