"""Ctrl-C and SIGTERM for a command that runs rclpy or processes of its own."""

import signal
from collections.abc import Sequence
from types import FrameType


class Interruption:
    """Raises KeyboardInterrupt where ``check`` is called instead of wherever the signal comes.

    Raised in the middle of a destructor or of a callback from C, Python drops it with a warning,
    and the command would go on as if nobody had asked.
    """

    def __init__(
        self, numbers: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    ) -> None:
        self._wanted = False
        self._before = {number: signal.signal(number, self._want) for number in numbers}

    def __enter__(self) -> 'Interruption':
        return self

    def __exit__(self, *_: object) -> None:
        """Puts back what handled the signals before; for a command that others call, too."""
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def check(self) -> None:
        """Raises KeyboardInterrupt once for each time that somebody asked."""
        if self._wanted:
            self._wanted = False
            raise KeyboardInterrupt

    def _want(self, number: int, frame: FrameType | None) -> None:
        self._wanted = True
