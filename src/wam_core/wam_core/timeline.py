"""Chunks merged into one plan that is indexed by time, without a jump where they join."""

from dataclasses import dataclass

from wam_core.chunk import Chunk, Refusal, RefusalReason
from wam_core.joints import Vector


@dataclass(frozen=True)
class Merge:
    """rows_skipped: leading rows that were past at the merge; rows_used: the rest."""

    rows_skipped: int
    rows_used: int


@dataclass(frozen=True)
class Sample:
    """position: (14,) rad, grippers 0..1. row: fractional row of the chunk ``request_id``."""

    position: Vector
    request_id: int
    row: float


@dataclass(frozen=True)
class _Plan:
    """The running chunk. offset: (14,) what the old plan was ahead of it at ``merged_ns``."""

    chunk: Chunk
    anchor_ns: int
    merged_ns: int
    offset: Vector


class ChunkTimeline:
    """The plan: rows due from an anchor on, linear between rows, each row owns one period.

    At a merge the position offset between the running plan and the new one is kept and then
    faded out over ``splice_ns`` along a minimum-jerk curve, so the target never jumps.
    """

    def __init__(self, splice_ns: int) -> None:
        self._splice_ns = splice_ns
        self._plan: _Plan | None = None

    def merge(self, chunk: Chunk, now_ns: int, held: Vector, *, anchored: bool) -> Merge | Refusal:
        """Follows ``chunk`` from ``now_ns`` on.

        held: (14,) where the arms are told to be if no plan is running. anchored: row 0 is due
        now (sync); otherwise row k is due at ``t_obs + k dt`` and rows before now are dropped.
        """
        anchor_ns = now_ns if anchored else chunk.t_obs_ns
        refusal = past(chunk, anchor_ns, now_ns)
        if refusal is not None:
            return refusal
        skipped = _rows_before(chunk, anchor_ns, now_ns)
        running = self.sample(now_ns)
        base = held if running is None else running.position
        offset = base - _row(chunk, anchor_ns, now_ns)[0]
        self._plan = _Plan(chunk, anchor_ns, now_ns, offset)
        return Merge(skipped, len(chunk.actions) - skipped)

    def sample(self, t_ns: int) -> Sample | None:
        """The target at ``t_ns``; None when nothing is due any more or was ever merged."""
        plan = self._plan
        if plan is None or t_ns >= plan.anchor_ns + plan.chunk.duration_ns:
            return None
        position, row = _row(plan.chunk, plan.anchor_ns, t_ns)
        remaining = 1.0 - _minimum_jerk(t_ns - plan.merged_ns, self._splice_ns)
        return Sample(position + remaining * plan.offset, plan.chunk.request_id, row)

    @property
    def end_ns(self) -> int | None:
        """When the last row's period ends; None without a plan."""
        if self._plan is None:
            return None
        return self._plan.anchor_ns + self._plan.chunk.duration_ns

    def rows_remaining(self, t_ns: int) -> int:
        """Rows that are due at ``t_ns`` or later."""
        if self._plan is None:
            return 0
        chunk = self._plan.chunk
        return len(chunk.actions) - _rows_before(chunk, self._plan.anchor_ns, t_ns)

    def clear(self) -> None:
        """Forgets the plan."""
        self._plan = None


def past(chunk: Chunk, anchor_ns: int, now_ns: int) -> Refusal | None:
    """A refusal when even the last row of a chunk whose row 0 was due at the anchor is past."""
    rows = len(chunk.actions)
    if _rows_before(chunk, anchor_ns, now_ns) < rows:
        return None
    return Refusal(
        RefusalReason.PAST,
        f'every row is past: row 0 was due {(now_ns - anchor_ns) / 1e9:.3f} s ago, '
        f'the last of {rows} rows {(rows - 1) * chunk.dt_ns / 1e9:.3f} s after it',
    )


def _rows_before(chunk: Chunk, anchor_ns: int, t_ns: int) -> int:
    """How many rows are due before ``t_ns``."""
    rows = -((anchor_ns - t_ns) // chunk.dt_ns)  # the division rounded up
    return min(max(rows, 0), len(chunk.actions))


def _row(chunk: Chunk, anchor_ns: int, t_ns: int) -> tuple[Vector, float]:
    """Position between the two rows around ``t_ns``, and the fractional row."""
    last = len(chunk.actions) - 1
    row = min(max((t_ns - anchor_ns) / chunk.dt_ns, 0.0), float(last))
    index = int(row)
    here, following = chunk.actions[index], chunk.actions[min(index + 1, last)]
    return here + (row - index) * (following - here), row


def _minimum_jerk(elapsed_ns: int, duration_ns: int) -> float:
    """0 to 1 with zero velocity and acceleration at both ends (Flash and Hogan 1985)."""
    if elapsed_ns >= duration_ns:
        return 1.0
    tau = max(elapsed_ns / duration_ns, 0.0)
    return tau**3 * (10.0 - 15.0 * tau + 6.0 * tau**2)
