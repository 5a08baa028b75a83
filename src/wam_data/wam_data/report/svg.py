"""Plots of joints and the timeline, as SVG elements that a page's style sheet colours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

import numpy as np

from wam_data.report.content import Content, Event, Series, Span

_PLOT: Final = (440, 96)  # width and height of a joint's plot, pixels
_INSET: Final = (44, 8, 8, 16)  # left, top, right, bottom
_TIMELINE_WIDTH: Final = 960
_LANE: Final = 24  # height of one lane of the timeline, pixels
_NAMES: Final = 96  # width of the lanes' names
_LETTER: Final = 6.5  # width of a letter at 11 pixels, for labels that must not overlap
_AIR: Final = 1.08  # above and below a curve
_AT_ONCE_S: Final = 0.05
_LEAST: Final = 0.01  # rad: a joint that moves by less is drawn as a straight line
_LOUD: Final = ('fault', 'underrun', 'stop')
EVENT_KINDS: Final = (*_LOUD, 'stage', 'handover')
"""Events that the timeline marks."""


@dataclass(frozen=True)
class Line:
    """name: its class in the style sheet. t_s, values: (N,)."""

    name: str
    t_s: Series
    values: Series


def joint_plot(lines: Sequence[Line], duration_s: float, bands: Sequence[Span]) -> str:
    """One joint over time. bands: shaded, e.g. interventions."""
    width, height = _PLOT
    left, top, right, bottom = _INSET
    finite = [line.values[np.isfinite(line.values)] for line in lines]
    values = np.concatenate([np.zeros(0), *finite])
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    middle, half = (low + high) / 2, max((high - low) / 2 * _AIR, _LEAST)
    scale = (width - left - right) / max(duration_s, 1e-9)
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img">']
    for band in bands:
        x, wide = left + band.start_s * scale, (band.stop_s - band.start_s) * scale
        parts.append(
            f'<rect class="band" x="{x:.1f}" y="{top}" width="{wide:.1f}" '
            f'height="{height - top - bottom}"/>'
        )
    parts += _frame(duration_s, scale, middle - half, middle + half)
    for line in lines:
        good = np.isfinite(line.values)
        t_s, y = thinned(line.t_s[good], line.values[good], width)
        up = (height - top - bottom) / 2
        points = ' '.join(
            f'{left + t * scale:.1f},{top + up - (value - middle) / half * up:.1f}'
            for t, value in zip(t_s, y, strict=True)
        )
        parts.append(f'<polyline class="{line.name}" points="{points}"/>')
    return ''.join((*parts, '</svg>'))


def _frame(duration_s: float, scale: float, low: float, high: float) -> Iterator[str]:
    width, height = _PLOT
    left, top, right, bottom = _INSET
    yield (
        f'<rect class="frame" x="{left}" y="{top}" width="{width - left - right}" '
        f'height="{height - top - bottom}"/>'
    )
    yield f'<text class="y" x="{left - 4}" y="{top + 9}">{high:.2f}</text>'
    yield f'<text class="y" x="{left - 4}" y="{height - bottom}">{low:.2f}</text>'
    for t_s in ticks(duration_s, 5):
        yield f'<text class="x" x="{left + t_s * scale:.1f}" y="{height - 3}">{t_s:g}</text>'


def timeline(content: Content) -> str:
    """Which source was active, what the executor did, who intervened, and the events."""
    lanes: list[tuple[str, list[str]]] = []
    scale = (_TIMELINE_WIDTH - _NAMES) / max(content.duration_s, 1e-9)
    for name, spans in (
        ('source', content.sources),
        ('executor', content.states),
        ('intervention', content.interventions),
    ):
        if spans:
            lanes.append((name, [_bar(span, name, len(lanes) * _LANE, scale) for span in spans]))
    if content.chunks:
        top = len(lanes) * _LANE
        marks = [
            f'<line class="chunk" x1="{_x(chunk.t_s, scale)}" x2="{_x(chunk.t_s, scale)}" '
            f'y1="{top + 5}" y2="{top + _LANE - 5}"><title>{chunk.t_s:.2f} s: after '
            f'{chunk.latency_s * 1000:.0f} ms</title></line>'
            for chunk in content.chunks
        ]
        lanes.append(('chunks', marks))
    marked = [event for event in content.events if event.kind in EVENT_KINDS]
    if marked:
        lanes.append(('events', list(_marks(marked, len(lanes) * _LANE, scale))))
    height = len(lanes) * _LANE + 18
    parts = [f'<svg viewBox="0 0 {_TIMELINE_WIDTH} {height}" role="img">']
    for number, (name, marks) in enumerate(lanes):
        parts.append(f'<text class="lane" x="0" y="{number * _LANE + 16}">{name}</text>')
        parts += marks
    for t_s in ticks(content.duration_s, 10):
        parts.append(f'<text class="x" x="{_x(t_s, scale)}" y="{height - 4}">{t_s:g} s</text>')
    return ''.join((*parts, '</svg>'))


def _x(t_s: float, scale: float) -> str:
    return f'{_NAMES + t_s * scale:.1f}'


def _bar(span: Span, lane: str, top: float, scale: float) -> str:
    wide = max((span.stop_s - span.start_s) * scale, 1.0)
    name = escape(span.name or 'none')
    label = ''
    if wide > len(span.name) * _LETTER + 8:
        x = _NAMES + span.start_s * scale + 5
        label = f'<text class="inside" x="{x:.1f}" y="{top + 16}">{name}</text>'
    what = lane if lane == 'intervention' else name.split()[0]
    return (
        f'<rect class="{what}" x="{_x(span.start_s, scale)}" y="{top + 3}" width="{wide:.1f}" '
        f'height="{_LANE - 6}"><title>{name}: {span.start_s:.2f} to {span.stop_s:.2f} s</title>'
        f'</rect>{label}'
    )


def _marks(events: Sequence[Event], top: float, scale: float) -> Iterator[str]:
    """A line for each moment; a label where there is room for it, at its right or its left."""
    free = float(_NAMES)
    for moment in _moments(events):
        loud = 'loud' if any(event.kind in _LOUD for event in moment) else 'quiet'
        x = _NAMES + moment[0].t_s * scale
        about = escape('\n'.join(f'{e.t_s:.2f} s: {e.kind}: {e.text}' for e in moment))
        yield (
            f'<line class="{loud}" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 2}" '
            f'y2="{top + _LANE - 2}"><title>{about}</title></line>'
        )
        label = ', '.join(e.text if e.kind == 'stage' else e.kind for e in moment)
        wide = len(label) * _LETTER + 8
        if x >= free and x + wide <= _TIMELINE_WIDTH:
            yield f'<text class="mark" x="{x + 4:.1f}" y="{top + 16}">{escape(label)}</text>'
            free = x + wide
        elif x - wide >= free:
            before = f'<text class="mark before" x="{x - 4:.1f}" y="{top + 16}">'
            yield f'{before}{escape(label)}</text>'
            free = x


def _moments(events: Sequence[Event]) -> list[list[Event]]:
    """Events that follow each other at once stand together."""
    found: list[list[Event]] = []
    for event in events:
        if found and event.t_s - found[-1][0].t_s < _AT_ONCE_S:
            found[-1].append(event)
        else:
            found.append([event])
    return found


def ticks(duration_s: float, count: int) -> list[float]:
    """At most about ``count`` round times from 0 to the duration."""
    if duration_s <= 0:
        return [0.0]
    step = 10.0 ** np.floor(np.log10(duration_s / count))
    step *= next(factor for factor in (1, 2, 5, 10) if duration_s / (step * factor) <= count)
    return [round(number * step, 6) for number in range(int(duration_s / step) + 1)]


def thinned(t_s: Series, values: Series, count: int) -> tuple[Series, Series]:
    """The same curve with at most about ``count`` points: each stretch by its extremes."""
    if len(t_s) <= count:
        return t_s, values
    kept: list[int] = []
    edges = np.linspace(0, len(t_s), count // 2 + 1).astype(int)
    for start, stop in pairwise(edges):
        if stop > start:
            part = values[start:stop]
            kept += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return t_s[kept], values[kept]
