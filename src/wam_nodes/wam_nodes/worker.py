"""One thread beside a node, for work that must not hold up the node's callbacks."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future as Outcome
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

# rmw_fastrtps loses a guard condition's trigger that comes while rmw_wait goes through its guard
# conditions (its pull request 895). Without another look a job's result would lie there for ever.
_LOOK_S: Final = 0.2


class Worker:
    """Runs jobs one after the other; each result comes back on the node's own thread."""

    def __init__(self, node: Node) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=node.get_name())
        self._jobs: set[Outcome[Any]] = set()  # that are not done
        self._done: deque[tuple[Future, Outcome[Any]]] = deque()
        self._guard = node.create_guard_condition(self._deliver)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_LOOK_S, self._deliver, clock=steady)

    def run(self, job: Callable[[], Any]) -> Future:
        """Queues the job. The rclpy future's result is the job's ``concurrent.futures.Future``.

        That one holds whatever the job returned or raised, of whatever class: the jobs are other
        people's code, and none of it may end the node or be lost.
        """
        future = Future()
        outcome = self._pool.submit(job)
        self._jobs.add(outcome)
        outcome.add_done_callback(lambda finished: self._finish(future, finished))
        return future

    def first(self, job: Callable[[], Any], look: Callable[[], None]) -> 'Outcome[Any]':
        """Runs a job to its end, for a node that is not spun yet.

        look: called a few times per second meanwhile; what it raises ends the wait, not the job.
        """
        outcome = self._pool.submit(job)
        while not wait([outcome], timeout=_LOOK_S).done:
            look()
        return outcome

    def close(self, timeout_s: float | None = None) -> bool:
        """Drops what is queued and waits for the running job.

        timeout_s: None: for as long as it takes. Returns whether it ended.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        if wait(set(self._jobs), timeout_s).not_done:
            return False
        self._pool.shutdown(wait=True)  # and for the thread, which may still be telling the node
        return True

    def _finish(self, future: Future, outcome: 'Outcome[Any]') -> None:
        self._jobs.discard(outcome)
        self._done.append((future, outcome))
        self._guard.trigger()

    def _deliver(self) -> None:
        while self._done:
            future, outcome = self._done.popleft()
            future.set_result(outcome)
