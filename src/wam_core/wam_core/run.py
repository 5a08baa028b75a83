"""One run of the executor: asks a policy for chunks, judges the answers, follows the plan."""

from wam_core.chunk import Chunk, ChunkFields, Refusal, RefusalReason, check
from wam_core.executor_config import ExecutorConfig, to_ns
from wam_core.joints import Vector
from wam_core.requests import ChunkRequest, RequestLedger
from wam_core.status import RunCounts
from wam_core.timeline import ChunkTimeline, Sample, past


class Run:
    """From a start to its end. Whether it may move the arms is the executor's business.

    sync: a chunk runs from row 0 at its merge to its last row, then the next is asked for, on an
    observation from after that. async: row k of a chunk runs at ``t_obs + k dt``, and the next is
    asked for early enough that it should arrive before the plan runs out.
    """

    def __init__(
        self,
        config: ExecutorConfig,
        ledger: RequestLedger,
        generation: int,
        mode: str,
        task: str,
        now_ns: int,
    ) -> None:
        self.generation = generation
        self.mode = mode
        self.task = task
        self.since_ns = now_ns  # observations and measurements of before are not of this run
        self.counts = RunCounts()
        self._config = config
        self._ledger = ledger
        self._timeline = ChunkTimeline(config.splice_ns)
        self._pending: Chunk | None = None
        self._newest_obs_ns: int | None = None
        self._following = False
        ledger.start()

    def offer(self, fields: ChunkFields, now_ns: int) -> Refusal | None:
        """Takes an answer, to be merged by the next ``follow``; counts a refusal."""
        chunk = self._consider(fields, now_ns)
        if isinstance(chunk, Refusal):
            self.counts.refused(chunk)
            return chunk
        self._pending = chunk
        return None

    def follow(self, now_ns: int, held: Vector) -> Sample | None:
        """The plan at ``now_ns``, a chunk that has come included; None when nothing is due.

        held: (14,) the last command, where a plan out of rest begins.
        """
        if self._pending is not None:
            self._merge(self._pending, now_ns, held)
            self._pending = None
        sample = self._timeline.sample(now_ns)
        if sample is not None:
            self.counts.steps += 1
        elif self._following and self.mode == 'async':
            self.counts.underruns += 1
        self._following = sample is not None
        return sample

    def ask(self, now_ns: int) -> ChunkRequest | None:
        """The request to send now, if it is time for one."""
        if self._ledger.expire(now_ns):
            self.counts.requests_timed_out += 1
        if not self._ledger.may_send(now_ns) or not self._wanted(now_ns):
            return None
        self.counts.requests_sent += 1
        return self._ledger.send(
            self.generation, self.task, self.mode, self._not_before_ns(), now_ns
        )

    def request_refused(self, request_id: int, now_ns: int, text: str) -> None:
        """The policy did not take a request; another one follows after a pause."""
        if self._ledger.withdraw(request_id, now_ns):
            self.counts.requests_refused += 1
            self.counts.last_request_refusal = text

    def interrupt(self, now_ns: int) -> None:
        """The clock jumped: plan and request belong to a time that is not ours any more."""
        self.counts.clock_jumps += 1
        self.end()
        self.since_ns = now_ns
        self._newest_obs_ns = None

    def end(self) -> None:
        """Forgets the plan and the request in flight."""
        self._timeline.clear()
        self._ledger.abandon()
        self._pending = None
        self._following = False

    def rows_remaining(self, now_ns: int) -> int:
        """Rows of the plan that are due now or later."""
        return self._timeline.rows_remaining(now_ns)

    def _wanted(self, now_ns: int) -> bool:
        end_ns = self._timeline.end_ns
        if end_ns is None or now_ns >= end_ns:
            return True
        lead_ns = self._ledger.expected_latency_ns + to_ns(self._config.request_margin_s)
        return self.mode == 'async' and end_ns - now_ns <= lead_ns

    def _not_before_ns(self) -> int:
        if self.mode == 'sync':
            newer_ns = self._timeline.end_ns  # what the arms look like at the end of the chunk
        else:
            newer_ns = None if self._newest_obs_ns is None else self._newest_obs_ns + 1
        return self.since_ns if newer_ns is None else max(self.since_ns, newer_ns)

    def _merge(self, chunk: Chunk, now_ns: int, held: Vector) -> None:
        merge = self._timeline.merge(chunk, now_ns, held, anchored=self.mode == 'sync')
        if isinstance(merge, Refusal):
            self.counts.refused(merge)
            self._ledger.pause(now_ns)
            return
        self._newest_obs_ns = chunk.t_obs_ns
        self.counts.chunks_merged += 1
        self.counts.latency_s = self._ledger.merged(now_ns)
        self.counts.rows_skipped = merge.rows_skipped

    def _consider(self, fields: ChunkFields, now_ns: int) -> Chunk | Refusal:
        if fields.generation != self.generation:
            return Refusal(
                RefusalReason.WRONG_GENERATION,
                f'generation = {fields.generation}, expected {self.generation}',
            )
        request = self._ledger.answer(fields.request_id)
        if isinstance(request, Refusal):
            return request
        chunk = self._judge(fields, request, now_ns)
        if isinstance(chunk, Refusal):
            self._ledger.pause(now_ns)
        return chunk

    def _judge(self, fields: ChunkFields, request: ChunkRequest, now_ns: int) -> Chunk | Refusal:
        if fields.task != self.task:
            return Refusal(
                RefusalReason.WRONG_TASK, f'task = {fields.task!r}, expected {self.task!r}'
            )
        chunk = check(fields)
        if isinstance(chunk, Refusal):
            return chunk
        return self._age(chunk, request, now_ns) or chunk

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
        return past(chunk, chunk.t_obs_ns, now_ns) if self.mode == 'async' else None
