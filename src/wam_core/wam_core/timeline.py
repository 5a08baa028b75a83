"""Chunks merged into one plan that is indexed by time, without a jump where they join."""

from dataclasses import dataclass, replace

from wam_core.chunk import Chunk, Refusal, RefusalReason
from wam_core.joints import Vector
from wam_core.motion_limits import MotionLimits
from wam_core.splice import NO_FADE, Ease, Fade, fade
from wam_core.spline import Motion


@dataclass(frozen=True)
class Merge:
    """rows_skipped: leading rows that were past. splice_rad: the largest offset that fades."""

    rows_skipped: int
    splice_rad: float


@dataclass(frozen=True)
class Sample:
    """position: (14,) rad, grippers 0..1. row: fractional row of the chunk ``request_id``."""

    position: Vector
    request_id: int
    row: float


@dataclass(frozen=True)
class _Plan:
    """A chunk from ``begin_ns`` on; row 0 is, or was, due at ``anchor_ns``."""

    chunk: Chunk
    anchor_ns: int
    begin_ns: int
    fade: Fade
    ease: Ease

    @property
    def end_ns(self) -> int:
        return self.anchor_ns + self.chunk.last_ns + round(self.ease.delay_s * 1e9)

    def row(self, t_ns: int) -> float:
        return self.ease.at((t_ns - self.anchor_ns) / 1e9).time_s * 1e9 / self.chunk.dt_ns

    def at(self, t_ns: int) -> Motion:
        motion = self.path(t_ns)
        left = self.fade.at((t_ns - self.begin_ns) / 1e9)
        if left is None:
            return motion
        return Motion(
            motion.position + left.position,
            motion.velocity + left.velocity,
            motion.acceleration + left.acceleration,
        )

    def path(self, t_ns: int) -> Motion:
        """Without the splice."""
        pace = self.ease.at((t_ns - self.anchor_ns) / 1e9)
        motion = self.chunk.curve.at(pace.time_s * 1e9 / self.chunk.dt_ns)
        if pace.rate == 1.0:
            return motion
        acceleration = motion.acceleration * pace.rate**2 + motion.velocity * pace.change
        return Motion(motion.position, motion.velocity * pace.rate, acceleration)


class ChunkTimeline:
    """The plan: a curve through rows that are due from an anchor on, until the last row.

    At a merge the offset of position, velocity and acceleration between the running plan and the
    new one fades over ``splice_s``, or longer where the limits ask for it. A chunk that starts at
    its row 0, from rest, gets up to its pace in that time, so that there is nothing to catch up.
    """

    def __init__(self, splice_s: float, limits: MotionLimits) -> None:
        self._splice_s = splice_s
        self._limits = limits
        self._plan: _Plan | None = None
        self._next: _Plan | None = None  # takes over at its begin

    def merge(
        self, chunk: Chunk, now_ns: int, command: Motion, *, anchored: bool, begin_ns: int = 0
    ) -> Merge | Refusal:
        """Follows ``chunk`` from now on, or from ``begin_ns`` on, or from the end of the plan on.

        command: what the arms are told to do now, where a plan that comes after none begins.
        anchored: row 0 is due now (sync); otherwise row k is due at ``t_obs + k dt`` and rows
        before now are dropped.
        """
        anchor_ns = now_ns if anchored else chunk.t_obs_ns
        refusal = past(chunk, anchor_ns, now_ns)
        if refusal is not None:
            return refusal
        running = self._running(now_ns)
        if running is None:
            begin_ns = now_ns
        else:
            ends_ns = min(running.end_ns, anchor_ns + chunk.last_ns)
            begin_ns = min(max(begin_ns, now_ns), ends_ns)
        base = command if running is None else running.at(begin_ns)
        plan = self._spliced(chunk, anchor_ns, begin_ns, base, self._splice_s if anchored else 0.0)
        if begin_ns > now_ns:
            self._plan, self._next = running, plan
        else:
            self._plan, self._next = plan, None
        return Merge(_rows_before(chunk, anchor_ns, now_ns), plan.fade.size_rad)

    def sample(self, t_ns: int) -> Sample | None:
        """The target at ``t_ns``; None when nothing is due any more or was ever merged."""
        plan = self._running(t_ns)
        if plan is None:
            return None
        return Sample(plan.at(t_ns).position, plan.chunk.request_id, plan.row(t_ns))

    def ahead(self, t_ns: int) -> Vector:
        """The position at ``t_ns``; beyond the end of the plan it goes on at the last velocity."""
        plan = self._plan_at(t_ns)
        assert plan is not None
        motion = plan.at(min(t_ns, plan.end_ns))
        return motion.position + motion.velocity * (max(0, t_ns - plan.end_ns) / 1e9)

    def rejoin(self, now_ns: int, command: Motion) -> None:
        """Splices the running plan to ``command``: the arms were held while it went on."""
        plan = self._running(now_ns)
        if plan is not None:
            gap = fade(command, plan.path(now_ns), self._splice_s, self._limits)
            self._plan, self._next = replace(plan, begin_ns=now_ns, fade=gap), None

    @property
    def dt_ns(self) -> int | None:
        """Between the rows of the plan; None without one."""
        plan = self._next or self._plan
        return None if plan is None else plan.chunk.dt_ns

    @property
    def end_ns(self) -> int | None:
        """When the last row is due; None without a plan."""
        plan = self._next or self._plan
        return None if plan is None else plan.end_ns

    def rows_remaining(self, t_ns: int) -> int:
        """Rows that are due at ``t_ns`` or later."""
        plan = self._next or self._plan
        if plan is None:
            return 0
        return len(plan.chunk.actions) - _rows_before(plan.chunk, plan.anchor_ns, t_ns)

    def clear(self) -> None:
        """Forgets the plan."""
        self._plan = self._next = None

    def _spliced(
        self, chunk: Chunk, anchor_ns: int, begin_ns: int, base: Motion, ease_s: float
    ) -> _Plan:
        plan = _Plan(chunk, anchor_ns, begin_ns, NO_FADE, Ease(ease_s))
        gap = fade(base, plan.path(begin_ns), self._splice_s, self._limits)
        return replace(plan, fade=gap)

    def _running(self, t_ns: int) -> _Plan | None:
        plan = self._plan_at(t_ns)
        return None if plan is None or t_ns > plan.end_ns else plan

    def _plan_at(self, t_ns: int) -> _Plan | None:
        """The plan that has, or had, the arms then, even if it has ended."""
        return self._plan if self._next is None or t_ns < self._next.begin_ns else self._next


def past(chunk: Chunk, anchor_ns: int, now_ns: int) -> Refusal | None:
    """A refusal when even the last row of a chunk whose row 0 was due at the anchor is past."""
    rows = len(chunk.actions)
    if _rows_before(chunk, anchor_ns, now_ns) < rows:
        return None
    return Refusal(
        RefusalReason.PAST,
        f'every row is past: row 0 was due {(now_ns - anchor_ns) / 1e9:.3f} s ago, '
        f'the last of {rows} rows {chunk.last_ns / 1e9:.3f} s after it',
    )


def _rows_before(chunk: Chunk, anchor_ns: int, t_ns: int) -> int:
    """How many rows are due before ``t_ns``."""
    rows = -((anchor_ns - t_ns) // chunk.dt_ns)  # the division rounded up
    return min(max(rows, 0), len(chunk.actions))
