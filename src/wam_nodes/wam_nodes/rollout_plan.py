"""The parameters of rollouts, config/rollout.yaml, and a goal that was checked."""

import math
from dataclasses import dataclass
from typing import Any

from wam_bringup.config import load_policy, load_task
from wam_core.errors import WamError
from wam_core.executor_config import check_mode
from wam_core.options import parameter
from wam_core.rig import RigSpec
from wam_core.rollout import RolloutLimits
from wam_core.task import TaskSpec


@dataclass(frozen=True)
class Parameters:
    """Times are on the ROS clock unless they say wall."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    service_timeout_s: float = parameter(
        30.0, 'wall time for a service to appear and answer', unit='s', lower=0.1, upper=600.0
    )
    policy_timeout_s: float = parameter(
        900.0, 'wall time for the policy to load, and for it to be reset', unit='s',
        lower=0.1, upper=7200.0,
    )  # fmt: skip
    retry_s: float = parameter(
        5.0, 'wall time after which a reset that is not answered is repeated', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip
    recorder_timeout_s: float = parameter(
        10.0, 'wall time for the recorder to hear all that it must record', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip
    clock_timeout_s: float = parameter(
        10.0, 'wall time for which the ROS clock may stand still', unit='s', lower=0.1, upper=600.0
    )
    settle_timeout_s: float = parameter(
        10.0, 'for the arms to be still after the reset', unit='s', lower=0.1, upper=600.0
    )
    settle_s: float = parameter(
        0.2, 'for which they must be still', unit='s', lower=0.0, upper=60.0
    )
    settle_rad_s: float = parameter(
        0.05, 'speed of a joint that counts as still', unit='rad/s', lower=0.001, upper=1.0
    )
    success_hold_s: float = parameter(
        0.5, 'that a rollout goes on after its success', unit='s', lower=0.0, upper=60.0
    )
    home_after: bool = parameter(False, 'whether the arms go to the start pose after a rollout')
    first_chunk_timeout_s: float = parameter(
        60.0, 'from the start of the run to its first chunk', unit='s', lower=0.1, upper=600.0
    )
    starvation_timeout_s: float = parameter(
        15.0, 'without a chunk', unit='s', lower=0.1, upper=600.0
    )
    silence_timeout_s: float = parameter(
        1.0, 'without a word from the executor', unit='s', lower=0.1, upper=60.0
    )

    def limits(self, time_limit_s: float) -> RolloutLimits:
        """The limits of one rollout."""
        return RolloutLimits(
            time_limit_ns=round(time_limit_s * 1e9),
            success_hold_ns=round(self.success_hold_s * 1e9),
            first_chunk_ns=round(self.first_chunk_timeout_s * 1e9),
            starvation_ns=round(self.starvation_timeout_s * 1e9),
            silence_ns=round(self.silence_timeout_s * 1e9),
        )


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
