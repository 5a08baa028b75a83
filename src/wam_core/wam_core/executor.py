"""The executor: the state machine that turns chunks into one limited command per tick."""

from typing import Final

import numpy as np

from wam_core.chunk import ChunkFields, Refusal, RefusalReason
from wam_core.errors import WamError
from wam_core.executor_config import (
    MODES,
    SOURCES,
    ExecutorConfig,
    check_mode,
    check_source,
    to_ns,
)
from wam_core.joints import ARM_SLICES, DIM, SIDE_SLICES, SIDES, Vector
from wam_core.limiter import JointLimiter, Limited
from wam_core.requests import ChunkRequest, RequestLedger
from wam_core.run import Run
from wam_core.status import ExecutorStatus, RunCounts, State
from wam_core.tick import Applied, Tick
from wam_core.timeline import Sample

__all__ = [
    'MODES',
    'SOURCES',
    'Applied',
    'ChunkRequest',
    'ExecutorConfig',
    'ExecutorCore',
    'Tick',
]

# A late tick must not authorise a leap: this many periods of motion at most, however late it is.
MAX_STEP_PERIODS: Final = 2


class ExecutorCore:
    """Follows one source at a time. Never raises because of data: it counts, reports, holds.

    IDLE sends nothing: the servos hold their last goal, and whoever moves the arms meanwhile is
    not fought by a command of before. From ``start`` on every tick has a command, as soon as
    the arms have been measured after it; a stop keeps the last one until ``reset``.
    """

    def __init__(self, config: ExecutorConfig, limiter: JointLimiter) -> None:
        self._config = config
        self._limiter = limiter
        self._ledger = RequestLedger(to_ns(config.request_timeout_s), to_ns(config.retry_s))
        self._run: Run | None = None
        self._counts = RunCounts()  # of the run, or of the last one
        self._state = State.IDLE
        self._mode, self._source, self._task = config.mode, '', ''
        self._generation = 0
        self._stop_reason = ''
        self._ticks = 0
        self._stamp_ns = 0
        self._command: Vector | None = None
        self._sending = False
        self._measured = np.full(DIM, np.nan)
        self._measured_ns: int | None = None
        self._measurements_ignored = 0

    def start(self, source: str, mode: str, task: str, now_ns: int) -> int:
        """Begins a run, in place of one that is active: its generation.

        mode: '' for the configured one. Raises WamError while stopped, and for a source or mode
        that there is not.
        """
        if self._state is State.STOPPED:
            raise WamError(
                f'start refused: the executor is stopped ({self._stop_reason}), '
                'reset it first (/executor/reset)'
            )
        checked = check_source(source), check_mode(mode or self._config.mode)
        self._source, self._mode = checked
        self._task = task
        self._generation += 1
        # A run that replaces an active one goes on from its command, which is fresh.
        self._sending = self._sending and self._run is not None
        self._run = Run(self._config, self._ledger, self._generation, self._mode, task, now_ns)
        self._counts = self._run.counts
        self._stamp_ns = now_ns
        self._state = State.HOLDING
        return self._generation

    def hold(self, now_ns: int) -> None:
        """Ends the run; the arms stay where they were told to be. A stop stays latched."""
        if self._state is not State.STOPPED:
            self._end(State.IDLE)
            self._sending = False

    def stop(self, reason: str, now_ns: int) -> None:
        """Latches the stop: the last command is held and nothing moves until ``reset``."""
        if self._state is not State.STOPPED:
            self._stop_reason = reason
            self._end(State.STOPPED)

    def reset(self, now_ns: int) -> None:
        """Lifts a latched stop; the executor is idle then. Does nothing without one."""
        if self._state is State.STOPPED:
            self._stop_reason = ''
            self._end(State.IDLE)
            self._sending = False

    def measured(self, position: Vector, stamp_ns: int) -> bool:
        """Takes the arms' newest position, (14,); False: not 14 finite numbers, ignored."""
        if np.shape(position) != (DIM,) or not np.all(np.isfinite(position)):
            self._measurements_ignored += 1
            return False
        self._measured = np.array(position, dtype=np.float64)
        self._measured_ns = stamp_ns
        return True

    def offer(self, fields: ChunkFields, now_ns: int) -> Refusal | None:
        """Takes a policy's answer: it takes effect at the next tick. Counts a refusal itself."""
        if self._run is not None:
            return self._run.offer(fields, now_ns)
        refusal = Refusal(
            RefusalReason.NOT_RUNNING,
            f'request_id = {fields.request_id} came while {self._state.name}, no run is active',
        )
        self._counts.refused(refusal)
        return refusal

    def request_refused(self, request_id: int, now_ns: int, text: str) -> None:
        """The policy did not take a request, or is not there: asked again after ``retry_s``."""
        if self._run is not None:
            self._run.request_refused(request_id, now_ns, text)

    def tick(self, now_ns: int, deadline_ns: int | None = None) -> Tick:
        """One period: what to send to the arms, to the recorder and to the policy, if anything.

        deadline_ns: when this tick was due; None: now.
        """
        elapsed_ns = now_ns - self._stamp_ns
        self._stamp_ns = now_ns
        self._ticks += 1
        self._counts.late(0.0 if deadline_ns is None else (now_ns - deadline_ns) / 1e6)
        if self._run is not None:
            if not 0 <= elapsed_ns <= to_ns(self._config.clock_jump_s):
                self._run.interrupt(now_ns)
            self._begin(self._run)
        if self._command is None or not self._sending:
            return Tick()
        sample = None if self._run is None else self._follow(self._run, self._command)
        bounded_ns = min(max(elapsed_ns, 0), MAX_STEP_PERIODS * self._config.period_ns)
        applied = self._apply(self._command, sample, bounded_ns / 1e9)
        request = None if self._run is None else self._run.ask(now_ns)
        return Tick(applied.limited, applied, request)

    @property
    def status(self) -> ExecutorStatus:
        """The state as of the last tick, with what came in since."""
        return ExecutorStatus(
            stamp_ns=self._stamp_ns,
            state=self._state,
            mode=self._mode,
            source=self._source,
            task=self._task,
            generation=self._generation,
            stop_reason=self._stop_reason,
            ticks=self._ticks,
            rows_remaining=0 if self._run is None else self._run.rows_remaining(self._stamp_ns),
            measurements_ignored=self._measurements_ignored,
            **self._counts.report(),
        )

    def _end(self, state: State) -> None:
        if self._run is not None:
            self._run.end()
        self._run = None
        self._source = ''
        self._state = state

    def _begin(self, run: Run) -> None:
        """Sends from now on, once the arms were measured in this run.

        An arm that was moved since its last command starts from where it is. One that was not
        starts from the command, so that it neither sags by its tracking error nor loosens its
        grip on what it holds.
        """
        if self._sending or self._measured_ns is None or self._measured_ns < run.since_ns:
            return
        command = self._measured.copy() if self._command is None else self._command.copy()
        for side in SIDES:
            arm = ARM_SLICES[side]
            moved = np.abs(command[arm] - self._measured[arm]).max() > self._config.resync_rad
            if moved:
                command[SIDE_SLICES[side]] = self._measured[SIDE_SLICES[side]]
        self._command = command
        self._sending = True

    def _follow(self, run: Run, held: Vector) -> Sample | None:
        sample = run.follow(self._stamp_ns, held)
        self._state = State.HOLDING if sample is None else State.RUNNING
        return sample

    def _apply(self, held: Vector, sample: Sample | None, dt_s: float) -> Applied:
        requested = held if sample is None else sample.position
        if self._run is None:  # stopped: not even a limit may move the arms
            limited = Limited(held, np.zeros(DIM, dtype=np.bool_), np.zeros(DIM, dtype=np.bool_))
        else:
            limited = self._limiter.limit(requested, held, dt_s)
        limited.position.setflags(write=False)
        self._command = limited.position
        self._counts.clamped(limited)
        return Applied(
            stamp_ns=self._stamp_ns,
            source='hold' if sample is None else self._source,
            request_id=0 if sample is None else sample.request_id,
            row=-1.0 if sample is None else sample.row,
            requested=requested,
            limited=limited.position,
            measured=self._measured,
            measured_stamp_ns=self._measured_ns or 0,
            position_clamped=limited.position_clamped,
            velocity_clamped=limited.velocity_clamped,
        )
