"""The executor's numbers and the names that it knows."""

import math
from dataclasses import dataclass, fields
from typing import Final

from wam_core.errors import WamError

MODES: Final = ('sync', 'async')
SOURCES: Final = ('policy',)


def check_mode(mode: str) -> str:
    """The mode itself; WamError for one that the executor can't run."""
    if mode in MODES:
        return mode
    if mode == 'rtc':
        raise WamError(f"mode 'rtc' is not there yet, allowed: {', '.join(MODES)}")
    raise WamError(f'unknown mode {mode!r}, allowed: {", ".join(MODES)}')


def check_source(source: str) -> str:
    """The source itself; WamError for one that the executor can't follow."""
    if source not in SOURCES:
        raise WamError(f'unknown source {source!r}, allowed: {", ".join(SOURCES)}')
    return source


@dataclass(frozen=True)
class ExecutorConfig:
    """Numbers of config/executor.yaml. WamError for one that is out of range.

    period_ns: between ticks. mode: of runs that don't name one. splice_s: fade of the offset at
    a merge. request_margin_s: async asks this much earlier than the answer is expected to take.
    request_timeout_s: an unanswered request counts as lost. retry_s: pause after a refused one.
    stale_after_s: oldest observation that a chunk may build on. future_tolerance_s: how far
    its stamp may be ahead of now. clock_jump_s: ticks further apart than this are a jump of the
    clock. resync_rad: an arm further than this from its last command was moved by somebody.
    """

    period_ns: int = 40_000_000
    mode: str = 'async'
    splice_s: float = 0.2
    request_margin_s: float = 0.08
    request_timeout_s: float = 10.0
    retry_s: float = 0.2
    stale_after_s: float = 10.0
    future_tolerance_s: float = 0.1
    clock_jump_s: float = 0.5
    resync_rad: float = 0.15

    def __post_init__(self) -> None:
        check_mode(self.mode)
        for name in (entry.name for entry in fields(self) if entry.name != 'mode'):
            value = getattr(self, name)
            above = name in ('period_ns', 'request_timeout_s', 'clock_jump_s')
            if not math.isfinite(value) or value < 0 or (above and value == 0):
                bound = 'above 0' if above else 'at least 0'
                raise WamError(f'executor: {name} = {value!r}, expected a finite number {bound}')

    @property
    def splice_ns(self) -> int:
        """``splice_s`` in ns."""
        return to_ns(self.splice_s)


def to_ns(seconds: float) -> int:
    """Whole nanoseconds of a duration in s."""
    return round(seconds * 1e9)
