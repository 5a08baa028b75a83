"""A policy decorator for benchmarks: successive chunks that do not agree, as learned ones don't.

A scripted expert hands out one plan piece by piece, so that its chunks join by themselves. A
learned policy draws each chunk anew: it is smooth within, and off the one before. Here every chunk
gets an offset curve of its own on the arm joints; the grippers are left alone.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from wam_core.joints import ARMS, DIM
from wam_core.policy import InferenceRequest, Matrix, Observation, PolicySpec, Prediction
from wam_core.prefix import resample
from wam_sim.lockstep import ChunkPolicy

_WAVES: Final = 3
_BAND_HZ: Final = (0.1, 0.5)  # slower than the expert's own moves, so that they stay the fastest


@dataclass(frozen=True)
class Disagreement:
    """amplitude_rad: standard deviation of the offset of a joint. fade_s: a policy that is
    conditioned on a prefix comes to its own opinion within this time after it.

    Of the amplitude: 0.012 rad on six joints moves a ViperX gripper by about 1 cm.
    """

    amplitude_rad: float = 0.012
    fade_s: float = 0.6
    seed: int = 0

    def curve(self, chunk: int, horizon: int, dt_s: float) -> Matrix:
        """(horizon, 14) offsets of the ``chunk``-th chunk, rad: the same for the same arguments.

        Per arm joint a sum of three waves of 0.1 to 0.5 Hz with random phases: zero on average
        over chunks, and never more than 2.5 amplitudes.
        """
        random = np.random.default_rng([self.seed, chunk])
        shape = (_WAVES, 1, len(ARMS))
        phases = random.uniform(0.0, 2.0 * np.pi, shape)
        times = np.arange(horizon)[:, None] * dt_s
        waves = np.cos(2.0 * np.pi * random.uniform(*_BAND_HZ, shape) * times + phases)
        offsets: Matrix = np.zeros((horizon, DIM))
        offsets[:, ARMS] = self.amplitude_rad * np.sqrt(2.0 / _WAVES) * waves.sum(axis=0)
        return offsets


class DisagreeingPolicy:
    """Adds a ``Disagreement`` to another policy's chunks.

    A request with a prefix (`rtc`) is answered as a policy does that conditions on it: the
    prefix's rows first, on the observation's time grid, then a smooth way from its last row and
    velocity to the chunk that there would have been without it.
    """

    def __init__(self, policy: ChunkPolicy, disagreement: Disagreement) -> None:
        self.spec: PolicySpec = policy.spec
        self._policy = policy
        self._disagreement = disagreement
        self._chunks = 0

    def reset(self, task: str) -> None:
        """Resets the policy; the first chunk gets the first curve again."""
        self._policy.reset(task)
        self._chunks = 0

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The policy's chunk with the next curve. Raises what the policy raises."""
        prediction = self._policy.infer(observation, request)
        horizon, dt_s = len(prediction.actions), self.spec.dt_ns * 1e-9
        curve = self._disagreement.curve(self._chunks, horizon, dt_s)
        self._chunks += 1
        frozen = resample(
            request.prefix,
            request.prefix_start_ns,
            self.spec.dt_ns,
            observation.stamp_ns,
            horizon,
        )
        fade = max(1, round(self._disagreement.fade_s / dt_s))
        actions = conditioned(prediction.actions, curve, frozen, fade)
        return replace(prediction, actions=actions, prefix_rows=len(frozen))


def conditioned(rows: Matrix, curve: Matrix, frozen: Matrix, fade: int) -> Matrix:
    """(H, 14): ``frozen`` (P, 14) first, then smoothly over ``fade`` rows to ``rows + curve``.

    What the frozen rows are off the policy's own at their end, in position and velocity, fades
    along a quintic, as the curve comes in. P = 0: ``rows + curve``.
    """
    count = len(frozen)
    if count == 0:
        return rows + curve
    off = frozen - rows[:count]
    speed = off[-1] - off[-2] if count > 1 else np.zeros_like(off[-1])
    tau = np.minimum(np.arange(1, len(rows) - count + 1) / fade, 1.0)[:, None]
    come = tau**3 * (10.0 - 15.0 * tau + 6.0 * tau**2)
    drift = fade * (tau - 6.0 * tau**3 + 8.0 * tau**4 - 3.0 * tau**5)  # of slope 1, to rest
    rest = rows[count:] + (1.0 - come) * off[-1] + drift * speed + come * curve[count:]
    return np.vstack([frozen, rest])
