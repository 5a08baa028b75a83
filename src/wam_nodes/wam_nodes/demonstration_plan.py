"""The parameters of demonstrations, config/demonstration.yaml, and a goal that was checked."""

from dataclasses import dataclass
from typing import Any

from wam_core.options import parameter
from wam_core.rig import RigSpec
from wam_core.rollout import RolloutLimits
from wam_core.task import TaskSpec
from wam_nodes.rollout_plan import task_of


@dataclass(frozen=True)
class Parameters:
    """Times are on the ROS clock unless they say wall."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    service_timeout_s: float = parameter(
        30.0, 'wall time for a service to appear and answer', unit='s', lower=0.1, upper=600.0
    )
    retry_s: float = parameter(
        5.0, 'wall time after which a reset that is not answered is repeated', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip
    leaders_timeout_s: float = parameter(
        120.0, 'wall time for the leaders to be where the followers are', unit='s',
        lower=1.0, upper=3600.0,
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
    gesture_timeout_s: float = parameter(
        1800.0, 'for the person to begin, who resets the scene meanwhile', unit='s',
        lower=1.0, upper=86400.0,
    )  # fmt: skip
    success_hold_s: float = parameter(
        1.0, 'that a simulated demonstration goes on after its success', unit='s',
        lower=0.0, upper=60.0,
    )  # fmt: skip
    home_after: bool = parameter(
        False, 'whether the arms go to the start pose after a demonstration'
    )
    first_target_timeout_s: float = parameter(
        30.0, 'from the start of the run until the arms follow the leaders', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip
    starvation_timeout_s: float = parameter(
        15.0, 'without a target of the leaders', unit='s', lower=0.1, upper=600.0
    )
    silence_timeout_s: float = parameter(
        1.0, 'without a word from the executor', unit='s', lower=0.1, upper=60.0
    )

    def limits(self, time_limit_s: float) -> RolloutLimits:
        """The limits of one demonstration."""
        return RolloutLimits(
            time_limit_ns=round(time_limit_s * 1e9),
            success_hold_ns=round(self.success_hold_s * 1e9),
            first_chunk_ns=round(self.first_target_timeout_s * 1e9),
            starvation_ns=round(self.starvation_timeout_s * 1e9),
            silence_ns=round(self.silence_timeout_s * 1e9),
        )


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
