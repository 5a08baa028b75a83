"""The executor's requests for chunks: one in flight, timed, retried, never answered twice."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wam_core.chunk import Refusal, RefusalReason

Matrix = NDArray[np.float64]

LATENCIES_KEPT: Final = 10
ANSWERED_KEPT: Final = 64  # to tell a repeated answer from one that nobody asked for


@dataclass(frozen=True)
class ChunkRequest:
    """What to ask of the policy, the fields of wam_msgs/srv/PredictChunk.

    not_before_ns: the observation must not be older. prefix: (P, 14) rows that will have run
    before the answer arrives, row 0 due at prefix_start_ns; P = 0 in sync and async.
    """

    request_id: int
    generation: int
    task: str
    mode: str
    not_before_ns: int
    prefix: Matrix
    prefix_start_ns: int = 0


class RequestLedger:
    """Which request is in flight, and how long answers take.

    Identifiers grow for as long as the ledger lives, so an answer to a run of before can never
    pass for one of this run. timeout_ns: after this an unanswered request counts as lost.
    retry_ns: pause after a request that led to nothing.
    """

    def __init__(self, timeout_ns: int, retry_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._retry_ns = retry_ns
        self._next_id = 1
        self._in_flight: ChunkRequest | None = None
        self._sent_ns = 0
        self._not_until_ns: int | None = None
        self._answered: deque[int] = deque(maxlen=ANSWERED_KEPT)
        self._latencies_ns: deque[int] = deque(maxlen=LATENCIES_KEPT)

    def start(self) -> None:
        """Forgets what the run of before measured; another policy may serve this one."""
        self._latencies_ns.clear()
        self.abandon()

    def abandon(self) -> None:
        """Forgets the request in flight; its answer will be refused."""
        self._in_flight = None
        self._not_until_ns = None

    def expire(self, now_ns: int) -> bool:
        """Gives up a request that is out for too long: whether there was one."""
        if self._in_flight is None or now_ns - self._sent_ns <= self._timeout_ns:
            return False
        self._in_flight = None
        return True

    def may_send(self, now_ns: int) -> bool:
        """Whether nothing is in flight and no pause is running."""
        waiting = self._not_until_ns is not None and now_ns < self._not_until_ns
        return self._in_flight is None and not waiting

    @property
    def next_id(self) -> int:
        """The request_id of the next request."""
        return self._next_id

    def send(self, request: ChunkRequest, now_ns: int) -> ChunkRequest:
        """Notes that a request is now the one in flight."""
        self._next_id = request.request_id + 1
        self._in_flight = request
        self._sent_ns = now_ns
        self._not_until_ns = None
        return request

    def answer(self, request_id: int) -> ChunkRequest | Refusal:
        """Takes an answer: the request that it belongs to, no longer in flight, or a refusal."""
        request = self._in_flight
        if request is not None and request.request_id == request_id:
            self._in_flight = None
            self._answered.append(request_id)
            return request
        if request_id in self._answered:
            return Refusal(RefusalReason.DUPLICATE, f'request_id = {request_id}, answered before')
        allowed = 'none is in flight' if request is None else f'expected {request.request_id}'
        return Refusal(RefusalReason.UNSOLICITED, f'request_id = {request_id}, {allowed}')

    def withdraw(self, request_id: int, now_ns: int) -> bool:
        """The policy did not take this request: whether it was the one in flight."""
        if self._in_flight is None or self._in_flight.request_id != request_id:
            return False
        self._in_flight = None
        self.pause(now_ns)
        return True

    def pause(self, now_ns: int) -> None:
        """No new request for a while: the last one led to nothing."""
        self._not_until_ns = now_ns + self._retry_ns

    def merged(self, now_ns: int) -> float:
        """Notes that the last answer takes effect now: seconds since its request."""
        latency_ns = max(0, now_ns - self._sent_ns)
        self._latencies_ns.append(latency_ns)
        return latency_ns / 1e9

    @property
    def typical_latency_ns(self) -> int:
        """The middle one of the last three latencies, the lower of two; 0 before the first.

        A first answer that took long, as of a policy that warms up, is forgotten with the next.
        """
        last = sorted(list(self._latencies_ns)[-3:])
        return last[(len(last) - 1) // 2] if last else 0

    @property
    def expected_latency_ns(self) -> int:
        """Largest of the recent latencies, request to merge; 0 before the first."""
        return max(self._latencies_ns, default=0)
