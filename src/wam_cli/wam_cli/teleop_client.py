"""Asks a running graph for demonstrations: the client of the action /demonstration/run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticStatus
from std_srvs.srv import Trigger
from wam_msgs.action import RunDemonstration

from wam_cli.episode_client import Episode, EpisodeClient
from wam_cli.status import Status

_BEGIN: Final = '/demonstration/begin'
_WITH_LEADERS: Final = ('aligning', 'waiting', 'running')  # before, they may still be starting
_END: Final = '/demonstration/end'


@dataclass(frozen=True)
class Goal:
    """As in RunDemonstration. time_limit_s: 0: the task's."""

    task: str
    seed: int
    operator: str
    time_limit_s: float = 0.0
    record: bool = True


class TeleopClient(EpisodeClient):
    """tick: called several times a second while waiting; what it raises ends the wait.

    hints: phase -> what the person may do in it.
    """

    def __init__(self, status: Status, tick: Callable[[], None]) -> None:
        super().__init__(RunDemonstration, '/demonstration/run', status, tick)
        self.hints: dict[str, str] = {}
        self._services = {
            phase: self.node.create_client(Trigger, name)
            for phase, name in (('waiting', _BEGIN), ('running', _END))
        }

    def run(self, goal: Goal) -> Episode:
        """Records one demonstration. Raises WamError when the graph does not answer."""
        message = RunDemonstration.Goal(
            task=goal.task,
            time_limit_s=goal.time_limit_s,
            seed=goal.seed,
            operator_name=goal.operator,
            record=goal.record,
        )
        return self.request(message, goal.seed)

    def confirm(self) -> bool:
        """Begins the demonstration that waits, ends the one that runs. False: there is neither."""
        service = self._services.get(self.status.phase)
        if service is None or not service.service_is_ready():
            return False
        service.call_async(Trigger.Request())
        return True

    def take(self, feedback: Any) -> None:
        """See ``EpisodeClient``."""
        self.status.hint = self.hints.get(feedback.phase, '')

    def report(self, entry: Any) -> None:
        """See ``EpisodeClient``."""
        if entry.name == 'teleop':
            bad = entry.level != DiagnosticStatus.OK and self.status.phase in _WITH_LEADERS
            self.status.complaint = f'leaders: {entry.message}' if bad else ''
