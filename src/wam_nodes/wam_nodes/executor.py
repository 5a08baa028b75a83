"""The only writer to the arms: what a source wants in, one limited command per tick out."""

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger
from wam_msgs.msg import (
    ActionChunk,
    AppliedAction,
    ExecutorState,
    JointTarget,
    MotorHealth,
    Proprioception,
    StreamStatus,
)
from wam_msgs.srv import GoToPose, Handover, PredictChunk, StartExecution

from wam_bringup import environment
from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.chunk import check
from wam_core.errors import WamError
from wam_core.executor import ExecutorCore
from wam_core.requests import ChunkRequest
from wam_core.status import ExecutorStatus
from wam_core.tick import Tick
from wam_nodes.arm_commands import ArmCommands
from wam_nodes.control_loop import ControlLoop
from wam_nodes.conversions import nanoseconds, vector
from wam_nodes.diagnostics import Diagnostics
from wam_nodes.execution import (
    applied_action,
    chunk_fields,
    executor_state,
    motor_reading,
    predict_request,
)
from wam_nodes.executor_account import ExecutorAccount
from wam_nodes.executor_parameters import Parameters
from wam_nodes.qos import EVERY, EVERY_TICK
from wam_nodes.realtime import Realtime, prepare
from wam_nodes.runner import run_to_rest
from wam_nodes.unattended import Unattended

_REST_S: Final = 2.0  # wall time; within the limits of a rig's file arms come to rest sooner


class ExecutorNode(Node):
    """Messages and services on the spinning thread, the tick on a thread of its own.

    The tick takes a command out of the core and sends it; its record, its request and its state
    are published on the spinning thread.

    prepare: makes the process a real-time process, from a priority and a CPU; by default nothing
    of the kind, for a process that does other things too.
    """

    def __init__(
        self, prepare: Callable[[int, int], Realtime] = lambda priority, cpu: Realtime()
    ) -> None:
        super().__init__('executor')
        parameters = declare(self, Parameters)
        rig = load_rig(parameters.rig)
        config = parameters.config()
        self._core = ExecutorCore(config, rig, parameters.speed_scale)
        self._lock = threading.Lock()  # of the core
        self._robots = tuple(rig.followers.values())
        self._commands = ArmCommands(self, rig.followers, rig.gripper)
        self._states = self.create_publisher(ExecutorState, '/executor_state', EVERY_TICK)
        self._applied = self.create_publisher(AppliedAction, '/applied_action', EVERY_TICK)
        self._policy = self.create_client(PredictChunk, '/policy/predict_chunk')
        self._pending: Future | None = None
        self._done: deque[tuple[Tick, ExecutorStatus]] = deque()
        self._records = self.create_guard_condition(self._publish)
        # Simulated time waits for the others; a process that goes before them would gain nothing.
        simulated = self.get_parameter('use_sim_time').value
        realtime = prepare(
            0 if simulated else parameters.realtime_priority, parameters.realtime_cpu
        )
        for refusal in realtime.refusals:
            self.get_logger().warning(refusal)
        self._loop = ControlLoop(self, config.period_ns, self._take, self._tick, realtime)
        self._account = ExecutorAccount(self)
        self._subscribe()
        self._serve()
        Diagnostics(self, self._report)
        self._loop.start()

    def finish(self) -> Callable[[], bool]:
        """Begins to bring the arms to rest. Returns what says whether the node may go."""
        with self._lock:
            self._core.stop('the executor was told to end')
        deadline = time.monotonic() + _REST_S
        return lambda: self._core.status.at_rest or time.monotonic() > deadline

    def destroy_node(self) -> None:
        """Ends the control thread first."""
        self._loop.close()
        super().destroy_node()

    # -- the control thread

    def _take(self) -> None:
        """Tells the core all that has come on the streams until now."""
        with self._lock:
            for stream, callback in self._streams:
                for message, _ in stream.take():
                    callback(message)

    def _on_proprioception(self, message: Proprioception) -> None:
        position, stamp_ns = vector(message.position), nanoseconds(message.header.stamp)
        if self._core.measured(position, stamp_ns):
            stamps = [nanoseconds(stamp) for stamp in message.arm_stamps]
            self._core.watchdogs.heard('arm', dict(zip(self._robots, stamps, strict=True)))

    def _on_joint_target(self, message: JointTarget) -> None:
        position, stamp_ns = vector(message.position), nanoseconds(message.header.stamp)
        self._core.target(message.source, position, stamp_ns, self._now_ns())

    def _on_stream_status(self, message: StreamStatus) -> None:
        stamps = [nanoseconds(stamp) for stamp in message.newest]
        self._core.watchdogs.heard(message.kind, dict(zip(message.names, stamps, strict=False)))

    def _on_heartbeat(self, _: Empty) -> None:
        self._core.watchdogs.heartbeat(self._now_ns())

    def _tick(self, now_ns: int, deadline_ns: int) -> None:
        with self._lock:
            tick = self._core.tick(now_ns, deadline_ns)
            status = self._core.status
        if tick.command is not None:
            self._commands.send(tick.command)
        self._done.append((tick, status))
        self._records.trigger()

    # -- the spinning thread

    def _publish(self) -> None:
        while self._done:
            tick, status = self._done.popleft()
            if tick.applied is not None:
                self._applied.publish(applied_action(tick.applied))
            if tick.request is not None:
                self._ask(tick.request)
            loop = self._loop
            self._states.publish(executor_state(status, loop.missed, loop.scheduling))
            self._account.tell(status)

    def _subscribe(self) -> None:
        self._streams: tuple[tuple[Unattended, Callable[[Any], None]], ...] = tuple(
            (Unattended(self, kind, topic, EVERY), callback)
            for kind, topic, callback in (
                (Proprioception, '/proprioception', self._on_proprioception),
                (JointTarget, '/joint_target', self._on_joint_target),
                (StreamStatus, '/stream_status', self._on_stream_status),
                (Empty, '/operator_heartbeat', self._on_heartbeat),
            )
        )
        for kind, topic, callback in (
            (ActionChunk, '/action_chunk', self._on_action_chunk),
            (MotorHealth, '/motor_health', self._on_motor_health),
            (String, '/stop', self._on_stop),
        ):
            self.create_subscription(kind, topic, callback, EVERY)

    def _serve(self) -> None:
        self.create_service(StartExecution, '/executor/start', self._start)
        self.create_service(Handover, '/executor/handover', self._handover)
        self.create_service(GoToPose, '/executor/go_to_pose', self._go_to_pose)
        for name, action in (('hold', self._hold), ('stop', self._stop), ('reset', self._reset)):
            self.create_service(Trigger, f'/executor/{name}', partial(self._trigger, action))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_action_chunk(self, message: ActionChunk) -> None:
        fields = chunk_fields(message)
        checked = check(fields)  # the long part; the tick must not wait for it
        with self._lock:
            self._core.offer(fields, self._now_ns(), checked)

    def _on_motor_health(self, message: MotorHealth) -> None:
        if message.robot not in self._robots:
            return
        reading = motor_reading(message)
        with self._lock:
            self._core.watchdogs.motors(reading, self._now_ns())

    def _on_stop(self, message: String) -> None:
        with self._lock:
            self._core.stop(f'topic /stop: {message.data}' if message.data else 'topic /stop')

    def _ask(self, request: ChunkRequest) -> None:
        if self._pending is not None:
            self._policy.remove_pending_request(self._pending)
            self._pending = None
        if not self._policy.service_is_ready():
            self._refused(request.request_id, 'service /policy/predict_chunk is absent')
            return
        self._pending = self._policy.call_async(predict_request(request))
        self._pending.add_done_callback(partial(self._asked, request.request_id))

    def _asked(self, request_id: int, future: Future) -> None:
        answer = future.result()
        if answer is not None and not answer.accepted:
            self._refused(request_id, answer.message)

    def _refused(self, request_id: int, text: str) -> None:
        with self._lock:
            self._core.request_refused(request_id, self._now_ns(), text)

    def _start(self, request: Any, response: Any) -> Any:
        def start() -> None:
            response.generation = self._core.start(
                request.source, request.mode, request.task, self._now_ns()
            )

        return self._attempt(start, response)

    def _handover(self, request: Any, response: Any) -> Any:
        return self._attempt(lambda: self._core.handover(request.source, self._now_ns()), response)

    def _go_to_pose(self, request: Any, response: Any) -> Any:
        def go() -> None:
            response.generation, response.duration_s = self._core.go_to_pose(
                request.pose, self._now_ns()
            )

        return self._attempt(go, response)

    def _attempt(self, action: Callable[[], None], response: Any) -> Any:
        try:
            self._take()  # what is asked for begins where the arms are now
            with self._lock:
                action()
            response.accepted = True
        except WamError as error:
            response.message = str(error)
        return response

    def _trigger(
        self, action: Callable[[], None], request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        try:
            self._take()
            with self._lock:
                action()
            response.success = True
            response.message = f'state is {self._core.status.state.name}'
        except WamError as error:
            response.message = str(error)
        return response

    def _hold(self) -> None:
        self._core.hold()

    def _stop(self) -> None:
        self._core.stop('service /executor/stop')

    def _reset(self) -> None:
        self._core.reset(self._now_ns())

    def _report(self) -> Any:
        with self._lock:
            status = self._core.status
        return self._account.report(status, self._loop.missed, self._loop.scheduling)


def main() -> int:
    """Runs the node, if it is the only one in its domain."""
    environment.apply_control()
    make = partial(ExecutorNode, prepare)
    return run_to_rest(make, ExecutorNode.finish, (ExecutorState, '/executor_state'))
