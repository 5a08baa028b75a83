"""What a rollout asks of the executor and the arms around its run."""

from collections.abc import Callable
from typing import Final

from std_srvs.srv import Trigger
from wam_msgs.msg import ExecutorState
from wam_msgs.srv import GoToPose

from wam_core.errors import WamError
from wam_nodes.conversions import nanoseconds
from wam_nodes.link import Link

_MOVING: Final = (ExecutorState.RUNNING, ExecutorState.HOLDING)


class EpisodeArms:
    """Holds, opens and homes. The rollout hands it the executor's states.

    settle_timeout_s: on the ROS clock. interrupted: why to give up waiting; empty: go on.
    """

    def __init__(
        self, link: Link, settle_timeout_s: float, interrupted: Callable[[], str]
    ) -> None:
        self._link = link
        self._settle_timeout_s = settle_timeout_s
        self._interrupted = interrupted
        self.state: ExecutorState | None = None  # the newest

    async def hold(self) -> None:
        """Ends whatever run there is."""
        await self._link.call('/executor/hold', Trigger.Request(), repeatable=True)

    async def come_to_rest(self) -> None:
        """Ends whatever run there is, and waits until the arms stand still.

        Raises WamError while a stop is latched.
        """
        await self.hold()
        held_ns = self._link.now_ns()
        await self._link.until(
            lambda: (
                self.state is not None
                and nanoseconds(self.state.header.stamp) >= held_ns
                and self.state.state not in _MOVING
            ),
            self._settle_timeout_s,
            'an executor at rest',
            self._interrupted,
        )
        if self._stopped and self.state is not None:
            raise WamError(f'the executor is stopped: {self.state.stop_reason} (/executor/reset)')

    async def open(self) -> None:
        """Motors ready, arms at the start pose. Raises WamError with the reason why not."""
        opened = await self._link.call('/arms/open', Trigger.Request())
        if not opened.success:
            raise WamError(f'/arms/open: {opened.message}')

    async def home(self) -> None:
        """To the start pose; arms that were stopped stay where they are."""
        if self._stopped:
            return
        going = await self._link.call('/executor/go_to_pose', GoToPose.Request(pose='start'))
        if not going.accepted:
            raise WamError(f'/executor/go_to_pose: {going.message}')
        await self._link.until(
            lambda: (
                self.state is not None
                and self.state.generation == going.generation
                and self.state.pose == 'start'
            ),
            going.duration_s + self._settle_timeout_s,
            'the start pose',
            lambda: 'the arms were stopped' if self._stopped else '',
        )

    @property
    def _stopped(self) -> bool:
        return self.state is not None and self.state.state == ExecutorState.STOPPED
