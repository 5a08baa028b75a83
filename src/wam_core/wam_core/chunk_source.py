"""The source ``policy``: asks for chunks, judges the answers, follows the plan that they make."""

from collections import deque
from typing import Final

import numpy as np

from wam_core.aim import Aim
from wam_core.chunk import MAX_ROWS, Chunk, ChunkFields, Refusal, RefusalReason
from wam_core.executor_config import ExecutorConfig, to_ns
from wam_core.joints import DIM, Vector
from wam_core.motion_limits import MotionLimits
from wam_core.requests import ChunkRequest, Matrix, RequestLedger
from wam_core.spline import Motion
from wam_core.status import RunCounts
from wam_core.timeline import ChunkTimeline, past

PREFIX_BACK_NS: Final = 200_000_000  # an observation may be this much older than its request


class ChunkSource:
    """From the moment when the policy gets the arms to the moment when it loses them.

    sync: a chunk runs from row 0 at its merge to its last row, then the next is asked for, on an
    observation from after that. async: row k of a chunk runs at ``t_obs + k dt``, and the next is
    asked for early enough that it should arrive before the plan runs out. rtc: async, and the
    request carries the rows that will have run by then; an answer that repeats them is followed
    from the first row after them, any other one as in async.

    In async and rtc too a request is made as in sync while there is no plan: the arms are at rest,
    so the chunk's first rows are not past when it comes. And with a policy that needs more than
    half of its chunk's time, which would make them stand still and jump, until it is quicker.
    """

    def __init__(
        self,
        config: ExecutorConfig,
        limits: MotionLimits,
        ledger: RequestLedger,
        counts: RunCounts,
        generation: int,
        mode: str,
        task: str,
        now_ns: int,
    ) -> None:
        self.generation, self.mode, self.task = generation, mode, task
        self._since_ns = now_ns  # observations of before are not of this run
        self._counts = counts
        self._config = config
        self._limits = limits
        self._ledger = ledger
        self._timeline = ChunkTimeline(config.splice_s, limits)
        self._pending: tuple[Chunk, ChunkRequest] | None = None
        self._chunk_ns = 0  # from the first to the last row of the newest chunk
        self._newest_obs_ns: int | None = None
        self._merged_ns: int | None = None
        self._following = False
        self._sent: deque[tuple[int, Vector]] = deque(
            maxlen=1 + PREFIX_BACK_NS // config.period_ns
        )
        ledger.start()

    def offer(self, fields: ChunkFields, checked: Chunk | Refusal, now_ns: int) -> Refusal | None:
        """Takes an answer, to be merged by the next ``follow``; counts a refusal.

        checked: what ``chunk.check`` makes of the fields.
        """
        found = self._consider(fields, checked, now_ns)
        if isinstance(found, Refusal):
            self._counts.refused(found)
            return found
        self._pending = found
        return None

    def follow(self, now_ns: int, command: Motion) -> Aim | None:
        """The plan at ``now_ns``, a chunk that has come included; None when nothing is due."""
        if self._pending is not None:
            self._merge(*self._pending, now_ns, command)
            self._pending = None
        sample = self._timeline.sample(now_ns)
        if sample is None:
            self._counts.underruns += self._following and self.mode != 'sync' and not self._slow
            self._following = False
            return None
        self._following = True
        self._counts.steps += 1
        self._sent.append((now_ns, sample.position))
        period_ns = self._config.period_ns
        ahead = [self._timeline.ahead(now_ns + tick * period_ns) for tick in (1, 2)]
        return Aim(np.array([sample.position, *ahead]), sample.request_id, sample.row)

    def rejoin(self, now_ns: int, command: Motion) -> None:
        """The plan went on while the arms were held: from now on it begins where they are."""
        self._timeline.rejoin(now_ns, command)

    def ask(self, now_ns: int) -> ChunkRequest | None:
        """The request to send now, if it is time for one."""
        if self._ledger.expire(now_ns):
            self._counts.requests_timed_out += 1
        if not self._ledger.may_send(now_ns) or not self._wanted(now_ns):
            return None
        mode = self.mode if self._following and not self._slow else 'sync'
        self._counts.requests_sent += 1
        self._counts.requests_as_sync += self._slow and self.mode != 'sync'
        prefix, prefix_start_ns = self._prefix(now_ns, mode)
        return self._ledger.send(
            ChunkRequest(
                self._ledger.next_id,
                self.generation,
                self.task,
                mode,
                self._not_before_ns(mode),
                prefix,
                prefix_start_ns,
            ),
            now_ns,
        )

    def request_refused(self, request_id: int, now_ns: int, text: str) -> None:
        """The policy did not take a request; another one follows after a pause."""
        if self._ledger.withdraw(request_id, now_ns):
            self._counts.requests_refused += 1
            self._counts.last_request_refusal = text

    def interrupt(self, now_ns: int) -> None:
        """The clock jumped: plan and request belong to a time that is not ours any more."""
        self.end()
        self._since_ns = now_ns
        self._newest_obs_ns = None

    def end(self) -> None:
        """Forgets the plan and the request in flight."""
        self._timeline.clear()
        self._ledger.abandon()
        self._pending = None
        self._merged_ns = None
        self._following = False
        self._sent.clear()

    def rows_remaining(self, now_ns: int) -> int:
        """Rows of the plan that are due now or later."""
        return self._timeline.rows_remaining(now_ns)

    def chunk_age_s(self, now_ns: int) -> float | None:
        """Since the newest chunk was merged; None while no plan runs."""
        if self._merged_ns is None or not self._following:
            return None
        return (now_ns - self._merged_ns) / 1e9

    def _lead_ns(self) -> int:
        """How long an answer is expected to take, in whole periods."""
        expected_ns = self._ledger.expected_latency_ns + to_ns(self._config.request_margin_s)
        period_ns = self._config.period_ns
        return -(-expected_ns // period_ns) * period_ns

    @property
    def _slow(self) -> bool:
        """Whether an answer comes too late for the plan to go on, whenever it is asked for."""
        return self._chunk_ns > 0 and 2 * self._ledger.typical_latency_ns > self._chunk_ns

    def _wanted(self, now_ns: int) -> bool:
        end_ns = self._timeline.end_ns
        if end_ns is None or now_ns >= end_ns:
            return True
        early = self.mode != 'sync' and not self._slow
        return early and end_ns - now_ns <= self._lead_ns()

    def _not_before_ns(self, mode: str) -> int:
        if mode == 'sync':
            newer_ns = self._timeline.end_ns  # what the arms look like at the end of the chunk
        else:
            newer_ns = None if self._newest_obs_ns is None else self._newest_obs_ns + 1
        return self._since_ns if newer_ns is None else max(self._since_ns, newer_ns)

    def _prefix(self, now_ns: int, mode: str) -> tuple[Matrix, int]:
        """(P, 14) rows that will have run when the answer comes, and when row 0 was due.

        It reaches back to the oldest observation that the answer may be based on: those rows have
        run already.
        """
        dt_ns, end_ns = self._timeline.dt_ns, self._timeline.end_ns
        if mode != 'rtc' or dt_ns is None or end_ns is None or not self._sent:
            return np.zeros((0, DIM)), 0
        start_ns = self._sent[0][0]
        longest_ns = (MAX_ROWS - 1) * dt_ns
        until_ns = min(now_ns + self._lead_ns(), end_ns, start_ns + longest_ns)
        times = np.arange(start_ns, until_ns + 1, dt_ns)
        stamps = np.array([stamp_ns for stamp_ns, _ in self._sent])
        sent = np.array([position for _, position in self._sent])
        gone = times[times <= stamps[-1]]
        rows = [np.column_stack([np.interp(gone, stamps, joint) for joint in sent.T])]
        rows += [self._timeline.ahead(int(time_ns))[None] for time_ns in times[len(gone) :]]
        # A plan may ask for more, and a splice of a wild one for far more, than ever runs.
        return np.clip(np.concatenate(rows), self._limits.lower, self._limits.upper), start_ns

    def _merge(self, chunk: Chunk, request: ChunkRequest, now_ns: int, command: Motion) -> None:
        frozen_ns = chunk.t_obs_ns + chunk.prefix_rows * chunk.dt_ns if chunk.prefix_rows else 0
        merge = self._timeline.merge(
            chunk, now_ns, command, anchored=request.mode == 'sync', begin_ns=frozen_ns
        )
        if isinstance(merge, Refusal):
            self._counts.refused(merge)
            self._ledger.pause(now_ns)
            return
        self._newest_obs_ns = chunk.t_obs_ns
        self._chunk_ns = chunk.last_ns
        self._merged_ns = now_ns
        counts = self._counts
        counts.chunks_merged += 1
        counts.latency_s = self._ledger.merged(now_ns)
        counts.observation_age_s = (now_ns - chunk.t_obs_ns) / 1e9
        counts.rows_skipped = merge.rows_skipped
        counts.splice_rad = merge.splice_rad

    def _consider(
        self, fields: ChunkFields, checked: Chunk | Refusal, now_ns: int
    ) -> tuple[Chunk, ChunkRequest] | Refusal:
        if fields.generation != self.generation:
            return Refusal(
                RefusalReason.WRONG_GENERATION,
                f'generation = {fields.generation}, expected {self.generation}',
            )
        request = self._ledger.answer(fields.request_id)
        if isinstance(request, Refusal):
            return request
        chunk = self._judge(fields, checked, request, now_ns)
        if isinstance(chunk, Refusal):
            self._ledger.pause(now_ns)
            return chunk
        return chunk, request

    def _judge(
        self, fields: ChunkFields, checked: Chunk | Refusal, request: ChunkRequest, now_ns: int
    ) -> Chunk | Refusal:
        if fields.task != self.task:
            return Refusal(
                RefusalReason.WRONG_TASK, f'task = {fields.task!r}, expected {self.task!r}'
            )
        if fields.prefix_rows and not len(request.prefix):
            return Refusal(
                RefusalReason.MALFORMED,
                f'prefix_rows = {fields.prefix_rows}, allowed 0: the request had no prefix',
            )
        if isinstance(checked, Refusal):
            return checked
        return self._age(checked, request, now_ns) or checked

    def _age(self, chunk: Chunk, request: ChunkRequest, now_ns: int) -> Refusal | None:
        age_s = (now_ns - chunk.t_obs_ns) / 1e9
        config = self._config
        if age_s < -config.future_tolerance_s:
            return Refusal(
                RefusalReason.FUTURE,
                f't_obs is {-age_s:.3f} s ahead of now, '
                f'allowed {config.future_tolerance_s:g} s (future_tolerance_s)',
            )
        if age_s > config.stale_after_s:
            return Refusal(
                RefusalReason.STALE,
                f't_obs was {age_s:.3f} s ago, allowed {config.stale_after_s:g} s (stale_after_s)',
            )
        if chunk.t_obs_ns < request.not_before_ns:
            early_s = (request.not_before_ns - chunk.t_obs_ns) / 1e9
            return Refusal(
                RefusalReason.STALE,
                f't_obs is {early_s:.3f} s before what request {request.request_id} allows',
            )
        return None if request.mode == 'sync' else past(chunk, chunk.t_obs_ns, now_ns)
