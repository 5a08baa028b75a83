"""The `scripted` policy: a simulated task's expert behind the interface of any policy."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wam_core.errors import WamError
from wam_core.joints import ARMS, Vector
from wam_core.mapping import Section
from wam_core.options import parameter, read
from wam_core.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction
from wam_sim.expert import peg_insertion, transfer_cube
from wam_sim.expert.grasp import backed_off
from wam_sim.expert.inverse_kinematics import Kinematics
from wam_sim.expert.plan import Check, Move, Plan, build

_STALE_S = 0.3  # objects and arms of one observation may have been read that far apart
_ASTRAY_RAD = 0.4  # further than the motors ever lag behind: the plan was not executed
_RETREAT_M = 0.08
_LAG_S = 0.05  # of the arms behind their command: the servos' lag and half a period
_SAME_RAD = 0.002  # of positions of the arms that are one
_FINER = 8  # than the rows
_PLAYED = 0.8  # of a chunk's length: in sync mode the executor then played the whole chunk


@dataclass(frozen=True)
class Options:
    """Of the policy's file."""

    misjudged_m: float = parameter(
        0.0, 'standard deviation of the error with which it sees objects, in x and in y',
        unit='m', lower=0.0, upper=0.1,
    )  # fmt: skip


@dataclass(frozen=True)
class _Expert:
    """things: the objects that it moves. stages: how many its task counts."""

    things: tuple[str, ...]
    stages: int
    moves: Callable[[Mapping[str, Vector]], tuple[list[Move], list[Check]]]


_EXPERTS = (
    _Expert(('cube',), 4, transfer_cube.moves),
    _Expert(('peg', 'socket'), 4, peg_insertion.moves),
)


class ScriptedPolicy:
    """Plans an episode at the first inference, then hands it out chunk by chunk.

    It plans again, from where the arms are, when an object is not where the plan has it. Which
    task it is follows from the names in ``Observation.objects``, not from the instruction.
    """

    def __init__(self, config: PolicyConfig) -> None:
        source = f'policy {config.spec.name!r}: options'
        self._options = read(Options, Section(config.options, source))
        self.spec: PolicySpec = config.spec
        self._dt_s = config.spec.dt_ns * 1e-9
        self._kinematics = Kinematics()
        self._expert: _Expert | None = None
        self._plan: Plan | None = None
        self._errors: np.random.Generator | None = None  # of where it sees the objects
        self._phase_s = 0.0
        self._stamp_ns = 0
        self._mode = ''  # of the request before

    def reset(self, task: str) -> None:
        """Forgets the plan. ``task``, the instruction, is not needed: the objects tell it."""
        self._plan = self._errors = None

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The plan's next ``spec.horizon`` rows; the last one is held when the plan is done.

        value: share of the task's stages that the plan expects by the end of the chunk.
        Raises WamError for objects that no expert knows or that are out of reach.
        """
        began = time.perf_counter()
        expert = _choose(observation.objects)
        if expert is not self._expert:
            self._expert, self._plan = expert, None
        plan = self._plan
        if plan is not None:
            self._phase_s = self._advance(plan, observation, request.mode)
        self._stamp_ns, self._mode = observation.stamp_ns, request.mode
        if plan is None or self._broken(plan, observation):
            plan = self._replan(expert, observation)
        planned = time.perf_counter()
        rows = plan.rows(self._phase_s, self.spec.horizon)
        value = plan.stage(self._phase_s + self._length_s) / expert.stages
        sampled = time.perf_counter()
        return Prediction(
            actions=rows,
            future_proprioception=rows[-1],
            value=value,
            stage_ms={
                'planning': (planned - began) * 1e3,
                'sampling': (sampled - planned) * 1e3,
            },
        )

    @property
    def progress(self) -> tuple[Plan, float] | None:
        """The plan and how far into it, s, the newest chunk begins; None before the first."""
        return None if self._plan is None else (self._plan, self._phase_s)

    @property
    def _length_s(self) -> float:
        return self.spec.horizon * self._dt_s

    def _replan(self, expert: _Expert, observation: Observation) -> Plan:
        """A plan from where the arms are; one that was already under way first lets go."""
        moves, checks = expert.moves(self._seen(observation.objects))
        if self._plan is not None:
            moves = [*self._retreat(observation.position), *moves]
        self._plan = None
        self._phase_s = 0.0
        self._plan = build(self._kinematics, observation.position, moves, checks, self._dt_s)
        return self._plan

    def _seen(self, objects: Mapping[str, Vector]) -> Mapping[str, Vector]:
        """Where it takes the objects to be; each look is off by another error.

        The errors follow from the scene: the same seed of a scene gives the same episode.
        """
        if not self._options.misjudged_m:
            return objects
        if self._errors is None:
            scene = np.concatenate([objects[name] for name in sorted(objects)])
            self._errors = np.random.default_rng(np.abs(scene * 1e6).astype(np.uint64))
        offset = np.zeros(7)
        offset[:2] = self._errors.normal(0.0, self._options.misjudged_m, 2)
        return {name: pose + offset for name, pose in objects.items()}

    def _retreat(self, position: Vector) -> list[Move]:
        poses = self._kinematics.forward(position)
        back = {side: backed_off(pose, _RETREAT_M) for side, pose in poses.items()}
        return [
            Move('release', 0.8, openings={'left': 1.0, 'right': 1.0}),
            Move('retreat', 1.0, back, straight=True, exact=False),
        ]

    def _advance(self, plan: Plan, observation: Observation, mode: str) -> float:
        """Seconds into the plan that ``observation`` was made at.

        Never beyond the last chunk's end: the executor held there. When the arms are far from
        that place, their last chunk did not run to its end, and the plan resumes at the row of
        that chunk that is nearest to them. A chunk that was asked for in sync mode began at its
        arrival, which nobody told: how far it is, only the arms show while it runs.
        """
        elapsed = max(0.0, (observation.stamp_ns - self._stamp_ns) * 1e-9)
        if mode == 'sync' and elapsed > _PLAYED * self._length_s:
            elapsed = self._length_s
        elapsed = min(elapsed, self._length_s)
        if self._mode == 'sync' and mode != 'sync':
            return self._phase_s + self._reached(plan, observation.position, elapsed)
        passed = plan.rows(self._phase_s, round(elapsed / self._dt_s) + 1)
        away = np.abs(passed - observation.position)[:, ARMS].max(axis=1)
        if away[-1] < _ASTRAY_RAD:
            return self._phase_s + elapsed
        return self._phase_s + int(np.argmin(away)) * self._dt_s

    def _reached(self, plan: Plan, position: Vector, elapsed_s: float) -> float:
        """Seconds into the running chunk at which the plan is where the arms are."""
        times = np.arange(0.0, elapsed_s, self._dt_s / _FINER)
        away = np.abs(plan.at(self._phase_s + times) - position)[:, ARMS].max(axis=1)
        nearest = float(times[np.argmax(away <= away.min() + _SAME_RAD)])
        return min(nearest + _LAG_S, elapsed_s)

    def _broken(self, plan: Plan, observation: Observation) -> bool:
        """Whether an object is not where the plan has it now."""
        poses = self._kinematics.forward(observation.position)
        earlier = self._kinematics.forward(plan.rows(self._phase_s - _STALE_S, 1)[0])
        now = self._kinematics.forward(plan.rows(self._phase_s, 1)[0])
        for check in plan.active_checks(self._phase_s):
            thing = observation.objects[check.thing][:3]
            if check.side:
                travel = now[check.side].translation() - earlier[check.side].translation()
                slack = check.tolerance_m + float(np.linalg.norm(travel))
                distance = float(np.linalg.norm(thing - poses[check.side].translation()))
            else:
                slack = check.tolerance_m
                distance = float(np.linalg.norm(thing[:2] - np.asarray(check.place)))
            if distance > slack:
                return True
        return False


def _choose(objects: Mapping[str, Vector]) -> _Expert:
    for expert in _EXPERTS:
        if all(thing in objects for thing in expert.things):
            return expert
    needed = ' or '.join(str(list(expert.things)) for expert in _EXPERTS)
    raise WamError(
        f'the scripted policy got the objects {sorted(objects)}, it needs {needed}: '
        'use it with a task of the simulated rig (config/tasks/*.yaml: scene)'
    )
