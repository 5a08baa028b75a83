"""Line charts as SVG text: a grid of panels over one time axis. Read on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# Between the luminances of a white page and a near-black one, so that both leave contrast.
INK: Final = '#7d8590'
_GRID: Final = '#7d85904d'
_BAND: Final = '#d2992233'
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
# px
_LEFT, _TOP, _BOTTOM, _GAP_X, _GAP_Y = 62.0, 122.0, 46.0, 76.0, 36.0
_PANEL_WIDTH, _PANEL_HEIGHT = 430.0, 140.0
_TICKS: Final = 4


@dataclass(frozen=True)
class Line:
    """A curve in a panel. colour: as in CSS. width: px."""

    name: str
    colour: str
    values: Values
    width: float = 1.6


@dataclass(frozen=True)
class Panel:
    """label: of the vertical axis, with its unit."""

    title: str
    label: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Chart:
    """panels: rows of equally many. times: (T,) s, of every line. marks: (s, text) vertical lines.

    bands: (from s, to s) shaded; band_name: what they mean, for the legend.
    """

    title: str
    subtitle: str
    panels: Sequence[Sequence[Panel]]
    times: Values
    marks: Sequence[tuple[float, str]] = ()
    bands: Sequence[tuple[float, float]] = ()
    band_name: str = ''


@dataclass
class _Drawing:
    parts: list[str] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self.parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" {style}/>')

    def text(self, x: float, y: float, text: str, style: str = '') -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, style: str) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {style}/>'
        )


def render(chart: Chart) -> str:
    """The chart as an SVG document."""
    rows, columns = len(chart.panels), len(chart.panels[0])
    width = _LEFT + columns * _PANEL_WIDTH + (columns - 1) * _GAP_X + 20.0
    height = _TOP + rows * _PANEL_HEIGHT + (rows - 1) * _GAP_Y + _BOTTOM
    drawing = _Drawing()
    drawing.text(_LEFT, 26.0, chart.title, 'font-size="17" font-weight="600"')
    drawing.text(_LEFT, 46.0, chart.subtitle)
    _legend(drawing, chart)
    for row, panels in enumerate(chart.panels):
        for column, panel in enumerate(panels):
            left = _LEFT + column * (_PANEL_WIDTH + _GAP_X)
            top = _TOP + row * (_PANEL_HEIGHT + _GAP_Y)
            _panel(drawing, chart, panel, left, top, last=row == rows - 1, first=row == 0)
    body = '\n'.join(drawing.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        f'font-family="{_FONT}" font-size="12" fill="{INK}">\n'
        f'<title>{escape(chart.title)}</title>\n{body}\n</svg>\n'
    )


def _legend(drawing: _Drawing, chart: Chart) -> None:
    x, y = _LEFT, 70.0
    for line in chart.panels[0][0].lines:
        drawing.line(x, y - 4.0, x + 26.0, y - 4.0, _stroke(line))
        drawing.text(x + 32.0, y, line.name)
        x += 50.0 + 7.4 * len(line.name)
    if chart.bands:
        drawing.box(x, y - 11.0, 26.0, 13.0, f'fill="{_BAND}"')
        drawing.text(x + 32.0, y, chart.band_name)


@dataclass(frozen=True)
class _Frame:
    """A panel's place in px and its axes."""

    left: float
    top: float
    start: float
    end: float
    lower: float
    upper: float
    step: float

    def x(self, time: float) -> float:
        return self.left + _PANEL_WIDTH * (time - self.start) / (self.end - self.start)

    def y(self, value: float) -> float:
        return self.top + _PANEL_HEIGHT * (self.upper - value) / (self.upper - self.lower)


def _panel(
    drawing: _Drawing,
    chart: Chart,
    panel: Panel,
    left: float,
    top: float,
    *,
    last: bool,
    first: bool,
) -> None:
    frame = _Frame(left, top, float(chart.times[0]), float(chart.times[-1]), *_axis(panel.lines))
    for begin, stop in chart.bands:
        x = frame.x(begin)
        drawing.box(x, top, frame.x(stop) - x, _PANEL_HEIGHT, f'fill="{_BAND}"')
    _grid(drawing, frame, last=last)
    for time, text in chart.marks:
        x = frame.x(time)
        style = f'stroke="{INK}" stroke-dasharray="2 3" stroke-width="1.3"'
        drawing.line(x, top, x, top + _PANEL_HEIGHT, style)
        if first:
            drawing.text(x, top - 24.0, text, 'text-anchor="middle" font-size="11"')
    for line in panel.lines:
        points = ' '.join(
            f'{frame.x(float(time)):.1f},{frame.y(float(value)):.1f}'
            for time, value in zip(chart.times, line.values, strict=True)
        )
        drawing.parts.append(f'<polyline points="{points}" {_stroke(line)}/>')
    _labels(drawing, panel, left, top, last=last)


def _grid(drawing: _Drawing, frame: _Frame, *, last: bool) -> None:
    right, bottom, small = frame.left + _PANEL_WIDTH, frame.top + _PANEL_HEIGHT, 'font-size="11"'
    for value in np.arange(frame.lower, frame.upper + frame.step / 2.0, frame.step):
        y = frame.y(float(value))
        drawing.line(frame.left, y, right, y, f'stroke="{_GRID}"')
        drawing.text(frame.left - 7.0, y + 4.0, f'{value:.4g}', f'text-anchor="end" {small}')
    for second in range(int(np.ceil(frame.start)), int(frame.end) + 1):
        x = frame.x(second)
        drawing.line(x, frame.top, x, bottom, f'stroke="{_GRID}"')
        if last:
            drawing.text(x, bottom + 17.0, str(second), f'text-anchor="middle" {small}')


def _labels(drawing: _Drawing, panel: Panel, left: float, top: float, *, last: bool) -> None:
    drawing.text(left, top - 7.0, panel.title, 'font-weight="600"')
    middle = top + _PANEL_HEIGHT / 2.0
    x = left - 46.0
    drawing.text(
        x,
        middle,
        panel.label,
        f'text-anchor="middle" transform="rotate(-90 {x:.1f} {middle:.1f})"',
    )
    if last:
        x, y = left + _PANEL_WIDTH / 2.0, top + _PANEL_HEIGHT + 36.0
        drawing.text(x, y, 'time in s', 'text-anchor="middle"')


def _stroke(line: Line) -> str:
    return (
        f'fill="none" stroke="{line.colour}" stroke-width="{line.width:g}" stroke-linejoin="round"'
    )


def _axis(lines: Sequence[Line]) -> tuple[float, float, float]:
    """Lower end, upper end and step of an axis that holds all lines, at round numbers."""
    values = np.concatenate([line.values for line in lines])
    low = float(values.min())
    high = max(float(values.max()), low + 1e-3)  # a line that doesn't move has a height too
    raw = (high - low) / _TICKS
    scale = 10.0 ** np.floor(np.log10(raw))
    step = scale * next(nice for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if nice * scale >= raw)
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step), float(step)
