"""Which rows an episode has: where its grid begins, how it lies to the ticks, where it ends."""

from pathlib import Path
from typing import Final

import numpy as np

from wam_core.errors import WamError
from wam_data.export.grid import Grid, Stamps
from wam_data.export.settings import ExportSettings
from wam_data.export.streams import Streams

JITTER_NS: Final = 2_000_000
"""A tick that came earlier than its row by so little is the row's tick: timers aren't exact."""


def lay_grid(episode: Path, streams: Streams, settings: ExportSettings) -> Grid:
    """The rows of an episode; they lie on the executor's ticks, so that actions need no shift.

    Raises WamError where nobody did the task, or a stream begins too late for it.
    """
    ticks = streams.commands.stamps_ns
    chosen = streams.commands.active if settings.span == 'active' else np.ones(ticks.size, bool)
    active = np.flatnonzero(chosen)
    if not active.size:
        raise WamError(
            f'{episode}: no tick of the executor followed a source: nobody did the task '
            '(--span whole exports it all the same)'
        )
    first, last = int(active[0]), int(active[-1])
    start_ns = int(ticks[first]) + _phase_ns(ticks[first : last + 1])
    start_ns += _wait_ns(episode, start_ns, streams, settings)
    count = (int(ticks[last]) + JITTER_NS - start_ns) // settings.period_ns + 1
    if count < 1:
        raise WamError(
            f'{episode}: lasts less than the {settings.period_ns / 1e6:g} ms of one row'
        )
    return Grid(start_ns, settings.period_ns, count)


def _phase_ns(ticks: Stamps) -> int:
    """How far the ticks lie behind the first one's beat, by their median."""
    if ticks.size < 3:
        return 0
    period = max(1, int(np.median(np.diff(ticks))))
    half = period // 2
    offsets = (ticks - ticks[0] + half) % period - half
    return int(np.median(offsets))


def _wait_ns(episode: Path, start_ns: int, streams: Streams, settings: ExportSettings) -> int:
    """Whole rows until every observation has a sample."""
    begins = {'state': streams.measurements.stamps_ns[0]}
    begins |= {name: frames.stamps_ns[0] for name, frames in streams.cameras.items()}
    slowest = max(begins, key=lambda name: int(begins[name]))
    behind = int(begins[slowest]) - start_ns
    if behind > settings.max_hold_ns:
        raise WamError(
            f'{episode}: {slowest} begins {behind / 1e9:.3f} s after the task did, allowed '
            f'{settings.max_hold_s:g} (--max-hold)'
        )
    return max(0, -(-behind // settings.period_ns)) * settings.period_ns
