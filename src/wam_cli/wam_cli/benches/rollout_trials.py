"""One trial of the rollout bench, in a process of its own: an executor, a setting, a seed."""

import site
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from wam_bringup.config import load_policy, load_task
from wam_cli.benches import lerobot
from wam_cli.benches.rollout_clients import (
    ClientEpisode,
    EpisodeOverError,
    LeRobotClient,
    OpenpiClient,
)
from wam_cli.benches.rollout_figures import PERIOD_NS, Figures, figures, largest_step
from wam_core.errors import WamError
from wam_core.executor_config import ExecutorConfig
from wam_core.policy import InferenceRequest, Observation, Prediction
from wam_sim.disagreement import DisagreeingPolicy, Disagreement
from wam_sim.expert.plan import Plan
from wam_sim.expert.policy import ScriptedPolicy
from wam_sim.lockstep import LockstepConfig, LockstepResult, run_episode
from wam_sim.rig import SimRig

OURS: Final = 'wam'
# executor -> the mode that it is closest to
PEERS: Final = {
    'openpi_broker': 'sync',
    'lerobot_weighted_average': 'async',
    'lerobot_latest_only': 'async',
}
_LEROBOT: Final = 'lerobot_'


@dataclass(frozen=True)
class Trial:
    """What to run. disagreement_rad: standard deviation; 0: the chunks are pieces of one plan."""

    executor: str
    mode: str
    latency_s: float
    disagreement_rad: float
    task: str
    seed: int


class WatchedPolicy:
    """The scripted expert, disagreeing with itself, with a record of what it gave.

    starts: request -> the plan and how far into it, s, its chunk begins. chunk_step: rad,
    largest change from row to row inside a chunk, from the end of a repeated prefix on.
    """

    def __init__(self, disagreement: Disagreement) -> None:
        self._expert = ScriptedPolicy(load_policy('scripted'))
        self._policy = DisagreeingPolicy(self._expert, disagreement)
        self.spec = self._policy.spec
        self.starts: dict[int, tuple[Plan, float]] = {}
        self.chunk_step = 0.0

    def reset(self, task: str) -> None:
        """Resets the expert and forgets the record."""
        self._policy.reset(task)
        self.starts.clear()
        self.chunk_step = 0.0

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The expert's chunk with its disagreement. Raises what the expert raises."""
        prediction = self._policy.infer(observation, request)
        if self._expert.progress is not None:
            self.starts[request.request_id] = self._expert.progress
        own = prediction.actions[max(prediction.prefix_rows - 1, 0) :]
        self.chunk_step = max(self.chunk_step, largest_step(own))
        return prediction


@dataclass(frozen=True)
class OurTrial:
    """An episode of ours with what its policy gave."""

    result: LockstepResult
    policy: WatchedPolicy
    config: LockstepConfig = field(default_factory=LockstepConfig)

    @property
    def finish_s(self) -> float | None:
        """From the first request to the success; None without."""
        if self.result.outcome != 'success':
            return None
        return self.result.sim_s - self.config.hold_s


def run_ours(trial: Trial) -> OurTrial:
    """Runs our executor. Raises WamError for an unknown mode or task."""
    config = LockstepConfig(
        latency_s=trial.latency_s, executor=replace(ExecutorConfig(), period_ns=PERIOD_NS)
    )
    policy = WatchedPolicy(Disagreement(trial.disagreement_rad, seed=trial.seed))
    task = load_task(trial.task)
    return OurTrial(run_episode(policy, task, trial.seed, trial.mode, config), policy, config)


def run_trial(trial: Trial) -> Figures:
    """Runs a trial and measures it. Raises WamError for an unknown mode or task."""
    if trial.executor == OURS:
        ours = run_ours(trial)
        return figures(
            ours.result.trace, ours.policy.starts, ours.finish_s, ours.policy.chunk_step
        )
    policy = WatchedPolicy(Disagreement(trial.disagreement_rad, seed=trial.seed))
    task = load_task(trial.task)
    with SimRig(trial.seed, task, leaders=False) as rig:
        episode = ClientEpisode(policy, task, rig, trial.latency_s, LockstepConfig().hold_s)
        _until_over(_client(trial.executor, episode, policy.spec.horizon).step)
    return figures(episode.trace, policy.starts, episode.finish_s, policy.chunk_step)


def expert_step(task: str, seed: int) -> float:
    """rad: largest change of an arm joint from row to row of the expert's plan for a seed."""
    ours = run_ours(Trial(OURS, 'async', 0.0, 0.0, task, seed))
    plans = [plan for plan, _ in ours.policy.starts.values()]
    if not plans:
        raise WamError(f'task {task!r}, seed {seed}: the expert made no plan')
    return largest_step(plans[0].positions)


def enter() -> None:
    """To be called first in a worker that was started with the peers' interpreter.

    multiprocessing gives a worker the module path of its parent, without the peers' packages.
    They come last, so that what both environments have is ours.
    """
    site.addsitedir(sysconfig.get_path('purelib'))


def _client(executor: str, episode: ClientEpisode, horizon: int) -> OpenpiClient | LeRobotClient:
    if executor == 'openpi_broker':
        return OpenpiClient(episode, horizon)
    return LeRobotClient(episode, lerobot.aggregate_function(executor.removeprefix(_LEROBOT)))


def _until_over(step: Callable[[], None]) -> None:
    try:
        while True:
            step()
    except EpisodeOverError:
        return
