"""One policy behind a server: one inference at a time, on one thread, and few that wait."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image as Pictures

from wam_core.errors import WamError
from wam_core.gripper_scale import from_scale
from wam_core.joints import Vector
from wam_core.policy import Candidate, Image
from wam_policy.policy import InferenceRequest, Observation, Policy, PolicySpec, Prediction

Result = TypeVar('Result')

_LOG: Final = logging.getLogger(__name__)
# Not Image.Resampling: Ubuntu 22.04 has Pillow 9.0, which lacks it.
_FILTERS: Final = {
    'pil_bicubic': Pictures.BICUBIC,  # type: ignore[attr-defined]
    'pil_bilinear': Pictures.BILINEAR,  # type: ignore[attr-defined]
}


class BusyError(WamError):
    """As many requests wait as may wait."""


class FaultError(WamError):
    """The policy failed; the request may have been good."""


@dataclass(frozen=True)
class Query:
    """A client's observation.

    images: camera -> (h, w, 3), of any size. state: (14,), grippers in the protocol's scale.
    episode: whatever tells one episode of a client from the next.
    """

    images: Mapping[str, Image]
    state: Vector
    task: str
    episode: object = None


class Service:
    """Loads a policy and asks it, all on one thread: what PyTorch compiles belongs to a thread.

    gripper: scale of the clients' states. waiting: requests that may wait for the running one.
    """

    def __init__(
        self,
        load: Callable[[], Policy],
        gripper: str = 'finger',
        waiting: int = 4,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Returns once the policy is loaded. Raises WamError, whatever ``load`` raised."""
        self._gripper, self._waiting, self._clock_ns = gripper, waiting, clock_ns
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix='policy')
        self._pending: set[Future[object]] = set()
        self._requests = 0
        self._episode: tuple[str, object] | None = None  # that the policy was reset to
        self._policy = self._loaded(load)
        self.spec: PolicySpec = self._policy.spec

    def _loaded(self, load: Callable[[], Policy]) -> Policy:
        future = self._pool.submit(load)
        if (error := future.exception()) is None:
            return future.result()
        self.close()
        if isinstance(error, WamError):
            raise error
        _LOG.error('the policy cannot be loaded', exc_info=error)
        raise WamError(f'the policy cannot be loaded: {type(error).__name__}: {error}') from error

    def close(self) -> None:
        """Drops what waits, and waits for the running inference."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def run(self, job: Callable[[], Result]) -> Result:
        """The job's result, from the service's thread.

        Raises BusyError, the job's WamError, and FaultError for all else that it raises: the jobs
        run other people's code, and none of it may end the server.
        """
        if len(self._pending) > self._waiting:
            raise BusyError(
                f'busy: one request is being answered and {self._waiting} wait; ask again later'
            )
        future = self._pool.submit(job)
        self._pending.add(future)  # type: ignore[arg-type]
        future.add_done_callback(self._pending.discard)
        wrapped = asyncio.wrap_future(future)
        try:
            await asyncio.wait({wrapped})
        except asyncio.CancelledError:
            wrapped.cancel()
            raise
        error = wrapped.exception()
        if error is None:
            return wrapped.result()
        if isinstance(error, FaultError):
            _LOG.error('policy %s failed: %s', self.spec.name, error)
        if isinstance(error, WamError):
            raise error
        _LOG.error('policy %s failed', self.spec.name, exc_info=error)
        raise FaultError(f'the policy failed: {type(error).__name__}: {error}') from error

    def predict(self, query: Query) -> Prediction:
        """For jobs: the policy's answer, checked; resets the policy to a new task or episode.

        Raises WamError for a bad query, FaultError where the policy fails, or answers what nobody
        could execute.
        """
        observation = self._observation(query)
        if self._episode != (query.task, query.episode):
            self._episode = None
            self._policy.reset(query.task)
            self._episode = (query.task, query.episode)
        self._requests += 1
        request = InferenceRequest(
            request_id=self._requests,
            task=query.task,
            mode='remote',
            prefix=np.zeros((0, self.spec.action_dim)),
        )
        try:
            prediction = self._policy.infer(observation, request)
        except WamError as error:  # and the query is sound
            raise FaultError(str(error)) from error
        self._check(prediction)
        return prediction

    def _observation(self, query: Query) -> Observation:
        missing = [camera for camera in self.spec.cameras if camera not in query.images]
        if missing:
            raise WamError(
                f'policy {self.spec.name!r} needs camera {missing[0]!r} (of '
                f'{list(self.spec.cameras)}), the request has {sorted(query.images)}'
            )
        height, width = self.spec.image_height, self.spec.image_width
        images = np.zeros((len(self.spec.cameras), height, width, 3), np.uint8)
        for target, camera in zip(images, self.spec.cameras, strict=True):
            target[...] = self._resized(query.images[camera], camera)
        state = from_scale(query.state, self._gripper)
        # Neither protocol has them, and no policy that it was made for looks at them.
        nothing = np.zeros_like(state)
        return Observation(self._clock_ns(), images, state, nothing, nothing)

    def _resized(self, picture: Image, camera: str) -> Image:
        height, width = self.spec.image_height, self.spec.image_width
        if picture.shape[:2] == (height, width):
            return picture
        if self.spec.resampling not in _FILTERS:
            raise WamError(
                f'{camera} has {picture.shape[0]}x{picture.shape[1]} pixels, policy '
                f'{self.spec.name!r} needs {height}x{width} (its resampling '
                f'{self.spec.resampling!r} is not one of {sorted(_FILTERS)})'
            )
        resized = Pictures.fromarray(picture).resize(
            (width, height), _FILTERS[self.spec.resampling]
        )
        return np.asarray(resized)

    def _check(self, prediction: Prediction) -> None:
        spec = self.spec
        answer = Candidate(prediction.actions, prediction.value, prediction.future_proprioception)
        for candidate in (answer, *prediction.candidates):
            _check_numbers('actions', candidate.actions, (spec.horizon, spec.action_dim))
            if candidate.value is not None:
                _check_numbers('a value', candidate.value, ())
            if candidate.future_proprioception is not None:
                future = candidate.future_proprioception
                _check_numbers('a future proprioception', future, (spec.state_dim,))


def _check_numbers(what: str, numbers: ArrayLike, expected: tuple[int, ...]) -> None:
    if np.shape(numbers) != expected:
        raise FaultError(
            f'the policy answered {what} of shape {np.shape(numbers)}, expected {expected}'
        )
    bad = int(np.count_nonzero(~np.isfinite(numbers)))
    if bad:
        raise FaultError(
            f'the policy answered {what} with numbers that are not finite '
            f'({bad} of {np.size(numbers)})'
        )
