"""Thumbnails of cameras on a terminal: a character is two pixels, one above the other."""

import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from rich.color import Color
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from wam_core.policy import Image
from wam_data.report.content import Content, Shot
from wam_data.report.facts import no_pictures
from wam_data.report.gather import SHOTS
from wam_data.report.thumbnails import shrunk

_COLOURS: Final = ('256', 'truecolor')  # with 16 nothing can be recognised
_UPPER_HALF: Final = '▀'
_INDENT, _GAP = 2, 1
_NARROWEST, _WIDEST = 24, 40  # characters of a thumbnail


def screen(choice: str) -> Console | None:
    """Where pictures go; None: there are to be none.

    auto: to standard output if it is a terminal with 256 colours or more that nobody asked to
    stay plain (NO_COLOR, TERM). yes: whatever it is, for a pager, with all colours if unknown.
    """
    if choice == 'yes':
        asked = Console(force_terminal=True, no_color=False)
        if asked.color_system in _COLOURS:
            return asked
        return Console(force_terminal=True, no_color=False, color_system='truecolor')
    found = Console()
    able = sys.stdout.isatty() and not found.no_color and found.color_system in _COLOURS
    return found if choice == 'auto' and able else None


def per_row(width: int) -> int:
    """How many thumbnails fit beside each other on a terminal of this width, at least one."""
    return max(1, min(SHOTS, (width - _INDENT + _GAP) // (_NARROWEST + _GAP)))


def contact_sheet(content: Content, width: int) -> Group:
    """A row of thumbnails for each camera, each above its time; or why there is none."""
    across = (width - _INDENT + _GAP) // per_row(width) - _GAP
    parts: list[RenderableType] = []
    for camera, shots in content.shots.items():
        words = '' if shots else f': {no_pictures(content, camera)}'
        parts.append(Text(f'{camera}{words}'))
        if shots:
            row = _row(shots[: per_row(width)], max(1, min(across, _WIDEST)))
            parts.append(Padding(row, (0, 0, 0, _INDENT), expand=False))
        parts.append(Text())
    return Group(*parts)


def _row(shots: Sequence[Shot], width: int) -> Table:
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_row(*(HalfBlocks(shrunk(shot.jpeg, width)) for shot in shots))
    grid.add_row(*(Text(f'{shot.t_s:.1f} s') for shot in shots))
    return grid


class HalfBlocks:
    """A picture as rich prints it. pixels: (height, width, 3) uint8 in the order R, G, B."""

    def __init__(self, pixels: Image) -> None:
        self._pixels = pixels

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        rows = self._pixels.tolist()
        for above, below in zip_longest(rows[::2], rows[1::2]):
            for upper, lower in zip_longest(above, below or ()):
                ground = Color.from_rgb(*lower) if lower else None
                yield Segment(_UPPER_HALF, Style(color=Color.from_rgb(*upper), bgcolor=ground))
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = self._pixels.shape[1]
        return Measurement(width, width)
