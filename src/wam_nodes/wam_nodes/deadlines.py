"""When a periodic call is due: the multiples of its period, whatever the clock does."""

from typing import Final

_JUMP_NS: Final = 500_000_000  # of a clock that may jump: more than this is not lateness


class Deadlines:
    """Deadlines on a grid. A clock reading comes in, what is due comes out; it never waits.

    Each slot of the grid gets at most one call. Slots that passed without one are counted in
    ``missed`` and never made up for.

    may_jump: for /clock: after a jump the next multiple of the period is due, and nothing was
    missed. Otherwise every slot that passed counts, however many.

    They begin at the first reading, or where ``align`` makes them begin.
    """

    def __init__(self, period_ns: int, may_jump: bool) -> None:
        self._period_ns = period_ns
        self._may_jump = may_jump
        self._newest_ns: int | None = None
        self.due_ns = 0
        self.missed = 0

    def align(self, now_ns: int, phase_ns: int) -> None:
        """Makes the next deadline. now_ns: on the grid's clock.

        phase_ns: the same moment on the clock whose multiples of the period are wanted.
        """
        self._newest_ns = now_ns
        self.due_ns = now_ns + -phase_ns % self._period_ns

    def take(self, now_ns: int) -> int | None:
        """The deadline that a call now is for; None when nothing is due yet."""
        if self._newest_ns is None or now_ns < self._newest_ns:
            self.align(now_ns, now_ns)
        self._newest_ns = now_ns
        if self._may_jump and now_ns - self.due_ns >= _JUMP_NS:
            self.align(now_ns, now_ns)
        if now_ns < self.due_ns:
            return None
        passed = (now_ns - self.due_ns) // self._period_ns
        self.missed += passed
        deadline_ns = self.due_ns + passed * self._period_ns
        self.due_ns = deadline_ns + self._period_ns
        return deadline_ns
