"""The executor's numbers and the names that it knows."""

import math
from dataclasses import dataclass, field
from typing import Final

from wam_core.errors import WamError
from wam_core.watchdog import WatchdogConfig

MODES: Final = ('sync', 'async', 'rtc')
SOURCES: Final = (
    'policy',
    'teleop',
    'replay',
)  # that a run can be given to; homing is a run itself
POSES: Final = ('start', 'sleep')

_ABOVE_ZERO: Final = (
    'period_ns',
    'request_timeout_s',
    'clock_jump_s',
    'target_timeout_s',
    'homing_share',
)


def check_mode(mode: str) -> str:
    """The mode itself; WamError for one that the executor can't run."""
    return _one_of('mode', mode, MODES)


def check_source(source: str) -> str:
    """The source itself; WamError for one that the executor can't follow."""
    return _one_of('source', source, SOURCES)


def check_pose(pose: str) -> str:
    """The pose itself; WamError for one that a rig has not."""
    return _one_of('pose', pose, POSES)


@dataclass(frozen=True)
class ExecutorConfig:
    """Numbers of config/executor.yaml. WamError for one that is out of range.

    period_ns: between ticks. mode: of runs that don't name one. splice_s: fade of the offset at
    a merge, at least. request_margin_s: async asks this much earlier than the answer is expected
    to take. request_timeout_s: an unanswered request counts as lost. retry_s: pause after a
    refused one. stale_after_s: oldest observation that a chunk may build on. future_tolerance_s:
    how far its stamp may be ahead of now. clock_jump_s: ticks further apart than this are a jump
    of the clock. resync_rad: an arm further than this from its last command was moved by somebody.
    target_timeout_s: a teleop or replay target older than this is none. homing_share: 0..1, of the
    limits, for slews to named poses.
    """

    period_ns: int = 40_000_000
    mode: str = 'async'
    splice_s: float = 0.4
    request_margin_s: float = 0.08
    request_timeout_s: float = 10.0
    retry_s: float = 0.2
    stale_after_s: float = 10.0
    future_tolerance_s: float = 0.1
    clock_jump_s: float = 0.5
    resync_rad: float = 0.15
    target_timeout_s: float = 0.2
    homing_share: float = 0.2
    watchdogs: WatchdogConfig = field(default_factory=WatchdogConfig)

    def __post_init__(self) -> None:
        check_mode(self.mode)
        for name, value in vars(self).items():
            if name in ('mode', 'watchdogs'):
                continue
            above = name in _ABOVE_ZERO
            if not math.isfinite(value) or value < 0 or (above and value == 0):
                bound = 'above 0' if above else 'at least 0'
                raise WamError(f'executor: {name} = {value!r}, expected a finite number {bound}')
        if self.homing_share > 1.0:
            raise WamError(f'executor: homing_share = {self.homing_share!r}, allowed up to 1')


def to_ns(seconds: float) -> int:
    """Whole nanoseconds of a duration in s."""
    return round(seconds * 1e9)


def _one_of(what: str, name: str, allowed: tuple[str, ...]) -> str:
    if name not in allowed:
        raise WamError(f'unknown {what} {name!r}, allowed: {", ".join(allowed)}')
    return name
