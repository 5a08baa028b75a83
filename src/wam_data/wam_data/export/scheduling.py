"""Threads keep the priority that they were given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def unchanged_scheduling() -> Iterator[None]:
    """Undoes what a library does to the scheduling of this thread and of those that it makes.

    SVT-AV1 takes SCHED_FIFO at priority 99 wherever that is permitted (``svt_switch_to_real_time``
    when an encoder is opened), and so would go before the executor of a rig on this machine.
    """
    before, policy, parameters = _threads(), os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in {0} | (_threads() - before):
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)


def _threads() -> set[int]:
    return {int(task.name) for task in Path('/proc/self/task').iterdir()}
