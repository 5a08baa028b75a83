"""What a rollout looks like while it runs: one status on a terminal, plain lines elsewhere."""

import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

_PLAIN_PERIOD_S: Final = 5.0


class Shown(Protocol):
    """What a Display shows. phase: a change of it is shown at once."""

    @property
    def phase(self) -> str:
        """What is going on."""

    def text(self) -> str:
        """One line for people."""


@dataclass
class Status:
    """Newest known numbers. None: not known yet, or none. hint: what the person may do now.

    elapsed_s: ROS clock, since the run began; factor: of real time. camera_hz: matched sets per
    second, spread_ms: median within a set; both on the ROS clock. recorder_hz: messages per s.
    recorder_lost: dropped or missing by their stamps; recorder_worst: the topic of most of them.
    loading_s: for how long the policy has been loading. complaint: what a person must see to.
    """

    title: str
    phase: str = 'starting the graph'
    progress: str = ''
    stage: str = ''
    score: float = 0.0
    elapsed_s: float = 0.0
    factor: float | None = None
    chunks: int | None = 0
    underruns: int | None = 0
    camera_hz: float | None = None
    spread_ms: float | None = None
    recorder_hz: float | None = None
    recorder_lost: int = 0
    recorder_worst: str = ''
    loading_s: float | None = None
    hint: str = ''
    complaint: str = ''

    def text(self) -> str:
        """One line for people."""
        parts = self._numbers() if self.phase == 'running' else self._phase()
        return ' | '.join([*parts, *(text for text in (self.complaint, self.hint) if text)])

    def _phase(self) -> list[str]:
        parts = [self.title, f'{self.phase} {self.progress}'.rstrip()]
        loading = self.loading_s is not None
        return [*parts, f'the policy loads, {_number(self.loading_s, 0)} s'] if loading else parts

    def _numbers(self) -> list[str]:
        factor = f' ({self.factor:.2f} x real time)' if self.factor is not None else ''
        return [
            self.title,
            f'stage {self.stage or "-"} ({self.score:g})',
            f'{self.elapsed_s:.1f} s{factor}',
            *(() if self.chunks is None else (f'chunk {self.chunks}',)),
            f'cameras {_number(self.camera_hz)} Hz, spread {_number(self.spread_ms)} ms',
            *(() if self.underruns is None else (f'underruns {self.underruns}',)),
            f'recorder {_number(self.recorder_hz, 0)}/s{self._lost()}',
        ]

    def _lost(self) -> str:
        if not self.recorder_lost:
            return ''
        return f', {self.recorder_lost} lost, most on {self.recorder_worst}'


class Display:
    """Shows a status: redrawn in place on a terminal, a line every 5 s elsewhere."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._console = Console(file=stream, highlight=False)
        self._spinner = Spinner('dots')
        self._live = (
            Live(self._spinner, console=self._console, refresh_per_second=5, transient=True)
            if self._console.is_terminal
            else None
        )
        self._shown = ('', -_PLAIN_PERIOD_S)

    def __enter__(self) -> 'Display':
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, status: Shown) -> None:
        """Shows it; off a terminal only every 5 s and when the phase changes."""
        if self._live is not None:
            self._spinner.update(text=Text(status.text()))
            return
        phase, at = self._shown
        now = time.monotonic()
        if status.phase != phase or now - at >= _PLAIN_PERIOD_S:
            self._shown = (status.phase, now)
            self.say(status.text())

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, markup=False, soft_wrap=True)
        self._console.file.flush()


def _number(value: float | None, digits: int = 1) -> str:
    return '-' if value is None else f'{value:.{digits}f}'
