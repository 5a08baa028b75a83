"""What an episode asks of the recorder."""

import time
from collections.abc import Callable
from typing import Final

from diagnostic_msgs.msg import DiagnosticArray
from wam_msgs.srv import StartEpisode, StopEpisode

from wam_core.errors import WamError
from wam_nodes.link import Link
from wam_nodes.recording_watch import RecordingWatch

_RETRY_S: Final = 0.2


class EpisodeRecording:
    """One episode, from its start to its labelled end.

    timeout_s: wall time for the recorder to hear all that it must record. silence_s: wall time
    without a word from it that it records this. interrupted: why to give up waiting; empty: go on.
    episode: its directory; empty: there is none.
    """

    def __init__(
        self, link: Link, timeout_s: float, silence_s: float, interrupted: Callable[[], str]
    ) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._interrupted = interrupted
        self._watch = RecordingWatch(silence_s)
        self.episode = ''
        self.running = False

    async def start(self, request: StartEpisode.Request) -> None:
        """Starts the recorder, as soon as it hears all that it must record. Raises WamError."""
        patience = time.monotonic() + self._timeout_s
        while True:
            answer = await self._link.call('/recorder/start_episode', request)
            if answer.accepted:
                self.running, self.episode = True, answer.episode
                self._watch.begin(self.episode)
                return
            if reason := self._interrupted():
                raise WamError(reason)
            if not answer.waiting or time.monotonic() > patience:
                raise WamError(f'/recorder/start_episode: {answer.message}')
            await self._link.pause(_RETRY_S)

    def diagnostics(self, message: DiagnosticArray) -> None:
        """Takes what the nodes say of themselves."""
        self._watch.add(message)

    def lost(self) -> str:
        """Why what happens now is not recorded; empty: it is, or nobody asked for it."""
        return self._watch.lost() if self.running else ''

    async def stop(self, request: StopEpisode.Request) -> None:
        """Closes it with this outcome. Raises WamError when the recorder refuses."""
        # A dead recorder may seem to be there, and only its successor answers.
        lost = bool(self.lost())
        self.running = False
        answer = await self._link.call('/recorder/stop_episode', request, repeatable=lost)
        if not answer.accepted:
            raise WamError(f'/recorder/stop_episode: {answer.message}')
        self.episode = answer.episode
