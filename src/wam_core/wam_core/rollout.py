"""When a rollout is over, and with what outcome."""

from collections.abc import Sequence
from dataclasses import dataclass

from wam_core.status import State
from wam_core.task import TaskSpec


@dataclass(frozen=True)
class RolloutLimits:
    """time_limit_ns: from the first chunk. success_hold_ns: kept running after a success.

    first_chunk_ns: until the first chunk. starvation_ns: without a chunk after that.
    silence_ns: without a word from the executor.
    """

    time_limit_ns: int
    success_hold_ns: int
    first_chunk_ns: int
    starvation_ns: int
    silence_ns: int


@dataclass(frozen=True)
class Ending:
    """outcome: success, failure, aborted; empty: nobody can tell (a rig without a simulator).

    starved: for want of chunks; why there were none, other nodes know.
    """

    outcome: str
    message: str
    starved: bool = False


class RolloutMonitor:
    """Watches one run of the executor and, in simulation, the truth about the task.

    Times are ns on the ROS clock. feed: what keeps the arms moving, for messages.
    """

    def __init__(
        self,
        task: TaskSpec,
        limits: RolloutLimits,
        generation: int,
        now_ns: int,
        *,
        simulated: bool,
        feed: str = 'chunk',
    ) -> None:
        self._task = task
        self._feed = feed
        self._limits = limits
        self._generation = generation
        self._simulated = simulated
        self._begun_ns = now_ns
        self._heard_ns = now_ns
        self._running_ns: int | None = None  # of the newest tick that followed the timeline
        self._success_ns: int | None = None
        self._stop_reason: str | None = None
        self._ended = False
        self._finished = ''
        self.first_chunk_ns: int | None = None
        self.steps = 0
        self.stage = 0

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages reached, in the task's order."""
        return tuple(stage.name for stage in self._task.stages[: self.stage])

    @property
    def score(self) -> float:
        """0..100, of the highest stage reached."""
        return self._task.score(self.stage)

    def elapsed_ns(self, now_ns: int) -> int:
        """Since the first chunk; 0 before it."""
        return 0 if self.first_chunk_ns is None else now_ns - self.first_chunk_ns

    def executor(self, now_ns: int, state: State, generation: int, stop_reason: str) -> None:
        """Takes one ExecutorState."""
        if generation < self._generation:  # published before the run started
            return
        self._heard_ns = now_ns
        if state is State.STOPPED:
            self._stop_reason = stop_reason
        elif state is State.IDLE or generation > self._generation:
            self._ended = True
        elif state is State.RUNNING:
            self.steps += 1
            self._running_ns = now_ns
            if self.first_chunk_ns is None:
                self.first_chunk_ns = now_ns

    def truth(self, now_ns: int, stage: int) -> Sequence[str]:
        """Takes the highest stage reached since the reset; the names of those that are new."""
        known, self.stage = self.stage, max(self.stage, min(stage, len(self._task.stages)))
        if self._success_ns is None and self._task.succeeded(self.stage):
            self._success_ns = now_ns
        return self.stages[known:]

    def finish(self, text: str) -> None:
        """A person ends it. text: how."""
        self._finished = text

    def ending(self, now_ns: int) -> Ending | None:
        """The end, once there is a reason for one; what is broken comes before all else.

        A success that was reached counts even if it is lost again, as in gym_aloha's rewards. In
        simulation the truth about the task is the outcome, on a real rig a person says it later.
        """
        return self._broken(now_ns) or self._judged(now_ns) or self._finish()

    def _broken(self, now_ns: int) -> Ending | None:
        limits = self._limits
        if self._stop_reason is not None:
            return Ending('aborted', f'the executor was stopped: {self._stop_reason}')
        if self._ended:
            return Ending('aborted', 'the executor ended the run: somebody else took over')
        if now_ns - self._heard_ns > limits.silence_ns:
            return Ending('aborted', f'no executor state for {limits.silence_ns / 1e9:g} s')
        if self._running_ns is None:
            if now_ns - self._begun_ns > limits.first_chunk_ns:
                return _starved(f'no {self._feed} within {limits.first_chunk_ns / 1e9:g} s')
        elif now_ns - self._running_ns > limits.starvation_ns:
            return _starved(f'no {self._feed} for {limits.starvation_ns / 1e9:g} s')
        return None

    def _judged(self, now_ns: int) -> Ending | None:
        if self._success_ns is not None:
            if now_ns - self._success_ns < self._limits.success_hold_ns:
                return None
            return Ending('success', f'stage {self._task.success!r} was reached')
        if self.elapsed_ns(now_ns) <= self._limits.time_limit_ns:
            return None
        return self._over(f'time limit of {self._limits.time_limit_ns / 1e9:g} s')

    def _finish(self) -> Ending | None:
        return self._over(self._finished) if self._finished else None

    def _over(self, text: str) -> Ending:
        if not self._simulated:
            return Ending('', f'{text}; the outcome is not labelled')
        succeeded = self._task.succeeded(self.stage)
        return Ending('success' if succeeded else 'failure', text)


def _starved(message: str) -> Ending:
    return Ending('aborted', message, starved=True)
