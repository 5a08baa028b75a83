"""Does the same to many things in several processes, which end with the one that began them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, TypeVar

from wam_core.errors import WamError

UNITS: Final = 1000
"""Progress of one task from its beginning to its end."""
Advance = Callable[[int], None]
"""Told by a task how far it is, 0 to UNITS."""
Task = TypeVar('Task')
Result = TypeVar('Result')
_LOOK_S: Final = 0.2

_shared: Any = None  # in a worker: the counter of all of them


def work(
    function: Callable[[Task, Advance], Result],
    tasks: Sequence[Task],
    jobs: int,
    tell: Callable[[int], None],
) -> Generator[tuple[int, Result], None, None]:
    """Yields (number of the task, its result) as they end; in this process if jobs is 1.

    function, tasks and results must be picklable. tell: is called with the units of all tasks
    together. Raises what a task raises, and WamError where a process was killed; whatever ends
    this iterator ends the processes.
    """
    if jobs == 1 or len(tasks) < 2:
        yield from _one_by_one(function, tasks, tell)
        return
    # A forked process would have the locks that threads of OpenCV and HDF5 hold right now.
    context = multiprocessing.get_context('spawn')
    counter = context.Value('q', 0)
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), context, _begin, (counter,))
    try:
        futures = {pool.submit(_run, function, task): n for n, task in enumerate(tasks)}
        yield from _results(futures, counter, tell)
        pool.shutdown()
    except BrokenProcessPool as error:
        raise WamError(
            'a worker process was killed (out of memory?): the same command goes on from here; '
            '--jobs sets how many there are'
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()


def _one_by_one(
    function: Callable[[Task, Advance], Result],
    tasks: Sequence[Task],
    tell: Callable[[int], None],
) -> Generator[tuple[int, Result], None, None]:
    ended = 0

    def advance(units: int) -> None:
        tell(ended * UNITS + units)

    for number, task in enumerate(tasks):
        result = function(task, advance)
        ended = number + 1
        yield number, result
        advance(0)


def _results(
    futures: 'dict[Future[Any], int]', counter: Any, tell: Callable[[int], None]
) -> Generator[tuple[int, Any], None, None]:
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, _LOOK_S, FIRST_COMPLETED)
        tell(counter.value)
        for future in ended:
            yield futures[future], future.result()


def _begin(counter: Any) -> None:
    """First thing in a worker. An interrupt is its parent's to handle, who then ends it."""
    global _shared
    _shared = counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """Ends this process when its parent is gone, which a pool's workers don't notice."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run(function: Callable[[Any, Advance], Any], task: Any) -> Any:
    told = 0

    def advance(units: int) -> None:
        nonlocal told
        if units > told:
            with _shared.get_lock():
                _shared.value += units - told
            told = units

    result = function(task, advance)
    advance(UNITS)
    return result
