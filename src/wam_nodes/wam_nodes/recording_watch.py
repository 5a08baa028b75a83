"""Whether the recorder still records an episode, by what it says of itself once per second."""

import time
from collections.abc import Callable
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticStatus

_RECORDER: Final = 'recorder'


class RecordingWatch:
    """Of one episode after the other.

    silence_s: for which the recorder may not name the episode. clock: seconds that only grow.
    """

    def __init__(self, silence_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._silence_s = silence_s
        self._clock = clock
        self._episode = ''
        self._heard = 0.0
        self._failure = ''

    def begin(self, episode: str) -> None:
        """The recorder has just said that it records this directory."""
        self._episode, self._heard, self._failure = episode, self._clock(), ''

    def add(self, message: Any) -> None:
        """Takes a DiagnosticArray."""
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            if status.name == _RECORDER and values.get('episode') == self._episode:
                self._heard = self._clock()
                failed = status.level == DiagnosticStatus.ERROR
                self._failure = status.message if failed else ''

    def lost(self) -> str:
        """Why nothing is recorded any more; empty: it is."""
        if self._failure:
            return f'the recording failed: {self._failure}'
        if self._clock() - self._heard > self._silence_s:
            return (
                f'the recorder has not said for {self._silence_s:g} s that it records '
                f'{self._episode} (recorder_silence_s)'
            )
        return ''
