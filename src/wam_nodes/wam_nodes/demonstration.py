"""Records demonstrations, one at a time: the action /demonstration/run."""

from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer, CancelResponse
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger
from wam_msgs.action import RunDemonstration
from wam_msgs.msg import (
    DemonstrationState,
    EpisodeEvent,
    ExecutorState,
    Proprioception,
    TaskState,
)
from wam_msgs.srv import ResetScene

from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_nodes.complaints import Complaints
from wam_nodes.conversions import time_message
from wam_nodes.demonstration_plan import Parameters, plan_of
from wam_nodes.demonstration_sequence import SERVICES, DemonstrationSequence
from wam_nodes.episode_scene import RESET_SCENE
from wam_nodes.qos import EVERY, LATCHED
from wam_nodes.rollout_link import RolloutLink
from wam_nodes.runner import run

_FEEDBACK_S: Final = 0.2
_SETTINGS: Final = 'config/demonstration.yaml'
_BY_REQUEST: Final = 'ended by the person (/demonstration/end)'


class DemonstrationNode(Node):
    """A goal that can't be run is accepted and aborted: a rejection could not say why."""

    def __init__(self) -> None:
        super().__init__('demonstration')
        self._settings = settings = declare(self, Parameters)
        self._rig = load_rig(settings.rig)
        self._sequence: DemonstrationSequence | None = None
        self._count = 0
        self._link = RolloutLink(
            self,
            settings.service_timeout_s,
            settings.retry_s,
            settings.clock_timeout_s,
            _SETTINGS,
        )
        for name, kind in SERVICES.items():
            self._link.connect(kind, name)
        if self._rig.simulated:
            self._link.connect(ResetScene, RESET_SCENE)
            self.create_subscription(TaskState, '/task_state', self._task_state, LATCHED)
        self._complaints = Complaints()
        self.create_subscription(DiagnosticArray, '/diagnostics', self._complaints.add, EVERY)
        self._events = self.create_publisher(EpisodeEvent, '/episode_event', EVERY)
        self._states = self.create_publisher(DemonstrationState, '/demonstration_state', EVERY)
        self.create_subscription(EpisodeEvent, '/episode_event', self._event, EVERY)
        self.create_subscription(ExecutorState, '/executor_state', self._executor_state, EVERY)
        self.create_subscription(Proprioception, '/proprioception', self._proprioception, EVERY)
        self.create_service(Trigger, '/demonstration/begin', self._on_begin)
        self.create_service(Trigger, '/demonstration/end', self._on_end)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_FEEDBACK_S, self._report, clock=steady)
        self._server = ActionServer(
            self,
            RunDemonstration,
            '/demonstration/run',
            self._execute,
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
        )

    def destroy_node(self) -> None:
        """Ends the action server first."""
        self._server.destroy()
        super().destroy_node()

    def _executor_state(self, message: ExecutorState) -> None:
        if self._sequence is not None:
            self._sequence.executor_state(message)

    def _task_state(self, message: TaskState) -> None:
        if self._sequence is not None:
            self._sequence.task_state(message)

    def _proprioception(self, message: Proprioception) -> None:
        if self._sequence is not None:
            self._sequence.proprioception(message)

    def _event(self, message: EpisodeEvent) -> None:
        if self._sequence is not None:
            self._sequence.event(message)

    def _report(self) -> None:
        if self._sequence is not None:
            self._sequence.report()
            return
        message = DemonstrationState(phase='idle')
        message.header.stamp = time_message(self._link.now_ns())
        self._show(message)

    def _show(self, message: DemonstrationState) -> None:
        message.count = self._count
        self._states.publish(message)

    def _on_begin(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._told('begin', response)

    def _on_end(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._told('end', response)

    def _told(self, what: str, response: Trigger.Response) -> Trigger.Response:
        sequence = self._sequence
        if sequence is None:
            response.message = 'no demonstration is running (/demonstration/run)'
        else:
            response.message = (
                sequence.begin() if what == 'begin' else sequence.finish(_BY_REQUEST)
            )
        response.success = not response.message
        return response

    async def _execute(self, goal_handle: Any) -> RunDemonstration.Result:
        try:
            sequence = self._begin(goal_handle)
        except WamError as error:
            self.get_logger().error(f'goal refused: {error}')
            goal_handle.abort()
            return RunDemonstration.Result(outcome='aborted', message=str(error))
        try:
            result = await sequence.run()
        finally:
            self._sequence = None
        self.get_logger().info(f'{result.outcome or "not labelled"}: {result.message}')
        if result.outcome != 'aborted':
            goal_handle.succeed()
        elif goal_handle.is_cancel_requested:
            goal_handle.canceled()
        else:
            goal_handle.abort()
        return result

    def _begin(self, goal_handle: Any) -> DemonstrationSequence:
        """Makes the sequence of a goal the running one. Raises WamError for a bad goal."""
        if self._sequence is not None:
            raise WamError('a demonstration is running already: wait for its end, or cancel it')
        plan = plan_of(goal_handle.request, self._rig)
        self._count += 1
        self._sequence = DemonstrationSequence(
            self._link,
            self._settings,
            plan,
            tell=self._events.publish,
            show=self._show,
            feedback=goal_handle.publish_feedback,
            cancelled=lambda: bool(goal_handle.is_cancel_requested),
            complaints=self._complaints.text,
        )
        return self._sequence


def main() -> int:
    """Runs the node."""
    return run(DemonstrationNode)
