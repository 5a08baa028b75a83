"""The only writer to the arms: chunks of actions in, one limited command per tick out."""

from collections.abc import Callable
from functools import partial

from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger
from wam_msgs.msg import ActionChunk, AppliedAction, EpisodeEvent, ExecutorState, Proprioception
from wam_msgs.srv import PredictChunk, StartExecution

from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_core.executor import ChunkRequest, ExecutorCore
from wam_core.joints import Vector
from wam_core.limiter import JointLimiter
from wam_core.status import ExecutorStatus, State
from wam_nodes.conversions import nanoseconds, time_message, vector
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.execution import (
    COMMANDS,
    applied_action,
    arm_commands,
    chunk_fields,
    executor_state,
    predict_request,
)
from wam_nodes.executor_parameters import Parameters
from wam_nodes.qos import EVERY
from wam_nodes.runner import run
from wam_nodes.ticker import Ticker


class ExecutorNode(Node):
    """/action_chunk, /proprioception -> the followers' command topics, /executor_state."""

    def __init__(self) -> None:
        super().__init__('executor')
        parameters = declare(self, Parameters)
        rig = load_rig(parameters.rig)
        config = parameters.config()
        self._core = ExecutorCore(config, JointLimiter.of(rig))
        self._gripper = rig.gripper
        self._state = State.IDLE
        self._refused = 0  # chunks, as of the last event
        self._arms = {
            side: [
                self.create_publisher(kind, f'/{robot}/commands/{topic}', EVERY)
                for kind, topic in COMMANDS
            ]
            for side, robot in rig.followers.items()
        }
        self._states = self.create_publisher(ExecutorState, '/executor_state', EVERY)
        self._applied = self.create_publisher(AppliedAction, '/applied_action', EVERY)
        self._events = self.create_publisher(EpisodeEvent, '/episode_event', EVERY)
        self.create_subscription(Proprioception, '/proprioception', self._proprioception, EVERY)
        self.create_subscription(ActionChunk, '/action_chunk', self._action_chunk, EVERY)
        self._policy = self.create_client(PredictChunk, '/policy/predict_chunk')
        self._pending: Future | None = None
        self._serve()
        Diagnostics(self, self._report)
        self._ticker = Ticker(self, config.period_ns, self._tick)

    def _serve(self) -> None:
        self.create_service(StartExecution, '/executor/start', self._start)
        for name, action in (('hold', self._hold), ('stop', self._stop), ('reset', self._reset)):
            self.create_service(Trigger, f'/executor/{name}', partial(self._trigger, action))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _proprioception(self, message: Proprioception) -> None:
        self._core.measured(vector(message.position), nanoseconds(message.header.stamp))

    def _action_chunk(self, message: ActionChunk) -> None:
        self._core.offer(chunk_fields(message), self._now_ns())

    def _tick(self, now_ns: int, deadline_ns: int) -> None:
        tick = self._core.tick(now_ns, deadline_ns)
        if tick.command is not None:
            self._send(tick.command)
        if tick.applied is not None:
            self._applied.publish(applied_action(tick.applied))
        if tick.request is not None:
            self._ask(tick.request, now_ns)
        status = self._core.status
        self._states.publish(executor_state(status))
        self._tell_state(status, now_ns)

    def _send(self, command: Vector) -> None:
        for side, messages in arm_commands(command, self._gripper).items():
            for publisher, message in zip(self._arms[side], messages, strict=True):
                publisher.publish(message)

    def _ask(self, request: ChunkRequest, now_ns: int) -> None:
        if self._pending is not None:
            self._policy.remove_pending_request(self._pending)
            self._pending = None
        if not self._policy.service_is_ready():
            self._core.request_refused(
                request.request_id, now_ns, 'service /policy/predict_chunk is absent'
            )
            return
        self._pending = self._policy.call_async(predict_request(request))
        self._pending.add_done_callback(partial(self._asked, request.request_id))

    def _asked(self, request_id: int, future: Future) -> None:
        answer = future.result()
        if answer is not None and not answer.accepted:
            self._core.request_refused(request_id, self._now_ns(), answer.message)

    def _start(
        self, request: StartExecution.Request, response: StartExecution.Response
    ) -> StartExecution.Response:
        try:
            response.generation = self._core.start(
                request.source, request.mode, request.task, self._now_ns()
            )
            response.accepted = True
        except WamError as error:
            response.message = str(error)
        return response

    def _trigger(
        self, action: Callable[[], None], request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        action()
        response.success = True
        response.message = f'state is {self._core.status.state.name}'
        return response

    def _hold(self) -> None:
        self._core.hold(self._now_ns())

    def _stop(self) -> None:
        self._core.stop('service /executor/stop', self._now_ns())

    def _reset(self) -> None:
        self._core.reset(self._now_ns())

    def _tell_state(self, status: ExecutorStatus, now_ns: int) -> None:
        if status.state is self._state:
            return
        text = f'{self._state.name} -> {status.state.name}'
        self._state = status.state
        if status.state is State.STOPPED:
            self._tell('stop', f'{text}: {status.stop_reason}', now_ns)
            self.get_logger().warning(f'stopped: {status.stop_reason}')
        else:
            self._tell('state', text, now_ns)

    def _tell(self, kind: str, text: str, now_ns: int) -> None:
        event = EpisodeEvent(node='executor', kind=kind, text=text)
        event.header.stamp = time_message(now_ns)
        self._events.publish(event)

    def _report(self) -> Report:
        """Once per second; refusals become an event here, so a flood of chunks makes no flood."""
        status = self._core.status
        faults = []
        if status.chunks_refused > self._refused:
            faults.append(f'chunk refused: {status.last_refusal}')
            self._tell('fault', faults[0], self._now_ns())
        self._refused = status.chunks_refused
        if status.state is State.STOPPED:
            faults.append(f'stopped: {status.stop_reason}')
        if status.state is State.HOLDING and status.last_request_refusal:
            faults.append(f'no chunk: {status.last_request_refusal}')
        values = {
            'state': status.state.name,
            'underruns': status.underruns,
            'chunks merged': status.chunks_merged,
            'chunks refused': status.chunks_refused,
            'requests sent': status.requests_sent,
            'requests refused': status.requests_refused,
            'requests timed out': status.requests_timed_out,
            'clock jumps': status.clock_jumps,
            'measurements ignored': status.measurements_ignored,
            'tick lateness max [ms]': f'{status.tick_lateness_max_ms:.2f}',
        }
        return Report(tuple(faults), values=values)


def main() -> int:
    """Runs the node, if it is the only one in its domain."""
    return run(ExecutorNode, heartbeat=(ExecutorState, '/executor_state'))
