"""Attempts that are spaced further apart the more of them fail."""

import time
from collections.abc import Callable
from typing import TypeVar

from wam_core.errors import WamError

Result = TypeVar('Result')


class Backoff:
    """After the n-th failure in a row, first_s * 2**(n - 1) pass before the next attempt.

    first_s, limit_s: s, the latter the longest wait. clock: monotonic, s.
    """

    def __init__(
        self,
        first_s: float,
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._first_s, self._limit_s = first_s, limit_s
        self._clock, self._sleep = clock, sleep
        self._delay_s = 0.0
        self._due_s = clock()

    def attempt(self, action: Callable[[], Result]) -> Result:
        """Waits until an attempt is due, then makes one. Raises what ``action`` raises.

        Only a WamError counts as a failure; success ends the waiting.
        """
        wait_s = self._due_s - self._clock()
        if wait_s > 0.0:
            self._sleep(wait_s)
        try:
            result = action()
        except WamError:
            self._delay_s = min(self._limit_s, max(self._first_s, 2.0 * self._delay_s))
            self._due_s = self._clock() + self._delay_s
            raise
        self._delay_s = 0.0
        return result
