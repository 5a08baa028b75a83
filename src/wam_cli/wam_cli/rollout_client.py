"""Asks a running graph for rollouts: the client of the action /rollout/run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from std_srvs.srv import Trigger
from wam_msgs.action import RunRollout

from wam_cli.episode_client import Episode, EpisodeClient
from wam_cli.status import Status


@dataclass(frozen=True)
class Goal:
    """As in RunRollout. policy, mode: empty: the graph's. time_limit_s: 0: the task's."""

    task: str
    policy: str
    seed: int
    mode: str = ''
    time_limit_s: float = 0.0
    record: bool = True
    operator: str = ''


class RolloutClient(EpisodeClient):
    """tick: called several times a second while waiting; what it raises ends the wait."""

    def __init__(self, status: Status, tick: Callable[[], None]) -> None:
        super().__init__(RunRollout, '/rollout/run', status, tick)
        self._end = self.node.create_client(Trigger, '/rollout/end')

    def run(self, goal: Goal) -> Episode:
        """Runs one rollout. Raises WamError when the graph does not answer."""
        return self.request(_message(goal), goal.seed)

    def end(self) -> bool:
        """Ends the rollout that runs, in order. False: there is none, or nobody could."""
        if self.status.phase != 'running' or not self._end.service_is_ready():
            return False
        self._end.call_async(Trigger.Request())
        return True

    def take(self, feedback: Any) -> None:
        """See ``EpisodeClient``."""
        self.status.chunks, self.status.underruns = feedback.chunks, feedback.underruns


def _message(goal: Goal) -> RunRollout.Goal:
    return RunRollout.Goal(
        task=goal.task,
        policy=goal.policy,
        time_limit_s=goal.time_limit_s,
        mode=goal.mode,
        seed=goal.seed,
        record=goal.record,
        operator_name=goal.operator,
    )
