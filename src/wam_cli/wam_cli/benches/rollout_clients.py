"""The chunk executors that people use now, on the simulated rig in lockstep.

openpi-client's ActionChunkBroker is its own class, in a loop as its Runtime has it: observation,
action, command. LeRobot's aggregate functions are its own; the queue around them is written here
after the rule of its async client and server (``lerobot.async_inference.robot_client`` and
``policy_server``), see ``TimestepQueue`` and ``LeRobotClient``. Neither limits a command, so that
theirs go to the followers as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import numpy as np

from wam_cli.benches.rollout_figures import PERIOD_NS
from wam_core.joints import DIM, Vector
from wam_core.policy import InferenceRequest, Matrix, Observation
from wam_core.task import TaskSpec
from wam_sim.lockstep import ChunkPolicy, Trace
from wam_sim.rig import SimRig

CHUNK_SIZE_THRESHOLD: Final = 0.5  # LeRobot's default

Aggregate = Callable[[Any, Any], Any]


class EpisodeOverError(Exception):
    """Success and a while after it, or the time limit: raised out of whatever a client does."""


class ClientEpisode:
    """The rig under a client: one ``send`` or ``hold`` per period of 40 ms.

    latency_ticks: periods from an observation to the chunk.
    """

    def __init__(
        self, policy: ChunkPolicy, task: TaskSpec, rig: SimRig, latency_s: float, hold_s: float
    ) -> None:
        self.latency_ticks = int(np.ceil(latency_s * 1e9 / PERIOD_NS - 1e-9))
        self.finish_s: float | None = None
        self.tick = 0
        self._policy, self._task, self._rig, self._hold_s = policy, task, rig, hold_s
        self._command = rig.state().position
        self._rows: list[tuple[int, Vector, Vector, int, float]] = []
        self._asked = 0
        policy.reset(task.language)

    def observe(self, stamp_ns: int | None = None) -> Observation:
        """What the policy sees now. stamp_ns: what it takes for the time; None: the time."""
        state = self._rig.state()
        return Observation(
            stamp_ns=self._rig.time_ns if stamp_ns is None else stamp_ns,
            images=np.zeros((0, 0, 0, 3), np.uint8),
            position=state.position,
            velocity=state.velocity,
            effort=state.effort,
            objects=self._rig.task_state.objects,
        )

    def infer(self, observation: Observation, mode: str) -> tuple[int, Matrix]:
        """The policy's chunk: its number, from 1 on, and its rows (H, 14)."""
        self._asked += 1
        request = InferenceRequest(self._asked, self._task.language, mode, np.zeros((0, DIM)))
        return self._asked, self._policy.infer(observation, request).actions

    def send(self, command: Vector, chunk: int, row: float) -> None:
        """Commands the arms and lets a period pass. Raises EpisodeOverError at the end."""
        self._command = np.asarray(command, dtype=np.float64)
        self._advance(self._command, chunk, row)

    def hold(self) -> None:
        """A period without a command: the arms keep the last one."""
        self._advance(None, 0, -1.0)

    @property
    def trace(self) -> Trace:
        """What was commanded, held commands included, and measured."""
        times, commands, measured, chunks, rows = zip(*self._rows, strict=True)
        sent = np.array(commands)
        return Trace(
            time_ns=np.array(times, np.int64),
            requested=sent,
            limited=sent,
            measured=np.array(measured),
            request_id=np.array(chunks, np.int64),
            row=np.array(rows, np.float64),
        )

    def _advance(self, command: Vector | None, chunk: int, row: float) -> None:
        now_ns, measured = self._rig.time_ns, self._rig.state().position
        self._rows.append((now_ns, self._command, measured, chunk, row))
        self._rig.step(command, PERIOD_NS)
        self.tick += 1
        elapsed_s = self.tick * PERIOD_NS / 1e9
        if self.finish_s is None and self._rig.task_state.success:
            self.finish_s = elapsed_s
        ends_s = self._task.time_limit_s
        if self.finish_s is not None:
            ends_s = min(ends_s, self.finish_s + self._hold_s)
        if elapsed_s >= ends_s:
            raise EpisodeOverError


class OpenpiClient:
    """openpi-client's ActionChunkBroker over whole chunks: at their ends it blocks in ``infer``.

    Its examples play half of a chunk (aloha_real: 25 rows of 50) and stand still twice as often.
    """

    def __init__(self, episode: ClientEpisode, horizon: int) -> None:
        broker = import_module('openpi_client.action_chunk_broker').ActionChunkBroker
        self._episode = episode
        self._broker = broker(policy=self, action_horizon=horizon)

    def infer(self, observation: Observation) -> dict[str, object]:
        """What the broker calls for a chunk: the arms get no command until it is there."""
        number, rows = self._episode.infer(observation, 'sync')
        for _ in range(self._episode.latency_ticks):
            self._episode.hold()
        return {'actions': rows, 'row': np.arange(float(len(rows))), 'chunk': number}

    def step(self) -> None:
        """One turn of the Runtime's loop. Raises EpisodeOverError at the episode's end."""
        step = self._broker.infer(self._episode.observe())
        self._episode.send(step['actions'], step['chunk'], float(step['row']))


@dataclass
class TimestepQueue:
    """Actions by timestep, as LeRobot's async client merges them.

    Of a new chunk, timesteps up to the last executed one are dropped; one that the queue has is
    aggregated with it; the others are taken. What only the old queue has is forgotten.
    """

    aggregate: Aggregate
    latest: int = -1  # timestep that was executed last
    size: int = 1  # of the largest chunk yet
    actions: dict[int, tuple[Vector, int, float]] = field(default_factory=dict)

    def merge(self, first: int, rows: Matrix, chunk: int) -> None:
        """Takes a chunk whose row 0 is for timestep ``first``."""
        queue = {}
        for index, row in enumerate(rows):
            timestep = first + index
            if timestep <= self.latest:
                continue
            held = self.actions.get(timestep)
            action = row if held is None else self.aggregate(held[0], row)
            queue[timestep] = (np.asarray(action, dtype=np.float64), chunk, float(index))
        self.actions = queue
        self.size = max(self.size, len(rows))

    def pop(self) -> tuple[Vector, int, float] | None:
        """The next action with its chunk and row, now executed; None: the queue is empty."""
        if not self.actions:
            return None
        self.latest = next(iter(self.actions))
        return self.actions.pop(self.latest)

    @property
    def wants_observation(self) -> bool:
        """Whether the client sends observations now."""
        return len(self.actions) / self.size <= CHUNK_SIZE_THRESHOLD


class LeRobotClient:
    """LeRobot's async client with its server: each tick an action, then perhaps an observation.

    The server keeps the newest observation while it infers and drops those of a timestep that it
    has inferred, unless the queue is empty. Its filter of observations that are "similar" is left
    out: with joints in radians it would hold back almost every observation until the queue is
    empty. The policy takes a timestep for the time, since that is what LeRobot's rows are of:
    after a tick without a command, the expert goes on from where the arms are.
    """

    def __init__(self, episode: ClientEpisode, aggregate: Aggregate) -> None:
        self._episode = episode
        self._queue = TimestepQueue(aggregate)
        self._inferred: set[int] = set()
        self._must_go = True  # the next observation with an empty queue is inferred at any rate
        self._waiting: tuple[int, Observation] | None = None  # with its timestep
        self._due: tuple[int, int, int, Matrix] | None = None  # tick, timestep, chunk, rows

    def step(self) -> None:
        """One tick. Raises EpisodeOverError at the episode's end."""
        if self._due is not None and self._due[0] <= self._episode.tick:
            _, first, chunk, rows = self._due
            self._queue.merge(first, rows, chunk)
            self._due, self._must_go = None, True
        self._serve()
        action = self._queue.pop()
        if self._queue.wants_observation:
            self._observe()
            self._serve()
        if action is None:
            self._episode.hold()
        else:
            self._episode.send(*action)

    def _observe(self) -> None:
        timestep = max(self._queue.latest, 0)
        must_go = self._must_go and not self._queue.actions
        if must_go:
            self._must_go = False
        if must_go or timestep not in self._inferred:
            self._waiting = timestep, self._episode.observe(timestep * PERIOD_NS)

    def _serve(self) -> None:
        if self._due is None and self._waiting is not None:
            timestep, observation = self._waiting
            self._waiting = None
            self._inferred.add(timestep)
            chunk, rows = self._episode.infer(observation, 'async')
            self._due = self._episode.tick + self._episode.latency_ticks, timestep, chunk, rows
