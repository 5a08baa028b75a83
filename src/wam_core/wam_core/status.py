"""What the executor says about itself: the state and the counts of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam_core.chunk import Refusal
from wam_core.joints import DIM
from wam_core.limiter import Limited
from wam_core.watchdog import Fault


class State(IntEnum):
    """The constants of wam_msgs/ExecutorState."""

    IDLE = 0
    RUNNING = 1
    HOLDING = 2
    STOPPED = 3


@dataclass(frozen=True)
class ExecutorStatus:
    """The fields of wam_msgs/ExecutorState as of the last tick, and more for diagnostics.

    stamp_ns: of the last tick; 0 before the first. refusals: reason -> count in this run.
    Not in the message: requests_*, clock_jumps, measurements_ignored, observation_age_s, s from
    the newest chunk's observation to its merge, and steps, the ticks of this run that followed the
    policy's plan.
    """

    stamp_ns: int
    state: State
    mode: str
    source: str
    task: str
    generation: int
    stop_reason: str
    pose: str
    faults: tuple[Fault, ...]
    at_rest: bool
    ticks: int
    chunks_merged: int
    chunks_refused: int
    refusals: Mapping[str, int]
    last_refusal: str
    inactive_messages: int
    underruns: int
    position_clamps: tuple[int, ...]
    velocity_clamps: tuple[int, ...]
    acceleration_clamps: tuple[int, ...]
    jerk_clamps: tuple[int, ...]
    rows_remaining: int
    latency_s: float
    observation_age_s: float
    rows_skipped: int
    splice_rad: float
    tick_lateness_ms: float
    tick_lateness_max_ms: float
    requests_sent: int
    requests_as_sync: int
    requests_refused: int
    requests_timed_out: int
    last_request_refusal: str
    clock_jumps: int
    measurements_ignored: int
    steps: int


def _zeros() -> NDArray[np.int64]:
    return np.zeros(DIM, dtype=np.int64)


@dataclass
class RunCounts:
    """What happened since the run started. Field meanings as in ExecutorStatus."""

    chunks_merged: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    last_refusal: str = ''
    inactive_messages: int = 0
    underruns: int = 0
    position_clamps: NDArray[np.int64] = field(default_factory=_zeros)
    velocity_clamps: NDArray[np.int64] = field(default_factory=_zeros)
    acceleration_clamps: NDArray[np.int64] = field(default_factory=_zeros)
    jerk_clamps: NDArray[np.int64] = field(default_factory=_zeros)
    latency_s: float = 0.0
    observation_age_s: float = 0.0
    rows_skipped: int = 0
    splice_rad: float = 0.0
    lateness_ms: float = 0.0
    lateness_max_ms: float = 0.0
    requests_sent: int = 0
    requests_as_sync: int = 0
    requests_refused: int = 0
    requests_timed_out: int = 0
    last_request_refusal: str = ''
    clock_jumps: int = 0
    steps: int = 0

    def refused(self, refusal: Refusal) -> None:
        """Counts a refused chunk."""
        reason = refusal.reason.value
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        self.last_refusal = f'{reason}: {refusal.text}'

    def clamped(self, limited: Limited) -> None:
        """Counts the joints that a limit held."""
        self.position_clamps += limited.position_clamped
        self.velocity_clamps += limited.velocity_clamped
        self.acceleration_clamps += limited.acceleration_clamped
        self.jerk_clamps += limited.jerk_clamped

    def report(self) -> dict[str, Any]:
        """The fields of ExecutorStatus that are counted here."""
        return {
            'chunks_merged': self.chunks_merged,
            'chunks_refused': sum(self.refusals.values()),
            'refusals': dict(self.refusals),
            'last_refusal': self.last_refusal,
            'inactive_messages': self.inactive_messages,
            'underruns': self.underruns,
            'position_clamps': tuple(self.position_clamps.tolist()),
            'velocity_clamps': tuple(self.velocity_clamps.tolist()),
            'acceleration_clamps': tuple(self.acceleration_clamps.tolist()),
            'jerk_clamps': tuple(self.jerk_clamps.tolist()),
            'latency_s': self.latency_s,
            'observation_age_s': self.observation_age_s,
            'rows_skipped': self.rows_skipped,
            'splice_rad': self.splice_rad,
            'tick_lateness_ms': self.lateness_ms,
            'tick_lateness_max_ms': self.lateness_max_ms,
            'requests_sent': self.requests_sent,
            'requests_as_sync': self.requests_as_sync,
            'requests_refused': self.requests_refused,
            'requests_timed_out': self.requests_timed_out,
            'last_request_refusal': self.last_request_refusal,
            'clock_jumps': self.clock_jumps,
            'steps': self.steps,
        }

    def late(self, lateness_ms: float) -> None:
        """Notes how far a tick was behind its deadline, ms."""
        self.lateness_ms = lateness_ms
        self.lateness_max_ms = max(self.lateness_max_ms, lateness_ms)
