"""A policy's answer as messages, and the checks that it passes first."""

from collections.abc import Mapping

import numpy as np
from wam_msgs.msg import ActionChunk, PredictedFuture
from wam_msgs.srv import PredictChunk

from wam_core.errors import WamError
from wam_core.policy import PolicySpec, Prediction
from wam_nodes.conversions import doubles, duration_message, image_bytes, time_message


def check(prediction: Prediction, spec: PolicySpec) -> None:
    """Refuses an answer that no executor could follow, or no message hold: WamError.

    On Jazzy the messages themselves check nothing, and an array of another size than theirs is
    read beyond its end.
    """
    expected = (spec.horizon, spec.action_dim)
    if prediction.actions.shape != expected:
        raise WamError(f'actions have shape {prediction.actions.shape}, expected {expected}')
    bad = np.argwhere(~np.isfinite(prediction.actions))
    if len(bad):
        row, column = bad[0]
        raise WamError(
            f'actions are not finite: {prediction.actions[row, column]} at row {row}, '
            f'column {column}, {len(bad)} in all'
        )
    if not 0 <= prediction.prefix_rows <= spec.horizon:
        raise WamError(f'prefix_rows = {prediction.prefix_rows}, allowed 0 to {spec.horizon}')
    images, state = prediction.future_images, prediction.future_proprioception
    if images is not None and (
        images.ndim != 4 or images.shape[::3] != (len(spec.cameras), 3) or images.dtype != np.uint8
    ):
        raise WamError(
            f'future_images are {images.dtype} of shape {images.shape}, '
            f'expected uint8, ({len(spec.cameras)}, height, width, 3)'
        )
    if state is not None and np.shape(state) != (spec.state_dim,):
        raise WamError(
            f'future_proprioception has shape {np.shape(state)}, expected {(spec.state_dim,)}'
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
    request: PredictChunk.Request, spec: PolicySpec, t_obs_ns: int, prediction: Prediction
) -> PredictedFuture | None:
    """What the policy expects to see after its chunk; None when it predicts no such thing."""
    images, proprioception = prediction.future_images, prediction.future_proprioception
    if (
        images is None
        and proprioception is None
        and prediction.value is None
        and not prediction.candidate_values
    ):
        return None
    future = PredictedFuture()
    future.header.stamp = time_message(t_obs_ns)
    future.request_id = request.request_id
    future.offset = duration_message(spec.horizon * spec.dt_ns)
    if images is not None:
        future.cameras = list(spec.cameras)
        _, future.height, future.width, _ = images.shape
        future.data = image_bytes(images)
    if proprioception is not None:
        future.has_proprioception = True
        future.proprioception = np.asarray(proprioception, dtype=np.float64)
    if prediction.value is not None:
        future.has_value = True
        future.value = float(prediction.value)
    future.candidate_values = [float(value) for value in prediction.candidate_values]
    return future
