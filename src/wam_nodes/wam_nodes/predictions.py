"""A policy's answer as messages, and the checks that it passes first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from wam_msgs.msg import ActionChunk, PredictedFuture
from wam_msgs.srv import PredictChunk

from wam_core.errors import WamError
from wam_core.policy import Candidate, Image, PolicySpec, Prediction
from wam_nodes.conversions import doubles, duration_message, image_bytes, time_message


def check(prediction: Prediction, spec: PolicySpec) -> None:
    """Refuses an answer that no executor could follow, or no message hold: WamError.

    On Jazzy the messages themselves check nothing, and an array of another size than theirs is
    read beyond its end.
    """
    if not 0 <= prediction.prefix_rows <= spec.horizon:
        raise WamError(f'prefix_rows = {prediction.prefix_rows}, allowed 0 to {spec.horizon}')
    candidates = candidates_of(prediction)
    if not 0 <= prediction.chosen < len(candidates):
        raise WamError(f'chosen = {prediction.chosen}, allowed 0 to {len(candidates) - 1}')
    _check_candidate('', _whole(prediction), spec)
    for index, candidate in enumerate(prediction.candidates):
        _check_candidate(f'candidates[{index}].', candidate, spec)


def check_images(images: Image, prediction: Prediction, spec: PolicySpec) -> None:
    """Refuses what ``decode_images`` should not have returned: WamError."""
    expected = (len(candidates_of(prediction)), len(spec.cameras))
    shape = np.shape(images)
    if len(shape) != 5 or (*shape[:2], shape[4]) != (*expected, 3) or images.dtype != np.uint8:
        raise WamError(
            f'decode_images gave {getattr(images, "dtype", type(images).__name__)} of shape '
            f'{shape}, expected uint8, ({expected[0]}, {expected[1]}, height, width, 3)'
        )


def candidates_of(prediction: Prediction) -> tuple[Candidate, ...]:
    """What was compared; the answer itself where nothing was."""
    return prediction.candidates or (_whole(prediction),)


def foresees(prediction: Prediction) -> bool:
    """Whether there is anything to tell about the future, or about the choice."""
    return (
        bool(prediction.candidates or prediction.note)
        or prediction.decode_images is not None
        or prediction.value is not None
        or prediction.future_proprioception is not None
    )


def action_chunk(
    request: PredictChunk.Request,
    spec: PolicySpec,
    t_obs_ns: int,
    prediction: Prediction | None,
    stage_ms: Mapping[str, float],
    error: str = '',
) -> ActionChunk:
    """The answer to a request; without a prediction: no rows, and ``error`` says why."""
    chunk = ActionChunk()
    chunk.header.stamp = time_message(t_obs_ns)
    chunk.request_id = request.request_id
    chunk.generation = request.generation
    chunk.task = request.task
    chunk.policy = spec.name
    chunk.dt = duration_message(spec.dt_ns)
    chunk.action_dim = spec.action_dim
    chunk.stage_names = list(stage_ms)
    chunk.stage_ms = [float(value) for value in stage_ms.values()]
    chunk.error = error
    if prediction is not None:
        chunk.horizon = len(prediction.actions)
        chunk.actions = doubles(prediction.actions)
        chunk.prefix_rows = prediction.prefix_rows
    return chunk


def predicted_future(
    request_id: int,
    spec: PolicySpec,
    t_obs_ns: int,
    prediction: Prediction,
    images: Image | None = None,
    decode_ms: float = 0.0,
) -> PredictedFuture:
    """What the policy expects of its candidates; images: as ``decode_images`` gives them."""
    candidates = candidates_of(prediction)
    future = PredictedFuture()
    future.header.stamp = time_message(t_obs_ns)
    future.request_id = request_id
    future.offset = duration_message(spec.horizon * spec.dt_ns)
    future.candidates = len(candidates)
    future.chosen = prediction.chosen
    future.note = prediction.note
    future.horizon, future.action_dim = spec.horizon, spec.action_dim
    future.actions = doubles(np.stack([candidate.actions for candidate in candidates]))
    if any(candidate.value is not None for candidate in candidates):
        future.values = [
            np.nan if candidate.value is None else float(candidate.value)
            for candidate in candidates
        ]
    states = [candidate.future_proprioception for candidate in candidates]
    if any(state is not None for state in states):
        unknown = np.full(spec.state_dim, np.nan)
        future.proprioception = doubles(
            np.stack([unknown if state is None else state for state in states])
        )
    if images is not None:
        future.cameras = list(spec.cameras)
        _, _, future.height, future.width, _ = images.shape
        future.data = image_bytes(images)
        future.decode_ms = decode_ms
    return future


def _whole(prediction: Prediction) -> Candidate:
    return Candidate(prediction.actions, prediction.value, prediction.future_proprioception)


def _check_candidate(where: str, candidate: Candidate, spec: PolicySpec) -> None:
    _check_numbers(f'{where}actions', candidate.actions, (spec.horizon, spec.action_dim))
    if candidate.value is not None:
        _check_numbers(f'{where}value', candidate.value, ())
    state = candidate.future_proprioception
    if state is not None:
        _check_numbers(f'{where}future_proprioception', state, (spec.state_dim,))


def _check_numbers(what: str, values: Any, expected: tuple[int, ...]) -> None:
    if np.shape(values) != expected:
        raise WamError(f'{what}: shape {np.shape(values)}, expected {expected}')
    numbers = np.asarray(values)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        axes = ('row', 'column') if len(expected) == 2 else ('index',)
        place = [f'{axis} {index}' for axis, index in zip(axes, bad[0], strict=False)]
        where = f' at {", ".join(place)}' if place else ''
        raise WamError(f'{what}: not finite: {numbers[tuple(bad[0])]}{where}, {len(bad)} in all')
