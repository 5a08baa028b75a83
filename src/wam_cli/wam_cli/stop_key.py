"""The space key of commands that run a graph: it stops the arms."""

from collections.abc import Callable
from types import TracebackType
from typing import Final

from wam_cli.keys import STOP_KEY, pressed, typed
from wam_cli.terminal import Terminal

REASON: Final = 'space key of wam {}'  # the command


class StopKey:
    """stop: stops the arms, and says whether somebody listens. say: shows a line.

    A stop that nobody hears yet is sent as soon as somebody listens. Without a terminal there is
    no key. used: whether it was pressed.
    """

    def __init__(self, stop: Callable[[], bool], say: Callable[[str], None]) -> None:
        self._stop = stop
        self._say = say
        self._wanted = False
        self._terminal = Terminal()
        self.present = self._terminal.present
        self.used = False

    def __enter__(self) -> 'StopKey':
        self._terminal.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._terminal.__exit__(kind, error, trace)

    def poll(self, *, typing: bool = False) -> list[str]:
        """Looks whether it was pressed. Call it twenty times a second. Returns the other keys.

        typing: a text is being written, in which a space is a space.
        """
        data = self._terminal.read()
        if typing:
            return typed(data)
        keys = pressed(data)
        if STOP_KEY in keys:
            self.used = True
            self._wanted = not self._stop()
            self._say(
                'space: no executor listens yet; the stop is sent as soon as one does'
                if self._wanted
                else 'space: stop sent'
            )
        elif self._wanted and self._stop():
            self._wanted = False
            self._say('space: stop sent, now that an executor listens')
        return [key for key in keys if key != STOP_KEY]
