"""A graph as people's commands see it: executor state in; stop, heartbeat, requests out."""

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger
from wam_msgs.msg import ExecutorState
from wam_msgs.srv import GoToPose, Handover

from wam_core.errors import WamError

SERVICES: Final = {
    '/arms/open': Trigger,
    '/arms/park': Trigger,
    '/executor/go_to_pose': GoToPose,
    '/executor/handover': Handover,
    '/executor/hold': Trigger,
    '/executor/stop': Trigger,
    '/executor/reset': Trigger,
}
SILENCE_S: Final = 5.0  # it says something at every tick
PATIENCE_S: Final = 10.0  # discovery takes 0.1 to 0.5 s, many times more on a loaded machine
_ANSWER_S: Final = 5.0
_KNOWN_S: Final = 1.0  # until a server that we know knows us, too
_DEPTH: Final = 10  # as both ends of every arrow
_LOOK_S: Final = 0.02


class StopSwitch:
    """Latches the stop, by topic and by service: either is enough, and no answer is needed."""

    def __init__(self, node: Node) -> None:
        self._topic = node.create_publisher(String, '/stop', _DEPTH)
        self._service = node.create_client(Trigger, '/executor/stop')

    @property
    def connected(self) -> bool:
        """Whether somebody would hear it."""
        return bool(self._topic.get_subscription_count() or self._service.service_is_ready())

    def press(self, reason: str) -> bool:
        """Stops the arms, and says whether somebody listens."""
        self._topic.publish(String(data=reason))
        if self._service.service_is_ready():
            self._service.call_async(Trigger.Request())
        return self.connected


class Participant:
    """A node of a command's own, in a context that leaves the signals alone."""

    def __init__(self, name: str) -> None:
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(f'{name}_{os.getpid()}', context=self._context)
        self.switch = StopSwitch(self.node)

    def __enter__(self) -> 'Participant':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def domain(self) -> int:
        """ROS_DOMAIN_ID that it is in."""
        return int(self._context.get_domain_id())

    def close(self) -> None:
        """Leaves the ROS graph."""
        self.node.destroy_node()
        self._context.try_shutdown()


class ExecutorClient(Participant):
    """tick: called many times a second while waiting; what it raises ends the wait.

    patience_s: wall time for a graph to be found.
    """

    def __init__(
        self,
        name: str,
        tick: Callable[[], None] = lambda: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        super().__init__(name)
        self._tick = tick
        self._patience_s = patience_s
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._clients = {
            name: self.node.create_client(kind, name) for name, kind in SERVICES.items()
        }
        self._beat = self.node.create_publisher(Empty, '/operator_heartbeat', _DEPTH)
        self._state: ExecutorState | None = None
        self._heard_s = 0.0
        # Last, so that an executor that we hear has learnt of the clients before.
        self.node.create_subscription(ExecutorState, '/executor_state', self._on_state, _DEPTH)

    def __enter__(self) -> 'ExecutorClient':
        return self

    @property
    def state(self) -> ExecutorState | None:
        """The newest one; None: none in the last seconds."""
        return None if time.monotonic() - self._heard_s > SILENCE_S else self._state

    def close(self) -> None:
        """Leaves the ROS graph."""
        self._executor.shutdown()
        super().close()

    def beat(self) -> None:
        """Publishes the operator's heartbeat once."""
        self._beat.publish(Empty())

    def spin(self, timeout_s: float = _LOOK_S) -> None:
        """Handles at most one message, waiting for it up to that time."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Waits until it is true; False: it was not within that wall time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.spin()
            self._tick()
        return True

    def await_state(self) -> ExecutorState:
        """The executor's state. Raises WamError when no executor says anything."""
        self.until(lambda: self.state is not None, self._patience_s)
        state = self.state
        if state is not None:
            return state
        if self.offered('/executor/stop'):
            raise WamError(
                f'the executor in ROS domain {self.domain} says nothing on /executor_state: does '
                '/clock run?'
            )
        raise WamError(self.absence('executor'))

    def absence(self, what: str) -> str:
        """Says that nobody is there, and what to do."""
        return (
            f'no {what} in ROS domain {self.domain} (ROS_DOMAIN_ID), looked for '
            f'{self._patience_s:g} s: start a graph with `wam up rollout`, or set ROS_DOMAIN_ID '
            'to that of one that runs'
        )

    def await_switch(self) -> None:
        """Waits until somebody would hear a stop. Raises WamError when nobody does."""
        if not self.until(lambda: self.switch.connected, self._patience_s):
            raise WamError(self.absence('executor'))

    def offered(self, name: str) -> bool:
        """Whether somebody offers that service."""
        return bool(self._clients[name].service_is_ready())

    def begin(self, name: str, request: Any) -> Future:
        """Sends a request; the answer comes while ``spin`` is called."""
        return self._clients[name].call_async(request)

    def forget(self, name: str, answer: Future) -> None:
        """An answer that nobody waits for any more."""
        self._clients[name].remove_pending_request(answer)

    def await_service(self, name: str) -> None:
        """Waits until it can be called. Raises WamError when nobody offers it."""
        if not self.until(lambda: self.offered(name), self._patience_s):
            raise WamError(self.absence(f'service {name}'))
        if self.state is None or not name.startswith('/executor/'):
            # Fast DDS drops a server's answers as long as it doesn't know of the caller.
            self.until(lambda: False, _KNOWN_S)

    def call(self, name: str, request: Any, timeout_s: float = _ANSWER_S) -> Any:
        """The answer. Raises WamError without one."""
        self.await_service(name)
        answer = self.begin(name, request)
        if not self.until(answer.done, timeout_s):
            self.forget(name, answer)
            raise WamError(f'{name} of ROS domain {self.domain}: no answer within {timeout_s:g} s')
        return answer.result()

    def _on_state(self, message: ExecutorState) -> None:
        self._state = message
        self._heard_s = time.monotonic()
