"""Which key of an openpi message holds what: a matter of the server's policy."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from wam_core.errors import WamError
from wam_core.gripper_scale import to_scale
from wam_core.joints import DIM
from wam_core.mapping import Section
from wam_core.policy import Image, Observation, PolicySpec

LAYOUTS: Final = ('chw', 'hwc')
# Of openpi's ALOHA policies (openpi, ``policies/aloha_policy.py``).
ALOHA_CAMERAS: Final = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')


class ObservationFields:
    """Writes observations under the keys of section ``observation``.

    A key with points, ``images.cam_high``, lies in a mapping; a slash has no meaning.
    """

    def __init__(self, section: Section, spec: PolicySpec) -> None:
        """Raises WamError naming the file and the key."""
        self._spec = spec
        self._prompt = section.text('prompt') if 'prompt' in section else 'prompt'
        self._layout = section.text('layout', LAYOUTS) if 'layout' in section else 'chw'
        self._pad = _pad(section, spec)
        self._images = _images(section, spec)
        self._state = _state(section)
        section.close()

    def message(self, observation: Observation, task: str, gripper: str) -> dict[str, Any]:
        """The observation as the server's policy wants it. gripper: scale of the state's."""
        fields: dict[str, Any] = {}
        _put(fields, self._prompt, task)
        position = to_scale(observation.position, gripper)
        for key, (first, end) in self._state.items():
            _put(fields, key, position[first:end])
        for key, camera in self._images.items():
            picture = observation.images[self._spec.cameras.index(camera)]
            _put(fields, key, self._picture(picture))
        return fields

    def _picture(self, picture: Image) -> Image:
        if self._pad is not None:
            height, width = self._pad
            rows, columns = picture.shape[:2]
            top, left = (height - rows) // 2, (width - columns) // 2
            padded = np.zeros((height, width, 3), np.uint8)
            padded[top : top + rows, left : left + columns] = picture
            picture = padded
        if self._layout == 'chw':
            picture = np.ascontiguousarray(picture.transpose(2, 0, 1))
        return picture


def _pad(section: Section, spec: PolicySpec) -> tuple[int, int] | None:
    if 'pad' not in section:
        return None
    pad = section.section('pad')
    height = pad.integer('height', spec.image_height, 4096)
    width = pad.integer('width', spec.image_width, 4096)
    pad.close()
    return height, width


def _images(section: Section, spec: PolicySpec) -> dict[str, str]:
    """Key -> camera."""
    if 'images' not in section:
        return {f'images.{camera}': camera for camera in spec.cameras}
    images = section.section('images')
    keys = {images.text(camera): camera for camera in images.names()}
    if set(keys.values()) != set(spec.cameras) or len(keys) != len(spec.cameras):
        raise WamError(
            f'{images.source} = {images.values()}, expected a key of its own for each camera of '
            f'{list(spec.cameras)}'
        )
    return keys


def _state(section: Section) -> dict[str, tuple[int, int]]:
    """Key -> first joint and the one behind the last."""
    if 'state' not in section:
        return {'state': (0, DIM)}
    state = section.section('state')
    keys: dict[str, tuple[int, int]] = {}
    for key in state.names():
        first, end = state.numbers(key, 2)
        if not (first.is_integer() and end.is_integer() and 0 <= first < end <= DIM):
            raise WamError(
                f'{state.source}: {key} = [{first:g}, {end:g}], expected the first joint and the '
                f'one behind the last, of 0 to {DIM}'
            )
        keys[key] = (int(first), int(end))
    return keys


def _put(fields: dict[str, Any], key: str, value: object) -> None:
    *outer, last = key.split('.')
    for name in outer:
        inner = fields.setdefault(name, {})
        if not isinstance(inner, dict):
            raise WamError(f'key {key!r} of an openpi message: {name!r} holds a value already')
        fields = inner
    if last in fields:
        raise WamError(f'key {key!r} of an openpi message is there twice')
    fields[last] = value


def timings(reply: Mapping[Any, Any]) -> dict[str, float]:
    """Milliseconds that the server states, ``server_timing`` and ``policy_timing``; no others."""
    found: dict[str, float] = {}
    for group in ('server_timing', 'policy_timing'):
        times = reply.get(group)
        for name, value in times.items() if isinstance(times, dict) else ():
            whole = isinstance(name, str) and isinstance(value, int | float)
            if whole and np.isfinite(value) and len(name) < 40 and len(found) < 16:
                found[f'{group} {name}'] = float(value)
    return found
