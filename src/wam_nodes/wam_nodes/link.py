"""What a rollout waits for: services, messages, conditions. Never blocks the node's thread."""

import time
from collections.abc import Callable
from typing import Any, Final

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from wam_core.errors import WamError

_POLL_S: Final = 0.05


def _never() -> str:
    return ''


class Link:
    """Awaitable calls and conditions for a coroutine on a node's single-threaded executor.

    service_timeout_s: for an answer, wall time, since a service may be what moves the ROS clock.
    retry_s: wall time after which a call that can be repeated is.
    clock_timeout_s: wall time for which the ROS clock may stand still.
    settings: where these times are set, for error messages.
    """

    def __init__(
        self,
        node: Node,
        service_timeout_s: float,
        retry_s: float,
        clock_timeout_s: float,
        settings: str = 'config/rollout.yaml',
    ) -> None:
        self._node = node
        self._service_timeout_s = service_timeout_s
        self._retry_s = retry_s
        self._clock_timeout_s = clock_timeout_s
        self._settings = settings
        self._clients: dict[str, Any] = {}
        self._waiting: list[Future] = []
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_POLL_S, self._wake, clock=steady)

    def connect(self, kind: Any, name: str) -> None:
        """Creates the client of a service, early enough for it to be discovered."""
        self._clients[name] = self._node.create_client(kind, name)

    def now_ns(self) -> int:
        """On the ROS clock."""
        return int(self._node.get_clock().now().nanoseconds)

    async def served(
        self, name: str, node: str, timeout_s: float, interrupted: Callable[[], str]
    ) -> None:
        """Waits for a service that its node offers late, such as a policy that has to load first.

        Up to timeout_s, wall time, while the node is there; without it as long as for any service.
        interrupted: why to give up now; empty: go on. Raises WamError.
        """
        begun = seen = time.monotonic()
        while not self._clients[name].service_is_ready():
            _interrupt(interrupted)
            now = time.monotonic()
            # Looked for as seldom as will do: it is dearer than the question above.
            if now - seen > self._service_timeout_s / 2 and node in self._node.get_node_names():
                seen = now
            self._expire(seen + self._service_timeout_s, f'service {name} is absent')
            self._expire(begun + timeout_s, f'node {node} does not offer {name} yet')
            await self._poll()

    async def call(
        self,
        name: str,
        request: Any,
        *,
        repeatable: bool = False,
        timeout_s: float | None = None,
        interrupted: Callable[[], str] = _never,
    ) -> Any:
        """The answer of a service. Raises WamError when there is none in time.

        repeatable: asking twice does no harm, so that is done when no answer comes: Fast DDS
        loses one when the service has not discovered all of its client yet (a loaded machine).
        timeout_s: instead of service_timeout_s. interrupted: why to give up now; empty: go on.
        """
        client = self._clients[name]
        limit_s = self._service_timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        while not client.service_is_ready():
            _interrupt(interrupted)
            self._expire(deadline, f'service {name} is absent')
            await self._poll()
        while True:
            future = client.call_async(request)
            repeat = time.monotonic() + self._retry_s
            while not future.done():
                _interrupt(interrupted)
                if time.monotonic() > min(deadline, repeat if repeatable else deadline):
                    break
                await self._poll()
            if future.done():
                return future.result()
            client.remove_pending_request(future)
            self._expire(deadline, f'service {name} does not answer')

    async def until(
        self,
        condition: Callable[[], bool],
        timeout_s: float,
        what: str,
        interrupted: Callable[[], str],
    ) -> None:
        """Waits up to timeout_s on the ROS clock.

        interrupted: why to give up now; empty: go on. Raises WamError with that reason, when the
        time is over, or when the ROS clock stands still.
        """
        limit_ns = self.now_ns() + round(timeout_s * 1e9)
        moved_ns, moved_at = self.now_ns(), time.monotonic()
        while not condition():
            _interrupt(interrupted)
            if (now_ns := self.now_ns()) > limit_ns:
                raise WamError(f'{what}: not within {timeout_s:g} s')
            if now_ns != moved_ns:
                moved_ns, moved_at = now_ns, time.monotonic()
            stands = 'the ROS clock stands still (/clock)'
            self._expire(moved_at + self._clock_timeout_s, f'{what}: {stands}')
            await self._poll()

    async def pause(self, seconds: float) -> None:
        """Lets wall time pass."""
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            await self._poll()

    def _expire(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise WamError(f'{what}, waited long enough (timeouts of {self._settings})')

    async def _poll(self) -> None:
        future = Future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        # At the node's end nothing may go on: there is no service left to call.
        if not self._node.context.ok():
            return
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.set_result(None)


def _interrupt(interrupted: Callable[[], str]) -> None:
    if reason := interrupted():
        raise WamError(reason)
