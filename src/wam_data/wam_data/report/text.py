"""A report for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from wam_core.joints import JOINT_NAMES
from wam_data.report.content import Content, Series, Span
from wam_data.report.facts import facts, stream_rows, title, verdict
from wam_data.report.svg import EVENT_KINDS

_WIDTH: Final = 60  # letters of a plot
_BARS: Final = '▁▂▃▄▅▆▇█'
_LETTERS: Final = {'': '.', 'hold': '-', 'holding': '-', 'idle': '.', 'stopped': '!'}
_LEAST: Final = 0.02  # rad: a joint that moves by less is drawn as a straight line
_EVENTS: Final = 40  # the page has all


def text(content: Content) -> str:
    """Some fifty lines of at most a hundred letters, but for names and texts that are longer."""
    return '\n'.join(_lines(content)) + '\n'


def _lines(content: Content) -> Iterator[str]:
    yield title(content)
    yield verdict(content)
    yield ''
    for name, value in facts(content):
        yield f'  {name:15} {value}'
    yield ''
    yield from content.verification.text().splitlines()[1:]
    yield from _timeline(content)
    yield from _joints(content)
    yield ''
    heads, rows = stream_rows(content)
    yield from columns([heads, *rows])


def _timeline(content: Content) -> Iterator[str]:
    yield ''
    yield f'timeline, 0 to {content.duration_s:.1f} s'
    for name, spans in (('source', content.sources), ('executor', content.states)):
        if spans:
            seen = dict.fromkeys(span.name for span in spans)
            legend = ', '.join(f'{letter(each)} {each or "none"}' for each in seen)
            yield f'  {name:19} {_band(spans, content.duration_s)}  {legend}'
    if content.interventions:
        spans = tuple(Span(s.start_s, s.stop_s, 'P') for s in content.interventions)
        yield f'  {"intervention":19} {_band(spans, content.duration_s)}  P person'
    marked = [event for event in content.events if event.kind in EVENT_KINDS]
    for event in marked[:_EVENTS]:
        yield f'  {event.t_s:8.2f} s  {event.kind:9} {event.text}'
    if len(marked) > _EVENTS:
        yield f'  ... and {len(marked) - _EVENTS} more events'


def letter(name: str) -> str:
    """What stands for a source or a state in a band."""
    return _LETTERS.get(name, name[:1].upper() or '.')


def _band(spans: Sequence[Span], duration_s: float) -> str:
    cells = [' '] * _WIDTH
    for span in spans:
        first = int(span.start_s / max(duration_s, 1e-9) * _WIDTH)
        last = int(span.stop_s / max(duration_s, 1e-9) * _WIDTH)
        for cell in range(max(first, 0), min(last + 1, _WIDTH)):
            cells[cell] = letter(span.name)
    return ''.join(cells)


def _joints(content: Content) -> Iterator[str]:
    track = content.measured
    if not track.t_s.size:
        return
    yield ''
    yield f'measured, arms in rad, grippers 0..1{"":27}least   most'
    for column, name in enumerate(JOINT_NAMES):
        values = track.values[:, column]
        line = sparkline(track.t_s, values, content.duration_s)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
        yield f'  {name:19} {line}  {low:6.2f} {high:6.2f}'


def sparkline(t_s: Series, values: Series, duration_s: float, width: int = _WIDTH) -> str:
    """One letter per stretch of time, by its mean between the least and the most; blank: none."""
    cell = np.clip((t_s / max(duration_s, 1e-9) * width).astype(int), 0, width - 1)
    good = np.isfinite(values)
    sums = np.bincount(cell[good], values[good], width)
    counts = np.bincount(cell[good], minlength=width)
    means = sums / np.maximum(counts, 1)
    seen = means[counts > 0]
    low, high = (seen.min(), seen.max()) if seen.size else (0.0, 0.0)
    steps = np.rint((means - low) / max(high - low, _LEAST) * (len(_BARS) - 1)).astype(int)
    cells = zip(steps, counts, strict=True)
    return ''.join(_BARS[step] if count else ' ' for step, count in cells)


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table: the first column at the left, numbers at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f'  {first}  {"  ".join(rest)}'.rstrip()
