"""Where an episode begins: the scene of a simulated rig, and arms that are still."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from wam_msgs.msg import Proprioception, TaskState
from wam_msgs.srv import ResetScene

from wam_core.errors import WamError
from wam_core.joints import GRIPPERS
from wam_nodes.conversions import nanoseconds
from wam_nodes.link import Link

RESET_SCENE: Final = '/sim/reset_scene'


class EpisodeScene:
    """Resets it and waits for it. The episode hands it the truth and the measurements.

    settle_s: for which the arms must be still; settle_rad_s: speed of a joint that counts as that.
    timeout_s: for each wait, ROS clock. interrupted: why to give up waiting; empty: go on.
    """

    def __init__(
        self,
        link: Link,
        settle_s: float,
        settle_rad_s: float,
        timeout_s: float,
        interrupted: Callable[[], str],
    ) -> None:
        self._link = link
        self._settle_ns = settle_s * 1e9
        self._settle_rad_s = settle_rad_s
        self._timeout_s = timeout_s
        self._interrupted = interrupted
        self._truth: TaskState | None = None
        self._reset_ns = link.now_ns()
        self._still_ns: int | None = None  # since when the arms have been still, and ...
        self._seen_ns = 0  # ... until when that is known

    @property
    def settled(self) -> bool:
        """Whether the arms have been still for long enough."""
        return self._still_ns is not None and self._seen_ns - self._still_ns >= self._settle_ns

    def task_state(self, message: TaskState) -> None:
        """Takes the simulator's newest truth."""
        self._truth = message

    def proprioception(self, message: Proprioception) -> None:
        """Notes since when the arms have been still."""
        stamp_ns = self._seen_ns = nanoseconds(message.header.stamp)
        speed = np.abs(np.delete(message.velocity, GRIPPERS)).max()
        still = speed <= self._settle_rad_s  # false for NaN
        if stamp_ns < self._reset_ns or not still:
            self._still_ns = None
        elif self._still_ns is None:
            self._still_ns = stamp_ns

    def renew(self) -> None:
        """The arms were moved: what was known of their rest is void."""
        self._reset_ns = self._link.now_ns()
        self._still_ns = None

    async def reset(self, task: str, seed: int) -> None:
        """Puts the scene of a simulated rig to a seeded start. Raises WamError."""
        before = self._truth.episode if self._truth is not None else None
        request = ResetScene.Request(task=task, seed=seed)
        answer: Any = await self._link.call(RESET_SCENE, request, repeatable=True)
        if not answer.accepted:
            raise WamError(f'{RESET_SCENE}: {answer.message}')
        await self._until(
            lambda: (
                self._truth is not None
                and self._truth.episode != before
                and (self._truth.task, self._truth.seed) == (task, seed)
            ),
            f'/task_state of {task!r}, seed {seed}',
        )

    async def settle(self) -> None:
        """Waits for arms that are still. Raises WamError."""
        await self._until(lambda: self.settled, 'arms that are still')

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        await self._link.until(condition, self._timeout_s, what, self._interrupted)
