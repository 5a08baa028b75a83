"""The parameters of demonstrations, config/demonstration.yaml, and a goal that was checked."""

from dataclasses import dataclass
from typing import Any

from wam_core.options import parameter
from wam_core.rig import RigSpec
from wam_core.task import TaskSpec
from wam_nodes.episode_parameters import EpisodeParameters
from wam_nodes.rollout_plan import task_of


@dataclass(frozen=True)
class Parameters(EpisodeParameters):
    """Of config/demonstration.yaml."""

    leaders_timeout_s: float = parameter(
        120.0, 'wall time for the leaders to be where the followers are', unit='s',
        lower=1.0, upper=3600.0,
    )  # fmt: skip
    gesture_timeout_s: float = parameter(
        1800.0, 'for the person to begin, who resets the scene meanwhile', unit='s',
        lower=1.0, upper=86400.0,
    )  # fmt: skip
    success_hold_s: float = parameter(
        1.0, 'that a simulated episode goes on after its success', unit='s', lower=0.0, upper=60.0
    )
    first_target_timeout_s: float = parameter(
        30.0, 'from the start of the run until the arms follow the leaders', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip

    @property
    def first_timeout_s(self) -> float:
        """See ``EpisodeParameters``."""
        return self.first_target_timeout_s


@dataclass(frozen=True)
class Plan:
    """A goal of /demonstration/run that makes sense. seed: -1 on a real rig."""

    task: TaskSpec
    time_limit_s: float
    seed: int
    operator: str
    record: bool


def plan_of(goal: Any, rig: RigSpec) -> Plan:
    """The plan of a RunDemonstration goal. Raises WamError for one that can't be run here."""
    task = task_of(goal, rig)
    return Plan(
        task=task,
        time_limit_s=goal.time_limit_s or task.time_limit_s,
        seed=int(goal.seed) if rig.simulated else -1,
        operator=goal.operator_name,
        record=bool(goal.record),
    )
