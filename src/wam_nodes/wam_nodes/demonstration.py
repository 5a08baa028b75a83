"""Records demonstrations, one at a time: the action /demonstration/run."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from std_srvs.srv import Trigger
from wam_msgs.action import RunDemonstration
from wam_msgs.msg import DemonstrationState, EpisodeEvent

from wam_nodes.conversions import time_message
from wam_nodes.demonstration_plan import Parameters, plan_of
from wam_nodes.demonstration_sequence import SERVICES, DemonstrationSequence
from wam_nodes.episode_node import EpisodeNode
from wam_nodes.qos import EVERY
from wam_nodes.runner import run

_BY_REQUEST: Final = 'ended by the person (/demonstration/end)'


class DemonstrationNode(EpisodeNode[Parameters, DemonstrationSequence]):
    """See ``EpisodeNode``. Shows its phase on /demonstration_state, also between episodes."""

    def __init__(self) -> None:
        super().__init__('demonstration', RunDemonstration, Parameters, SERVICES)
        self._count = 0
        self._states = self.create_publisher(DemonstrationState, '/demonstration_state', EVERY)
        self.create_subscription(EpisodeEvent, '/episode_event', self._event, EVERY)
        for name, request in (
            ('begin', DemonstrationSequence.begin),
            ('end', partial(DemonstrationSequence.finish, text=_BY_REQUEST)),
        ):
            self.create_service(
                Trigger, f'/demonstration/{name}', partial(self._requested, request)
            )

    def make(self, goal_handle: Any) -> DemonstrationSequence:
        """See ``EpisodeNode``."""
        plan = plan_of(goal_handle.request, self.rig)
        self._count += 1
        return DemonstrationSequence(
            self.link,
            self.settings,
            plan,
            tell=self.events.publish,
            show=self._show,
            feedback=goal_handle.publish_feedback,
            cancelled=lambda: bool(goal_handle.is_cancel_requested),
            complaints=self.complaints.text,
        )

    def report(self) -> None:
        """See ``EpisodeNode``."""
        super().report()
        if self.sequence is None:
            message = DemonstrationState(phase='idle')
            message.header.stamp = time_message(self.link.now_ns())
            self._show(message)

    def _show(self, message: DemonstrationState) -> None:
        message.count = self._count
        self._states.publish(message)

    def _event(self, message: EpisodeEvent) -> None:
        if self.sequence is not None:
            self.sequence.event(message)

    def _requested(
        self,
        ask: Callable[[DemonstrationSequence], str],
        request: Trigger.Request,
        response: Trigger.Response,
    ) -> Trigger.Response:
        if self.sequence is None:
            response.message = 'no demonstration is running (/demonstration/run)'
        else:
            response.message = ask(self.sequence)
        response.success = not response.message
        return response


def main() -> int:
    """Runs the node."""
    return run(DemonstrationNode)
