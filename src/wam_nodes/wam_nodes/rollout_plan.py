"""The parameters of rollouts, config/rollout.yaml, and a goal that was checked."""

import math
from dataclasses import dataclass
from typing import Any

from wam_bringup.config import load_policy, load_task
from wam_core.errors import WamError
from wam_core.executor_config import check_mode
from wam_core.options import parameter
from wam_core.rig import RigSpec
from wam_core.task import TaskSpec
from wam_nodes.episode_parameters import EpisodeParameters


@dataclass(frozen=True)
class Parameters(EpisodeParameters):
    """Of config/rollout.yaml."""

    policy_timeout_s: float = parameter(
        900.0, 'wall time for the policy to load, and for it to be reset', unit='s',
        lower=0.1, upper=7200.0,
    )  # fmt: skip
    first_chunk_timeout_s: float = parameter(
        60.0, 'from the start of the run to its first chunk', unit='s', lower=0.1, upper=600.0
    )

    @property
    def first_timeout_s(self) -> float:
        """See ``EpisodeParameters``."""
        return self.first_chunk_timeout_s


@dataclass(frozen=True)
class Plan:
    """A goal of /rollout/run that makes sense.

    policy: its name; empty: whichever is loaded. mode: empty: the executor's. seed: -1 on a real
    rig.
    """

    task: TaskSpec
    policy: str
    time_limit_s: float
    mode: str
    seed: int
    record: bool
    operator: str = ''


def plan_of(goal: Any, rig: RigSpec) -> Plan:
    """The plan of a RunRollout goal. Raises WamError for one that can't be run on this rig."""
    task = task_of(goal, rig)
    return Plan(
        task=task,
        policy=load_policy(goal.policy).spec.name if goal.policy else '',
        time_limit_s=goal.time_limit_s or task.time_limit_s,
        mode=check_mode(goal.mode) if goal.mode else '',
        seed=int(goal.seed) if rig.simulated else -1,
        record=bool(goal.record),
        operator=goal.operator_name,
    )


def task_of(goal: Any, rig: RigSpec) -> TaskSpec:
    """The task of an action's goal, whose time limit and seed make sense on this rig.

    Raises WamError otherwise.
    """
    task = load_task(goal.task)
    if rig.simulated and not task.scene:
        raise WamError(f'task {task.name!r} has no simulation (`scene`), rig {rig.name!r} is one')
    if not (math.isfinite(goal.time_limit_s) and goal.time_limit_s >= 0.0):
        raise WamError(
            f"time_limit_s = {goal.time_limit_s!r}, allowed: above 0, or 0 for the task's own "
            f'{task.time_limit_s:g} s'
        )
    if rig.simulated and goal.seed < 0:
        raise WamError(f'seed = {goal.seed}, allowed: 0 and above')
    return task
