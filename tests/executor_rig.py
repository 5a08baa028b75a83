"""The executor on arms that do what they are told, and what its commands are measured by."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from wam_core.chunk import ChunkFields
from wam_core.executor import ExecutorCore
from wam_core.executor_config import ExecutorConfig
from wam_core.joints import Vector
from wam_core.motion_limits import MotionLimits
from wam_core.requests import ChunkRequest
from wam_core.rig import RigSpec, parse_rig
from wam_core.tick import Tick

CONFIG = Path(__file__).resolve().parent.parent / 'config'
MS = 1_000_000
DT = 40 * MS
T0 = 10 * 10**9
REST = np.full(14, 0.25)


def _read(name: str) -> Any:
    return yaml.safe_load((CONFIG / name).read_text(encoding='utf-8'))


# The real one: its sleep pose lies outside its limits.
RIG: RigSpec = parse_rig('aloha', _read('rigs/aloha.yaml'), _read('grippers.yaml'), 'aloha.yaml')
LIMITS = MotionLimits.of(RIG)


def ramp(count: int, start: float = 0.25, step: float = 0.01) -> Vector:
    return np.arange(count, dtype=np.float64) * step + start


def excess(
    commands: Sequence[Vector] | NDArray[np.float64], limits: MotionLimits, period_ns: int = DT
) -> float:
    """By how much the commands exceed a limit, as a share of it; at most 0 when they don't.

    commands: (N, 14), one per tick, the first two equal: from rest. Positions aside.
    """
    found, period_s = -1.0, period_ns / 1e9
    differences = np.asarray(commands)
    for limit in (limits.velocity, limits.acceleration, limits.jerk):
        differences = np.diff(differences, axis=0) / period_s
        if len(differences):
            found = max(found, float((np.abs(differences) / limit).max()) - 1.0)
    return found


class ExecutorRig:
    """An executor, arms that are always where they were told to be, and a clock."""

    def __init__(self, speed_scale: float = 1.0, **config: Any) -> None:
        settings: dict[str, Any] = {'splice_s': 0.0, **config}
        self.config = ExecutorConfig(**settings)
        self.core = ExecutorCore(self.config, RIG, speed_scale)
        self.now = T0
        self.arms = REST.copy()
        self.ticks: list[Tick] = []
        self.requests: list[ChunkRequest] = []

    def tick(self, count: int = 1, period_ns: int | None = None) -> Tick:
        for _ in range(count):
            self.now += self.config.period_ns if period_ns is None else period_ns
            self.core.measured(self.arms, self.now)
            tick = self.core.tick(self.now, self.now)
            self.ticks.append(tick)
            if tick.command is not None:
                self.arms = tick.command
            if tick.request is not None:
                self.requests.append(tick.request)
        return self.ticks[-1]

    def start(self, mode: str) -> ChunkRequest:
        self.core.start('policy', mode, 'fold', self.now)
        request = self.tick().request
        assert request is not None
        return request

    def answer(self, request: ChunkRequest, rows: Vector, **change: Any) -> str:
        """Offers a chunk in which every joint follows ``rows``; why it was refused, or ''."""
        fields = ChunkFields(
            request_id=request.request_id,
            generation=request.generation,
            task=request.task,
            t_obs_ns=self.now,
            dt_ns=DT,
            horizon=len(rows),
            action_dim=14,
            actions=np.repeat(rows, 14),
        )
        refusal = self.core.offer(replace(fields, **change), self.now)
        return '' if refusal is None else f'{refusal.reason.value}: {refusal.text}'

    def target(self, source: str, position: Vector) -> str:
        """A target of now; why it was refused, or ''."""
        refusal = self.core.target(source, position, self.now, self.now)
        return '' if refusal is None else f'{refusal.reason.value}: {refusal.text}'

    def until_rest(self) -> int:
        """Ticks until the command stands still; at most 100."""
        for count in range(100):
            if self.core.status.at_rest:
                return count
            self.tick()
        raise AssertionError(f'still moving after 100 ticks: {self.core.status}')

    @property
    def commands(self) -> NDArray[np.float64]:
        """(N, 14) that were sent, the first three times: the arms stood there."""
        sent = [tick.command for tick in self.ticks if tick.command is not None]
        return np.array([sent[0], sent[0], *sent])

    @property
    def waist(self) -> Vector:
        """(N,) the left waist's commands."""
        waist: Vector = self.commands[2:, 0]
        return waist
