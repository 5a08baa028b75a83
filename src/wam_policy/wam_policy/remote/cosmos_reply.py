"""A Cosmos Policy server's reply as a Prediction; everything in it is checked first."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from wam_core.errors import WamError
from wam_core.gripper_scale import from_scale
from wam_core.policy import Candidate, Image, Matrix, PolicySpec, Prediction
from wam_policy.remote.arrays import image, number, numbers
from wam_policy.remote.statement import note_of

# Keys of future_image_predictions -> of the request (cosmos-policy, ``get_future_images``).
FUTURE_IMAGES: Final = {
    'future_image': 'primary_image',
    'future_wrist_image': 'left_wrist_image',
    'future_wrist_image2': 'right_wrist_image',
}
_CANDIDATES: Final = 256  # more than any planner has


class ReplyReader:
    """Reads the replies of one server.

    cameras: key of the request -> camera of the spec. gripper: scale of the actions' grippers.
    """

    def __init__(
        self, spec: PolicySpec, cameras: Mapping[str, str], gripper: str, server: str
    ) -> None:
        self._spec = spec
        self._camera_of = {
            future: cameras[key] for future, key in FUTURE_IMAGES.items() if key in cameras
        }
        self._gripper = gripper
        self._server = server

    def read(self, reply: object) -> Prediction:
        """Raises WamError naming the server and the field."""
        if isinstance(reply, str) and reply == 'error':
            raise WamError(
                f"{self._server} answered 'error': it failed at this request, and its log says "
                'why (for instance an instruction that it has no embedding of)'
            )
        if isinstance(reply, list):  # servers without a value answer with the actions alone
            reply = {'actions': reply}
        if not isinstance(reply, dict):
            raise WamError(f'{self._server}: reply is {type(reply).__name__}, expected a mapping')
        if 'actions' not in reply:
            raise WamError(
                f'{self._server}: reply has no key actions, but {sorted(map(str, reply))[:10]}'
            )
        actions = self._actions(reply['actions'], 'actions')
        value = self._value(reply.get('value_prediction'), 'value_prediction')
        candidates = self._candidates(reply)
        chosen = next(
            (i for i, item in enumerate(candidates) if np.array_equal(item.actions, actions)), None
        )
        note = note_of(reply)
        if candidates and chosen is None:
            strange = 'the server chose actions that are not among its candidates'
            note, candidates = '; '.join(filter(None, (note, strange))), ()
        pictures = self._pictures(reply, len(candidates))
        return Prediction(
            actions=actions,
            value=value,
            candidates=candidates,
            chosen=chosen or 0,
            note=note,
            decode_images=None if pictures is None else lambda: pictures,
        )

    def _actions(self, value: object, field: str) -> Matrix:
        shape = (self._spec.horizon, self._spec.action_dim)
        rows = numbers(value, shape, f'{self._server}: {field}')
        return from_scale(rows, self._gripper)

    def _value(self, value: object, field: str) -> float | None:
        return None if value is None else number(value, f'{self._server}: {field}', 0.0, 1.0)

    def _candidates(self, reply: Mapping[str, Any]) -> tuple[Candidate, ...]:
        chunks = self._list(reply, 'all_actions')
        values = self._list(reply, 'all_value_predictions')
        if values and len(values) != len(chunks):
            raise WamError(
                f'{self._server}: {len(values)} all_value_predictions for '
                f'{len(chunks)} all_actions'
            )
        return tuple(
            Candidate(
                self._actions(chunk, f'all_actions[{index}]'),
                self._value(values[index], f'all_value_predictions[{index}]') if values else None,
            )
            for index, chunk in enumerate(chunks)
        )

    def _list(self, reply: Mapping[str, Any], key: str) -> Sequence[Any]:
        value = reply.get(key)
        if value is None:
            return ()
        if not isinstance(value, list | np.ndarray) or len(value) > _CANDIDATES:
            raise WamError(
                f'{self._server}: {key} is {type(value).__name__}, expected a list of at most '
                f'{_CANDIDATES}'
            )
        return value if isinstance(value, list) else list(value)

    def _pictures(self, reply: Mapping[str, Any], candidates: int) -> Image | None:
        """(max(1, candidates), N, H, W, 3), or None where one is missing."""
        if not candidates:
            fields = {'future_image_predictions': reply.get('future_image_predictions')}
        else:
            all_ = self._list(reply, 'all_future_image_predictions')
            fields = {f'all_future_image_predictions[{i}]': item for i, item in enumerate(all_)}
        sets = [self._views(value, field) for field, value in fields.items()]
        complete = [views for views in sets if views]
        if len(complete) != max(1, candidates):
            return None
        shapes = {view.shape for views in complete for view in views}
        if len(shapes) > 1:
            raise WamError(f'{self._server}: future images of different shapes: {sorted(shapes)}')
        return np.array(complete)

    def _views(self, value: object, field: str) -> list[Image]:
        """Of each camera of the spec; [] where the server predicts one of them not."""
        if value is None:
            return []
        if not isinstance(value, dict):
            raise WamError(
                f'{self._server}: {field} is {type(value).__name__}, expected a mapping'
            )
        views = {
            camera: image(value[key], f'{self._server}: {field}: {key}')
            for key, camera in self._camera_of.items()
            if value.get(key) is not None
        }
        if not all(camera in views for camera in self._spec.cameras):
            return []
        return [views[camera] for camera in self._spec.cameras]
