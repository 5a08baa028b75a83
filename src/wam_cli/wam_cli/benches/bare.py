"""A loop that only sleeps, as a process: ``python -m …bare RATE_HZ``.

How late the machine makes a loop: no ROS, no other thread at work, scheduled as the executor's
control thread. Its ticks are half a period behind the multiples of the period on the system clock,
at which the executor's are: neither is in the other's way. Prints ``ready``, begins with a line on
its standard input, and at the end of that prints one JSON object: ``lateness_ms`` of each tick.
"""

import ctypes
import json
import os
import sys
import threading
import time
from typing import Any, Final

from wam_bringup.config import config_directory, read_yaml

_PR_SET_TIMERSLACK: Final = 29  # sys/prctl.h


def main() -> int:
    """Runs until standard input ends."""
    period_ns = round(1e9 / float(sys.argv[1]))
    over = threading.Event()
    print('ready', flush=True)
    sys.stdin.readline()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    _schedule()
    lateness_ms: list[float] = []
    due_ns = first_due_ns(time.monotonic_ns(), time.time_ns(), period_ns)
    while not (lateness_ms and over.is_set()):
        # On CLOCK_MONOTONIC; the interpreter's lock is given back, and nobody wants it.
        time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
        late_ns = time.monotonic_ns() - due_ns
        lateness_ms.append(late_ns / 1e6)
        due_ns += period_ns * (1 + late_ns // period_ns)
    print(json.dumps({'lateness_ms': lateness_ms}), flush=True)
    return 0


def first_due_ns(monotonic_ns: int, system_ns: int, period_ns: int) -> int:
    """On the monotonic clock: the next half period behind a multiple on the system clock."""
    return monotonic_ns + (period_ns // 2 - system_ns) % period_ns


def _schedule() -> None:
    """As the executor's control thread, where that is permitted."""
    parameters: Any = read_yaml(config_directory() / 'executor.yaml')
    priority = parameters['executor']['ros__parameters']['realtime_priority']
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1))
    if priority:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority + 1))
        except PermissionError:
            print('the bare loop is scheduled normally, as the executor is', file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
