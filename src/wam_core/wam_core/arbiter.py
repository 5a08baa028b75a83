"""Which source has the arms: one at a time, for a run, with explicit handovers."""

from collections.abc import Mapping
from typing import Final

from wam_core.aim import Aim, Source
from wam_core.chunk import Chunk, ChunkFields, Refusal, RefusalReason
from wam_core.chunk_source import ChunkSource
from wam_core.errors import WamError
from wam_core.executor_config import (
    SOURCES,
    ExecutorConfig,
    check_mode,
    check_pose,
    check_source,
    to_ns,
)
from wam_core.homing import Homing
from wam_core.joints import Vector
from wam_core.motion_limits import MotionLimits
from wam_core.requests import ChunkRequest, RequestLedger
from wam_core.spline import Motion
from wam_core.status import RunCounts
from wam_core.target_source import TargetSource

_HOMING: Final = 'homing'


class Arbiter:
    """The active run: its source, and what its messages are worth.

    poses: name -> (14,) that homing goes to. What comes from another source than the active one
    is counted and ignored.
    """

    def __init__(
        self, config: ExecutorConfig, limits: MotionLimits, poses: Mapping[str, Vector]
    ) -> None:
        self._config = config
        self._limits = limits
        self._poses = poses
        self._ledger = RequestLedger(to_ns(config.request_timeout_s), to_ns(config.retry_s))
        self._grace_ns = to_ns(config.target_timeout_s)
        self._source: Source | None = None
        self._before, self._handed_ns = '', 0  # who had the arms until the last handover, and when
        self.name = ''  # of the source
        self.mode, self.task = config.mode, ''
        self.generation = 0
        self.since_ns = 0
        self.counts = RunCounts()  # of the run, or of the last one

    @property
    def active(self) -> bool:
        """Whether there is a run."""
        return self._source is not None

    @property
    def homing(self) -> Homing | None:
        """The slew that is running."""
        return self._source if isinstance(self._source, Homing) else None

    @property
    def chunks(self) -> ChunkSource | None:
        """The policy's source, while it has the arms."""
        return self._source if isinstance(self._source, ChunkSource) else None

    def check(self, source: str, mode: str) -> str:
        """The mode that a run of this source would have. WamError for one that there is not."""
        check_source(source)
        return check_mode(mode or self._config.mode)

    def pose(self, name: str) -> Vector:
        """(14,) of a named pose. WamError for an unknown one."""
        return self._poses[check_pose(name)]

    def start(self, source: str, mode: str, task: str, now_ns: int) -> None:
        """Begins a run, in place of one that is active."""
        self._renew(now_ns)
        self.mode, self.task = mode, task
        self._give(source, now_ns)

    def home(self, pose: str, now_ns: int) -> Homing:
        """Begins a slew to a named pose, in place of an active run."""
        self._renew(now_ns)
        self.mode, self.task, self.name = '', '', _HOMING
        homing = Homing(
            pose, self.pose(pose), self._limits, self._config.homing_share, self._config.period_ns
        )
        self._source = homing
        return homing

    def handover(self, source: str, now_ns: int) -> None:
        """Gives the run to another source. WamError for an unknown one, or without a run."""
        name = check_source(source)
        if self._source is None or self.name not in SOURCES:
            raise WamError(f'handover to {source!r} refused: no run that could change hands')
        if name != self.name:
            self._before, self._handed_ns = self.name, now_ns
            self._source.end()
            self._give(name, now_ns)

    def end(self) -> None:
        """Ends the run."""
        if self._source is not None:
            self._source.end()
        self._source, self.name = None, ''

    def offer(self, fields: ChunkFields, checked: Chunk | Refusal, now_ns: int) -> Refusal | None:
        """Takes a policy's answer, or counts why not."""
        if isinstance(self._source, ChunkSource):
            return self._source.offer(fields, checked, now_ns)
        return self._inactive(f'request_id = {fields.request_id}')

    def target(self, source: str, position: Vector, stamp_ns: int, now_ns: int) -> Refusal | None:
        """Takes a target of teleop or replay, or counts why not."""
        if self._source is None:
            # A stream of targets outlives its run by a message or two, which is nobody's fault.
            text = f'target of {source!r} came, no run is active'
            return Refusal(RefusalReason.NOT_RUNNING, text)
        if not isinstance(self._source, TargetSource) or source != self.name:
            if source == self._before and now_ns - self._handed_ns <= self._grace_ns:
                # The last ones of who had the arms until now.
                text = f'target of {source!r} came after the handover to {self.name!r}'
                return Refusal(RefusalReason.INACTIVE_SOURCE, text)
            return self._inactive(f'target of {source!r}')
        refusal = self._source.offer(position, stamp_ns, now_ns)
        if refusal is not None:
            self.counts.refused(refusal)
        return refusal

    def request_refused(self, request_id: int, now_ns: int, text: str) -> None:
        """The policy did not take a request."""
        if isinstance(self._source, ChunkSource):
            self._source.request_refused(request_id, now_ns, text)

    def interrupt(self, now_ns: int, command: Motion) -> None:
        """The clock jumped."""
        self.counts.clock_jumps += 1
        self.since_ns = now_ns
        if isinstance(self._source, ChunkSource):
            self._source.interrupt(now_ns)
        self.rejoin(now_ns, command)

    def rejoin(self, now_ns: int, command: Motion) -> None:
        """The arms were held meanwhile."""
        if self._source is not None:
            self._source.rejoin(now_ns, command)

    def follow(self, now_ns: int, command: Motion) -> Aim | None:
        """What the active source wants now; None: that the arms come to rest."""
        return None if self._source is None else self._source.follow(now_ns, command)

    def ask(self, now_ns: int) -> ChunkRequest | None:
        """The request to send to the policy now, if it is time for one."""
        return None if self._source is None else self._source.ask(now_ns)

    def _renew(self, now_ns: int) -> None:
        self.end()
        self.generation += 1
        self._before = ''
        self.since_ns = now_ns
        self.counts = RunCounts()

    def _give(self, name: str, now_ns: int) -> None:
        config = self._config
        self.name = name
        if name == 'policy':
            self._source = ChunkSource(
                config,
                self._limits,
                self._ledger,
                self.counts,
                self.generation,
                self.mode,
                self.task,
                now_ns,
            )
            return
        self._source = TargetSource(
            config.splice_s,
            config.target_timeout_s,
            config.future_tolerance_s,
            self._limits,
            config.period_ns,
        )

    def _inactive(self, what: str) -> Refusal:
        if self._source is None:
            refusal = Refusal(RefusalReason.NOT_RUNNING, f'{what} came, no run is active')
        else:
            text = f'{what} came, the active source is {self.name!r}'
            refusal = Refusal(RefusalReason.INACTIVE_SOURCE, text)
            self.counts.inactive_messages += 1
        self.counts.refused(refusal)
        return refusal
