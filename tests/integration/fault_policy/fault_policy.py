"""A third party's policy that misbehaves on demand: put this folder on PYTHONPATH.

The task says what an inference does, see ``_answer``. Options are files. ``load_release``,
``release``, ``reset_release``, ``decode_release``: the constructor, an inference of the task
``wait``, a reset to ``slow reset`` and a decoding end when theirs exists. ``log``: gets a line for
each reset and decoding. ``broken``: not a file; whether the constructor raises.
"""

import threading
import time
from pathlib import Path

import numpy as np

from wam_core.errors import WamError
from wam_core.policy import Candidate, Image
from wam_policy.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction


class StrangeError(Exception):
    """Of a class that nobody has heard of."""


class FaultPolicy:
    def __init__(self, config: PolicyConfig) -> None:
        self._spec = config.spec
        self._options = {key: Path(str(value)) for key, value in config.options.items()}
        self._running = threading.Lock()
        self._thread = threading.get_ident()
        self._wait('load_release')
        if config.options.get('broken'):
            raise StrangeError('the weights are of another planet')

    @property
    def spec(self) -> PolicySpec:
        return self._spec

    def reset(self, task: str) -> None:
        self._log(f'reset {task}')
        if task == 'impossible':
            raise WamError("task 'impossible', expected one of ['possible']")
        if task == 'slow reset':
            self._wait('reset_release')
        if task == 'broken reset':
            raise ZeroDivisionError('reset divided by zero')

    def _wait(self, option: str) -> None:
        while option in self._options and not self._options[option].exists():
            time.sleep(0.01)

    def _log(self, line: str) -> None:
        if 'log' in self._options:
            with self._options['log'].open('a') as log:
                log.write(f'{line}\n')

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        if not self._running.acquire(blocking=False):
            raise StrangeError('two inferences at once')
        try:
            if threading.get_ident() != self._thread:
                raise StrangeError('another thread than the one that built the policy')
            return self._answer(observation, request.task)
        finally:
            self._running.release()

    def _answer(self, observation: Observation, task: str) -> Prediction:
        self._fail(task)
        actions = np.tile(observation.position, (self._spec.horizon, 1))
        if task == 'nan':
            actions[3, 5] = np.nan
        if task == 'inf':
            actions[9, 13] = -np.inf
        if task == 'wait':
            self._wait('release')
        future = Prediction(
            actions,
            future_proprioception=observation.position + 1.0,
            value=0.25,
            decode_images=lambda: self._images(observation, task, 1),
            stage_ms={'denoise': 3.0},
        )
        answers = {
            'shape': Prediction(actions[:-1]),
            'prefix': Prediction(actions, prefix_rows=-1),
            'future of another shape': Prediction(actions, future_proprioception=np.zeros(3)),
            'nan value': Prediction(actions, value=np.nan),
            'chosen out of range': Prediction(actions, chosen=1),
            'future': future,
            'broken images': future,
            'images of another shape': future,
            'plan': self._plan(observation, actions),
        }
        return answers.get(task, Prediction(actions))

    def _fail(self, task: str) -> None:
        if task == 'strange':
            raise StrangeError('nobody has heard of me')
        if task == 'key':
            raise KeyError('statistics')
        if task == 'out of memory':
            import torch

            raise torch.cuda.OutOfMemoryError('tried to allocate 20 MiB')

    def _plan(self, observation: Observation, actions: np.ndarray) -> Prediction:
        """Three candidates, of which the last was not judged; the second is the best."""
        state = observation.position
        candidates = (
            Candidate(actions + 0.1, 0.125, state + 1.0),
            Candidate(actions, 0.5, state + 2.0),
            Candidate(actions + 0.2),
        )
        return Prediction(
            actions,
            state + 2.0,
            0.5,
            candidates,
            chosen=1,
            note='1 of 3 not judged: deadline',
            decode_images=lambda: self._images(observation, 'plan', 3),
        )

    def _images(self, observation: Observation, task: str, count: int) -> Image:
        self._log(f'decode {task}')
        self._wait('decode_release')
        if threading.get_ident() != self._thread:
            raise StrangeError('another thread than the one that built the policy')
        if task == 'broken images':
            raise StrangeError('the decoder broke')
        images = np.stack([np.full_like(observation.images, 7 + index) for index in range(count)])
        return images[:, 1:] if task == 'images of another shape' else images
