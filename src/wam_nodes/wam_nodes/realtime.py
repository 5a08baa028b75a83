"""What the operating system and Python can do so that a thread runs when it is due."""

import ctypes
import errno
import gc
import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Default 5 ms: as long may a thread that only computes keep the others from running.
_SWITCH_INTERVAL_S: Final = 1e-4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # sys/mman.h
_CAP_IPC_LOCK: Final = 1 << 14  # linux/capability.h
_PR_SET_TIMERSLACK: Final = 29  # sys/prctl.h
_PERMIT_FIFO: Final = (
    'permit it with a line `<user> - rtprio 99` in /etc/security/limits.d/realtime.conf and a new '
    'login, in a container with --cap-add SYS_NICE or --ulimit rtprio=99; or set '
    'realtime_priority to 0'
)
_PERMIT_LOCK: Final = (
    'permit it with a line `<user> - memlock unlimited` in /etc/security/limits.d/realtime.conf '
    'and a new login, in a container with --ulimit memlock=-1 or --cap-add IPC_LOCK; or set '
    'realtime_priority to 0'
)


@dataclass(frozen=True)
class Realtime:
    """What was granted. refusals: what was asked for and not granted, why, and what permits it.

    priority: SCHED_FIFO priority of the control thread; 0: it is scheduled normally.
    cpu: the one that the control thread runs on; -1: any.
    """

    priority: int = 0
    cpu: int = -1
    refusals: tuple[str, ...] = ()

    @property
    def scheduling(self) -> str:
        """Of the control thread: 'fifo' or 'normal'."""
        return 'fifo' if self.priority else 'normal'

    def enter(self) -> None:
        """To be called on the control thread, first thing."""
        if self.priority:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(self.priority))
        # Otherwise the kernel may wake the thread 50 us late, to save power.
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1))
        if self.cpu >= 0:
            os.sched_setaffinity(0, {self.cpu})


def prepare(priority: int, cpu: int = -1) -> Realtime:
    """Makes the whole process a real-time process, as far as that is permitted.

    priority: 1..98 under SCHED_FIFO for every thread that there is and will be, and one more for
    the control thread; 0: nothing of that kind is asked for. All threads, because the control
    thread needs the interpreter's lock, and a normal thread that holds it may not run for long.
    Call it before the control thread starts, in any thread.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    refusals = []
    if priority:
        refusals = [text for text in (_schedule(priority), _lock_memory()) if text]
    granted = priority + 1 if priority and _is_fifo() else 0
    if cpu >= 0 and cpu not in os.sched_getaffinity(0):
        allowed = ', '.join(map(str, sorted(os.sched_getaffinity(0))))
        refusals.append(
            f'the control thread is not bound to CPU {cpu}: this process has {allowed}'
        )
        cpu = -1
    return Realtime(granted, cpu, tuple(refusals))


def freeze_heap() -> None:
    """Takes what start-up made out of the garbage collector's sight, and stops the collector.

    It would otherwise run wherever the allocation happens that is one too many. From here on
    somebody calls ``collect`` where there is time.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


def collect() -> None:
    """Frees the cycles made since ``freeze_heap``: a few dozen microseconds."""
    gc.collect()


def _is_fifo() -> bool:
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO


def _schedule(priority: int) -> str:
    """SCHED_FIFO for all threads. Returns why not; empty: done."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority + 1))
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        return (
            f'scheduled normally: SCHED_FIFO at priority {priority + 1} is not permitted '
            f'({error.strerror}; this process may go up to {limit}), so a loaded machine makes '
            f'ticks late: {_PERMIT_FIFO}'
        )
    # A thread of a library that starts meanwhile inherits from its maker: until none is new.
    done: set[int] = set()
    while new := {int(task.name) for task in Path('/proc/self/task').iterdir()} - done:
        for thread in new:
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(priority))
        done |= new
    return ''


def _lock_memory() -> str:
    """Keeps what was touched once in memory. Returns why not; empty: done."""
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if limit != resource.RLIM_INFINITY and not _may_lock_memory():
        # It might work, and an allocation that goes past the limit would fail later.
        return (
            f'memory is not locked: this process may lock {limit} bytes, too few for all of it, '
            f'so pages that were swapped out make ticks late: {_PERMIT_LOCK}'
        )
    # On fault: whole thread stacks and shared-memory segments, 8 and 64 MiB each, stay untouched.
    library = ctypes.CDLL(None, use_errno=True)
    if library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        reason = errno.errorcode.get(ctypes.get_errno(), 'unknown error')
        return f'memory is not locked: mlockall failed with {reason}: {_PERMIT_LOCK}'
    return ''


def _may_lock_memory() -> bool:
    for line in Path('/proc/self/status').read_text(encoding='ascii').splitlines():
        name, _, value = line.partition(':')
        if name == 'CapEff':
            return bool(int(value, 16) & _CAP_IPC_LOCK)
    return False
