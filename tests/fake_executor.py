"""An executor and node `arms` as far as people's commands see them, on the node of a test."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ros_domain import Ros
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger
from wam_msgs.msg import ExecutorState
from wam_msgs.srv import GoToPose, Handover

from wam_core.status import State


class FakeExecutor:
    """Slews take as long as the test says: until ``arrive``. calls: services, in order."""

    def __init__(self, ros: Ros) -> None:
        self.state = ExecutorState(state=int(State.IDLE), at_rest=True, mode='async')
        self.calls: list[str] = []
        self.stops: list[str] = []  # reasons on /stop
        self.beats = 0
        self.refusal = ''  # of every service, if any
        self.deaf = False  # whether a stop has no effect
        node = ros.node
        self._states = node.create_publisher(ExecutorState, '/executor_state', 10)
        self._timer = node.create_timer(0.04, lambda: self._states.publish(self.state))
        node.create_subscription(String, '/stop', self._on_stop, 10)
        node.create_subscription(Empty, '/operator_heartbeat', self._on_beat, 10)
        node.create_service(GoToPose, '/executor/go_to_pose', self._go)
        node.create_service(Handover, '/executor/handover', self._hand)
        actions: dict[str, Callable[[], None]] = {
            '/executor/hold': self._hold,
            '/executor/stop': lambda: self._latch('service'),
            '/executor/reset': self._reset,
            '/arms/open': lambda: None,
            '/arms/park': lambda: None,
        }
        for name, action in actions.items():
            node.create_service(Trigger, name, partial(self._trigger, name, action))

    def silence(self) -> None:
        """No state any more."""
        self._timer.cancel()

    def was_asked_last(self, call: str) -> bool:
        """Whether this was the last service that was called."""
        return self.calls[-1:] == [call]

    def arrive(self) -> None:
        """The slew that was asked for is over."""
        self.state.state, self.state.source = int(State.IDLE), ''
        self.state.pose = self.calls[-1].split()[-1]

    def _go(self, request: Any, response: Any) -> Any:
        self.calls.append(f'/executor/go_to_pose {request.pose}')
        response.accepted, response.message = not self.refusal, self.refusal
        if response.accepted:
            self.state.generation += 1
            self.state.state, self.state.source = int(State.RUNNING), 'homing'
            response.generation, response.duration_s = self.state.generation, 1.5
        return response

    def _hand(self, request: Any, response: Any) -> Any:
        self.calls.append(f'/executor/handover {request.source}')
        response.accepted, response.message = not self.refusal, self.refusal
        return response

    def _trigger(self, name: str, action: Callable[[], None], request: Any, response: Any) -> Any:
        self.calls.append(name)
        response.success, response.message = not self.refusal, self.refusal or f'{name} is done'
        if response.success:
            action()
        return response

    def _on_stop(self, message: String) -> None:
        self.stops.append(message.data)
        self._latch(f'topic /stop: {message.data}')

    def _on_beat(self, _: Empty) -> None:
        self.beats += 1

    def _latch(self, reason: str) -> None:
        if not self.deaf and self.state.state != State.STOPPED:
            self.state.state, self.state.stop_reason = int(State.STOPPED), reason

    def _hold(self) -> None:
        self.state.state, self.state.source = int(State.IDLE), ''

    def _reset(self) -> None:
        self.state.state, self.state.stop_reason = int(State.IDLE), ''
