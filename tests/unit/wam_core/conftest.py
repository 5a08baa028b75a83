"""The executor on arms that do what they are told, for the tests of this folder."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wam_core.chunk import ChunkFields
from wam_core.executor import ChunkRequest, ExecutorConfig, ExecutorCore, Tick
from wam_core.joints import Vector
from wam_core.limiter import JointLimiter

DT = 40_000_000
T0 = 10 * 10**9
LOWER = np.tile([-3.14, -1.85, -1.76, -3.14, -1.86, -3.14, 0.0], 2)
UPPER = np.tile([3.14, 1.25, 1.60, 3.14, 2.23, 3.14, 1.0], 2)
VELOCITY = np.tile([3.14, 3.14, 3.14, 3.14, 3.14, 3.14, 4.0], 2)
REST = np.full(14, 0.25)


class ExecutorRig:
    """An executor, arms that are always where they were told to be, and a clock."""

    def __init__(self, **config: Any) -> None:
        settings: dict[str, Any] = {'splice_s': 0.0, **config}
        self.core = ExecutorCore(ExecutorConfig(**settings), JointLimiter(LOWER, UPPER, VELOCITY))
        self.now = T0
        self.arms = REST.copy()
        self.ticks: list[Tick] = []
        self.requests: list[ChunkRequest] = []

    def tick(self, count: int = 1, period_ns: int = DT) -> Tick:
        for _ in range(count):
            self.now += period_ns
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


@pytest.fixture
def make_rig() -> type[ExecutorRig]:
    return ExecutorRig
