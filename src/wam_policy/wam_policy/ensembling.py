"""Temporal ensembling: a policy's new chunk averaged with its past ones where they overlap."""

from collections import deque
from dataclasses import replace

import numpy as np

from wam_core.joints import Vector
from wam_core.policy import Ensembling, Matrix
from wam_policy.policy import InferenceRequest, Observation, Policy, PolicySpec, Prediction


class EnsemblingPolicy:
    """Weights exp(-decay i), i = 0 the oldest prediction of a moment, as ACT has them.

    Row k is the weighted mean of every chunk's action for ``t_obs + k dt``: of this chunk and of
    those since the last reset that reach so far. Chunks are matched by time, linear between
    their rows, since observations are not made on one grid. Row 0 is then what ACT executes at
    ``t_obs`` if it was asked at every step (Zhao et al. 2023, arXiv 2304.13705, algorithm 2).

    Averages of chunks that mean different things mean neither: of use for policies that were
    made for it, and the more, the more often they are asked.
    """

    def __init__(self, policy: Policy, ensembling: Ensembling) -> None:
        self._policy = policy
        self._decay = ensembling.decay
        self._chunks: deque[tuple[int, Matrix]] = deque()  # (t_obs_ns, actions), oldest first

    @property
    def spec(self) -> PolicySpec:
        """The policy's own."""
        return self._policy.spec

    def reset(self, task: str) -> None:
        """Resets the policy and forgets its chunks."""
        self._policy.reset(task)
        self._chunks.clear()

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The policy's prediction with averaged actions. Raises what the policy raises.

        prefix_rows is 0: a mean with chunks of before doesn't repeat the request's prefix any
        more, so that the executor has to splice. Everything but the actions is the policy's.
        """
        prediction = self._policy.infer(observation, request)
        stamp_ns = observation.stamp_ns
        if self._chunks and stamp_ns < self._chunks[-1][0]:
            self._chunks.clear()  # time went back: these chunks are of another run
        while self._chunks and not _reaches(self._chunks[0], stamp_ns, self.spec.dt_ns):
            self._chunks.popleft()
        self._chunks.append((stamp_ns, np.array(prediction.actions)))
        if len(self._chunks) == 1:
            return prediction
        return replace(prediction, actions=self._mean(stamp_ns), prefix_rows=0)

    def _mean(self, stamp_ns: int) -> Matrix:
        """(H, 14) of the newest chunk's rows."""
        rows, dt_ns = len(self._chunks[-1][1]), self.spec.dt_ns
        total = np.zeros_like(self._chunks[-1][1])
        weights = np.zeros((rows, 1))
        rank = np.zeros(rows)  # how many older chunks a row has
        for chunk_ns, actions in self._chunks:
            # In rows of that chunk.
            due: Vector = np.arange(rows, dtype=np.float64) + (stamp_ns - chunk_ns) / dt_ns
            covered = due <= len(actions) - 1
            weight = np.exp(-self._decay * rank[covered])[:, None]
            total[covered] += weight * _interpolate(actions, due[covered])
            weights[covered] += weight
            rank += covered
        mean: Matrix = total / weights
        return mean


def _reaches(chunk: tuple[int, Matrix], stamp_ns: int, dt_ns: int) -> bool:
    chunk_ns, actions = chunk
    return stamp_ns <= chunk_ns + (len(actions) - 1) * dt_ns


def _interpolate(actions: Matrix, due: Vector) -> Matrix:
    """(n, 14) actions at fractional rows ``due`` (n,), 0 .. H-1."""
    index = due.astype(int)
    here, following = actions[index], actions[np.minimum(index + 1, len(actions) - 1)]
    between: Matrix = here + (due - index)[:, None] * (following - here)
    return between
