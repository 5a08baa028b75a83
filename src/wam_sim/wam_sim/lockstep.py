"""A whole episode in one process: policy, executor and simulated rig, as fast as they compute."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from wam_core.chunk import ChunkFields
from wam_core.errors import WamError
from wam_core.executor import ExecutorCore
from wam_core.executor_config import ExecutorConfig
from wam_core.joints import DIM
from wam_core.policy import Image, InferenceRequest, Matrix, Observation, PolicySpec, Prediction
from wam_core.requests import ChunkRequest
from wam_core.task import TaskSpec
from wam_core.tick import Applied
from wam_sim.rig import SimRig

_NS = 1_000_000_000


class ChunkPolicy(Protocol):
    """What an episode needs of a policy; the same as ``wam_policy.Policy``."""

    spec: PolicySpec

    def reset(self, task: str) -> None:
        """Starts an episode of the instruction ``task``."""

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """Answers with a chunk."""


@dataclass(frozen=True)
class Trace:
    """One row per tick: time_ns (T,); requested, limited, measured (T, 14), rad, grippers 0..1.

    request_id (T,) of the chunk that was followed, 0: none. row (T,) within it, -1: none.
    """

    time_ns: NDArray[np.int64]
    requested: Matrix
    limited: Matrix
    measured: Matrix
    request_id: NDArray[np.int64]
    row: NDArray[np.float64]


@dataclass(frozen=True)
class LockstepResult:
    """How an episode went.

    score: 0..100. stage: highest reached, counted from 1; stages: names up to it. final_stage:
    the one that held at the end. steps: ticks that followed a chunk. chunks, refused: merged and
    refused ones. clamps: joint values that the limiter changed.
    """

    outcome: Literal['success', 'failure']
    score: float
    stage: int
    stages: tuple[str, ...]
    final_stage: int
    seed: int
    steps: int
    sim_s: float
    chunks: int
    refused: int
    underruns: int
    position_clamps: int
    velocity_clamps: int
    trace: Trace


@dataclass(frozen=True)
class LockstepConfig:
    """latency_s: from a request to its chunk. age_s: of the observation when it is used.

    hold_s: how long an episode goes on after its success. resize: makes a camera's (480, 640, 3)
    RGB8 picture the size that the policy's spec asks for, as camera_sync does; None: the policy
    gets an array of zero pictures, and nothing is rendered.
    """

    latency_s: float = 0.0
    age_s: float = 0.0
    hold_s: float = 0.5
    resize: Callable[[Image], Image] | None = None
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)


def run_episode(
    policy: ChunkPolicy,
    task: TaskSpec,
    seed: int,
    mode: str = 'async',
    config: LockstepConfig | None = None,
) -> LockstepResult:
    """Runs ``task`` until ``config.hold_s`` after its success, or to its time limit.

    The timeline, the limiter and the motor model are those of the ROS graph, time is simulated,
    and nothing depends on the machine's speed: the same arguments give the same result, provided
    that the policy's answers do. An inference that raises WamError counts as a refused chunk.
    Raises WamError for a mode that the executor doesn't know.
    """
    with SimRig(seed, task, leaders=False) as rig:
        return _Episode(policy, task, rig, mode, config or LockstepConfig()).run()


class _Episode:
    def __init__(
        self, policy: ChunkPolicy, task: TaskSpec, rig: SimRig, mode: str, config: LockstepConfig
    ) -> None:
        self._policy, self._task, self._rig, self._config = policy, task, rig, config
        self._core = ExecutorCore(config.executor, rig.rig)
        self._seen: deque[Observation] = deque()
        self._asked: ChunkRequest | None = None
        self._answer: tuple[int, ChunkFields] | None = None
        self._applied: list[Applied] = []
        self._mode = mode

    def run(self) -> LockstepResult:
        began = self._rig.time_ns
        limit = began + round(self._task.time_limit_s * _NS)
        self._policy.reset(self._task.language)
        self._core.start('policy', self._mode, self._task.language, began)
        while self._rig.time_ns < limit:
            self._tick()
            if self._rig.task_state.success:
                limit = min(limit, self._rig.time_ns + round(self._config.hold_s * _NS))
        return self._result((self._rig.time_ns - began) / _NS)

    def _tick(self) -> None:
        now = self._rig.time_ns
        state = self._rig.state()
        self._core.measured(state.position, now)
        self._deliver(now)
        tick = self._core.tick(now)
        if tick.applied is not None:
            self._applied.append(tick.applied)
        if tick.request is not None:
            self._asked = tick.request
        if self._asked is not None or self._config.age_s > 0.0:
            self._observe(now)
        if self._asked is not None:
            self._ask(self._asked, now)
        self._rig.step(tick.command, self._config.executor.period_ns)

    def _observe(self, now: int) -> None:
        """Remembers this moment, and no more of them than the observations' age needs."""
        state, age = self._rig.state(), round(self._config.age_s * _NS)
        objects = self._rig.task_state.objects
        self._seen.append(
            Observation(
                stamp_ns=now,
                images=self._images(),
                position=state.position,
                velocity=state.velocity,
                effort=state.effort,
                objects=objects,
            )
        )
        while len(self._seen) > 1 and self._seen[1].stamp_ns <= now - age:
            self._seen.popleft()

    def _images(self) -> Image:
        resize = self._config.resize
        if resize is None or not self._policy.spec.cameras:
            return _NO_IMAGES
        return np.stack([resize(self._rig.render(name)) for name in self._policy.spec.cameras])

    def _ask(self, asked: ChunkRequest, now: int) -> None:
        """Infers, once there is an observation of the right age that the request allows."""
        observation = self._seen[0]
        too_fresh = observation.stamp_ns > now - round(self._config.age_s * _NS)
        if too_fresh or observation.stamp_ns < asked.not_before_ns:
            return
        self._asked = None
        request = InferenceRequest(
            asked.request_id, asked.task, asked.mode, asked.prefix, asked.prefix_start_ns
        )
        due = now + round(self._config.latency_s * _NS)
        try:
            prediction = self._policy.infer(observation, request)
        except WamError as error:
            prediction, text = Prediction(_NO_ACTIONS), str(error)
        else:
            text = ''
        self._answer = due, self._fields(asked, observation, prediction, text)

    def _fields(
        self, asked: ChunkRequest, observation: Observation, prediction: Prediction, error: str
    ) -> ChunkFields:
        actions = prediction.actions
        return ChunkFields(
            request_id=asked.request_id,
            generation=asked.generation,
            task=asked.task,
            t_obs_ns=observation.stamp_ns,
            dt_ns=self._policy.spec.dt_ns,
            horizon=len(actions),
            action_dim=actions.shape[1],
            actions=actions.ravel(),
            prefix_rows=prediction.prefix_rows,
            error=error,
        )

    def _deliver(self, now: int) -> None:
        if self._answer is not None and self._answer[0] <= now:
            self._core.offer(self._answer[1], now)
            self._answer = None

    def _result(self, sim_s: float) -> LockstepResult:
        truth, status = self._rig.task_state, self._core.status
        return LockstepResult(
            outcome='success' if truth.success else 'failure',
            score=truth.score,
            stage=truth.stage,
            stages=tuple(stage.name for stage in self._task.stages[: truth.stage]),
            final_stage=truth.reward,
            seed=self._rig.seed,
            steps=status.steps,
            sim_s=sim_s,
            chunks=status.chunks_merged,
            refused=status.chunks_refused,
            underruns=status.underruns,
            position_clamps=sum(status.position_clamps),
            velocity_clamps=sum(status.velocity_clamps),
            trace=_trace(self._applied),
        )


_NO_IMAGES: Image = np.zeros((0, 0, 0, 3), np.uint8)
_NO_ACTIONS: Matrix = np.zeros((0, DIM))


def _trace(applied: list[Applied]) -> Trace:
    return Trace(
        time_ns=np.array([entry.stamp_ns for entry in applied], np.int64),
        requested=_stack([entry.requested for entry in applied]),
        limited=_stack([entry.limited for entry in applied]),
        measured=_stack([entry.measured for entry in applied]),
        request_id=np.array([entry.request_id for entry in applied], np.int64),
        row=np.array([entry.row for entry in applied], np.float64),
    )


def _stack(rows: list[NDArray[np.float64]]) -> Matrix:
    return np.array(rows, np.float64).reshape(len(rows), DIM)
