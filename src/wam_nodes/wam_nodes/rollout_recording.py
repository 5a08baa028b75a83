"""What an episode asks of the recorder."""

import time
from collections.abc import Callable
from typing import Final

from wam_msgs.srv import StartEpisode, StopEpisode

from wam_core.errors import WamError
from wam_nodes.rollout_link import RolloutLink

_RETRY_S: Final = 0.2


class RolloutRecording:
    """One episode, from its start to its labelled end.

    timeout_s: wall time for the recorder to hear all that it must record. interrupted: why to give
    up waiting for that; empty: go on. episode: its directory; empty: there is none.
    """

    def __init__(
        self, link: RolloutLink, timeout_s: float, interrupted: Callable[[], str]
    ) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._interrupted = interrupted
        self.episode = ''
        self.running = False

    async def start(self, request: StartEpisode.Request) -> None:
        """Starts the recorder, as soon as it hears all that it must record. Raises WamError."""
        patience = time.monotonic() + self._timeout_s
        while True:
            answer = await self._link.call('/recorder/start_episode', request)
            if answer.accepted:
                self.running, self.episode = True, answer.episode
                return
            if reason := self._interrupted():
                raise WamError(reason)
            if not answer.waiting or time.monotonic() > patience:
                raise WamError(f'/recorder/start_episode: {answer.message}')
            await self._link.pause(_RETRY_S)

    async def stop(self, request: StopEpisode.Request) -> None:
        """Closes it with this outcome. Raises WamError when the recorder refuses."""
        self.running = False
        answer = await self._link.call('/recorder/stop_episode', request)
        if not answer.accepted:
            raise WamError(f'/recorder/stop_episode: {answer.message}')
        self.episode = answer.episode
