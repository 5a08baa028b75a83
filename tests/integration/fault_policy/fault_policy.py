"""A third party's policy that misbehaves on demand: put this folder on PYTHONPATH.

The task says what an inference does, see ``infer``. Options ``release`` and ``reset_release``:
files; an inference of the task ``wait`` and a reset to ``slow reset`` end when theirs exists.
"""

import threading
import time
from pathlib import Path

import numpy as np

from wam_core.errors import WamError
from wam_policy.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction


class StrangeError(Exception):
    """Of a class that nobody has heard of."""


class FaultPolicy:
    def __init__(self, config: PolicyConfig) -> None:
        self._spec = config.spec
        self._release = Path(str(config.options.get('release', '')))
        self._reset_release = Path(str(config.options.get('reset_release', '')))
        self._running = threading.Lock()

    @property
    def spec(self) -> PolicySpec:
        return self._spec

    def reset(self, task: str) -> None:
        if task == 'impossible':
            raise WamError("task 'impossible', expected one of ['possible']")
        if task == 'slow reset':
            self._wait(self._reset_release)
        if task == 'broken reset':
            raise ZeroDivisionError('reset divided by zero')

    def _wait(self, release: Path) -> None:
        while not release.exists():
            time.sleep(0.01)

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        if not self._running.acquire(blocking=False):
            raise StrangeError('two inferences at once')
        try:
            return self._infer(observation, request.task)
        finally:
            self._running.release()

    def _infer(self, observation: Observation, task: str) -> Prediction:
        actions = np.tile(observation.position, (self._spec.horizon, 1))
        if task == 'strange':
            raise StrangeError('nobody has heard of me')
        if task == 'key':
            raise KeyError('statistics')
        if task == 'nan':
            actions[3, 5] = np.nan
        if task == 'shape':
            actions = actions[:-1]
        if task == 'wait':
            self._wait(self._release)
        if task == 'prefix':
            return Prediction(actions, prefix_rows=-1)
        if task == 'future of another shape':
            return Prediction(actions, future_proprioception=np.zeros(3))
        if task == 'future':
            return Prediction(
                actions,
                future_images=np.full_like(observation.images, 7),
                future_proprioception=observation.position + 1.0,
                value=0.25,
                candidate_values=(0.125, 0.25),
                stage_ms={'denoise': 3.0},
            )
        return Prediction(actions)
