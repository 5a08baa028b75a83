"""What the nodes of rollouts and demonstrations have in common: one episode per goal."""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer, CancelResponse
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from wam_msgs.msg import EpisodeEvent, ExecutorState, Proprioception, TaskState
from wam_msgs.srv import ResetScene

from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_nodes.complaints import Complaints
from wam_nodes.episode_parameters import EpisodeParameters
from wam_nodes.episode_scene import RESET_SCENE
from wam_nodes.episode_sequence import EpisodeSequence
from wam_nodes.link import Link
from wam_nodes.qos import EVERY, LATCHED

_FEEDBACK_S: Final = 0.2

Settings = TypeVar('Settings', bound=EpisodeParameters)
Sequence = TypeVar('Sequence', bound=EpisodeSequence)


class EpisodeNode(Node, Generic[Settings, Sequence]):
    """Serves the action /<name>/run, one goal at a time.

    A goal that can't be run is accepted and aborted: a rejection could not say why. name: of the
    node; its settings are config/<name>.yaml. services: those that a sequence calls.
    """

    def __init__(
        self, name: str, action: Any, settings: type[Settings], services: Mapping[str, Any]
    ) -> None:
        super().__init__(name)
        self.settings = declare(self, settings)
        self.rig = load_rig(self.settings.rig)
        self.sequence: Sequence | None = None
        self.link = Link(
            self,
            self.settings.service_timeout_s,
            self.settings.retry_s,
            self.settings.clock_timeout_s,
            f'config/{name}.yaml',
        )
        for service, kind in services.items():
            self.link.connect(kind, service)
        if self.rig.simulated:
            self.link.connect(ResetScene, RESET_SCENE)
            self.create_subscription(TaskState, '/task_state', self._task_state, LATCHED)
        self.complaints = Complaints()
        self.events = self.create_publisher(EpisodeEvent, '/episode_event', EVERY)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnostics, EVERY)
        self.create_subscription(ExecutorState, '/executor_state', self._executor_state, EVERY)
        self.create_subscription(Proprioception, '/proprioception', self._proprioception, EVERY)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_FEEDBACK_S, self.report, clock=steady)
        self._result = action.Result
        self._server = ActionServer(
            self,
            action,
            f'/{name}/run',
            self._execute,
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
        )

    def make(self, goal_handle: Any) -> Sequence:
        """The episode of a goal. Raises WamError for one that can't be run on this rig."""
        raise NotImplementedError

    def destroy_node(self) -> None:
        """Ends the action server first."""
        self._server.destroy()
        super().destroy_node()

    def report(self) -> None:
        """Five times per second."""
        if self.sequence is not None:
            self.sequence.report()

    def _diagnostics(self, message: DiagnosticArray) -> None:
        self.complaints.add(message)
        if self.sequence is not None:
            self.sequence.diagnostics(message)

    def _executor_state(self, message: ExecutorState) -> None:
        if self.sequence is not None:
            self.sequence.executor_state(message)

    def _task_state(self, message: TaskState) -> None:
        if self.sequence is not None:
            self.sequence.task_state(message)

    def _proprioception(self, message: Proprioception) -> None:
        if self.sequence is not None:
            self.sequence.proprioception(message)

    async def _execute(self, goal_handle: Any) -> Any:
        try:
            if self.sequence is not None:
                name = self.get_name()
                raise WamError(f'a {name} is running already: wait for its end, or cancel it')
            self.sequence = self.make(goal_handle)
        except WamError as error:
            self.get_logger().error(f'goal refused: {error}')
            goal_handle.abort()
            return self._result(outcome='aborted', message=str(error))
        try:
            result = self._result(**await self.sequence.run())
        finally:
            self.sequence = None
        self.get_logger().info(f'{result.outcome or "not labelled"}: {result.message}')
        if result.outcome != 'aborted':
            goal_handle.succeed()
        elif goal_handle.is_cancel_requested:
            goal_handle.canceled()
        else:
            goal_handle.abort()
        return result
