"""When a demonstration is over, and with what outcome."""

from wam_core.rollout import Ending, RolloutLimits, RolloutMonitor
from wam_core.task import TaskSpec


class DemonstrationMonitor(RolloutMonitor):
    """As that of a rollout, but a person may end it at any time.

    In simulation the truth about the task is its outcome, on a real rig the person says it later.
    """

    def __init__(
        self,
        task: TaskSpec,
        limits: RolloutLimits,
        generation: int,
        now_ns: int,
        *,
        simulated: bool,
    ) -> None:
        super().__init__(task, limits, generation, now_ns, simulated=simulated, feed='target')
        self._finished = ''

    def finish(self, text: str) -> None:
        """The person ends it. text: how."""
        self._finished = text

    def ending(self, now_ns: int) -> Ending | None:
        """The end, once there is a reason for one. A fault or a success comes before all else."""
        ending = super().ending(now_ns)
        if ending is not None or not self._finished:
            return ending
        if not self._simulated:
            return Ending('', f'{self._finished}; the outcome is not labelled')
        succeeded = self._task.succeeded(self.stage)
        return Ending('success' if succeeded else 'failure', self._finished)
