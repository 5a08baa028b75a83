"""Runs rollouts, one at a time: the action /rollout/run."""

from typing import Any

from std_srvs.srv import Trigger
from wam_msgs.action import RunRollout

from wam_nodes.episode_node import EpisodeNode
from wam_nodes.rollout_plan import Parameters, plan_of
from wam_nodes.rollout_sequence import SERVICES, RolloutSequence
from wam_nodes.runner import run


class RolloutNode(EpisodeNode[Parameters, RolloutSequence]):
    """See ``EpisodeNode``."""

    def __init__(self) -> None:
        super().__init__('rollout', RunRollout, Parameters, SERVICES)
        self.create_service(Trigger, '/rollout/end', self._end)

    def make(self, goal_handle: Any) -> RolloutSequence:
        """See ``EpisodeNode``."""
        return RolloutSequence(
            self.link,
            self.settings,
            plan_of(goal_handle.request, self.rig),
            tell=self.events.publish,
            feedback=goal_handle.publish_feedback,
            cancelled=lambda: bool(goal_handle.is_cancel_requested),
            complaints=self.complaints.text,
        )

    def _end(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.sequence is None:
            response.message = 'no rollout is running (/rollout/run)'
        else:
            response.message = self.sequence.finish('ended by a person (/rollout/end)')
        response.success = not response.message
        return response


def main() -> int:
    """Runs the node."""
    return run(RolloutNode)
