"""ALOHA's HDF5: ``episode_<i>.hdf5`` as tonyzhaozh/act and Interbotix/aloha write it.

``/observations/qpos|qvel|effort`` and ``/action`` (T, 14); ``/observations/images/<camera>``
either (T, height, width, 3) uint8, or JPEG files, (T, size) uint8 padded with zeros. No stamps, no
rate, no task, no outcome; but our own exports say those in attributes.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from wam_core.errors import WamError
from wam_core.policy import Image, Matrix
from wam_data.importing.foreign import (
    ForeignEpisode,
    Picture,
    decoded,
    exported_scale,
    outcome_of,
    scale_of,
)
from wam_data.importing.recorded import Recorded, read_recorded
from wam_data.importing.vectors import Feature, Layout, read_vectors
from wam_data.manifest import Outcome

SUFFIXES: Final = ('.hdf5', '.h5')
_IMAGES: Final = 'observations/images'
_USUAL: Final = {
    'state': 'observations/qpos',
    'velocity': 'observations/qvel',
    'effort': 'observations/effort',
    'action': 'action',
}
_OURS: Final = {  # as export.aloha_hdf5 names them
    'stamps': 'observations/stamp_ns',
    'state_stamps': 'observations/state_stamp_ns',
    'gripper_angle': 'observations/gripper_angle',
    'intervened': 'observations/intervened',
}
_STAMPS: Final = 'observations/image_stamps_ns'
_KNOWN: Final = {*_USUAL.values(), *_OURS.values(), 'compress_len'}
_JPEG: Final = b'\xff\xd8'
# What h5py raises of a file that isn't as it was written.
_DAMAGE: Final = (OSError, KeyError, RuntimeError, ValueError)


class AlohaHdf5:
    """A file, or a folder of them. rate_hz: at which they were recorded; ALOHA: 50.

    rgb: order of the pixels that the writer had, also of those that it made a JPEG of. ALOHA's
    scripts hand RGB to an encoder that takes BGR, so that red and blue change places in the JPEG
    and change back in ACT's loader.
    """

    format: Final = 'aloha_hdf5'

    def __init__(self, source: Path, layout: Layout, rate_hz: float, *, rgb: bool) -> None:
        """Raises WamError for a folder without such files."""
        self._layout = layout
        self._rate_hz = rate_hz
        self._rgb = rgb
        files = [source] if source.is_file() else find_files(source)
        if not files:
            raise WamError(f'{source}: has no file *{" or *".join(SUFFIXES)}')
        self._files = {file.stem: file for file in files}

    def names(self) -> list[str]:
        """Of the files, without suffix; episode_2 before episode_10."""
        return list(self._files)

    @contextmanager
    def open(self, name: str) -> Iterator[ForeignEpisode]:
        """Reads the numbers of one file; raises WamError where it is no such file."""
        path = self._files[name]
        try:
            file = h5py.File(path, 'r')
        except OSError as error:
            raise WamError(f'{path}: is not a readable HDF5 file: {error}') from error
        with file:
            try:
                found = self._read(name, path, file)
            except WamError:
                raise
            except _DAMAGE as error:
                raise WamError(f'{path}: is damaged: {error}') from error
            yield found

    def _read(self, name: str, path: Path, file: Any) -> ForeignEpisode:
        ours = _Ours.of(file)
        find = partial(_feature, file, path, ours.rows)
        vectors = read_vectors(self._layout, _USUAL, find, str(path))
        length = len(vectors.state)
        rgb = self._rgb and not (ours.rate_hz and file.attrs.get('compress'))
        cameras = self._cameras(file, path, length)
        return ForeignEpisode(
            name=name,
            task=ours.task,
            rate_hz=ours.rate_hz or self._rate_hz,
            state=vectors.state,
            action=ours.paired(vectors.action),
            velocity=vectors.velocity,
            effort=vectors.effort,
            cameras={
                camera: partial(_pictures, path, dataset, length, rgb)
                for camera, dataset in cameras.items()
            },
            outcome=ours.outcome,
            unknown=(*(() if ours.rate_hz else ('rate',)), *vectors.filled),
            left_out=tuple(_left_out(file)),
            grippers=_grippers(file, path, ours),
            recorded=_recorded(file, path, ours.rows, cameras),
        )

    def _cameras(self, file: Any, path: Path, length: int) -> dict[str, Any]:
        group = file.get(_IMAGES)
        found = dict(group.items()) if isinstance(group, h5py.Group) else {}
        chosen = self._layout.cameras or {camera: camera for camera in found}
        for source in chosen.values():
            if source not in found:
                raise WamError(f'{path}: has no camera {source!r}, its cameras are {list(found)}')
            if not isinstance(found[source], h5py.Dataset):
                raise WamError(f'{path}: is damaged: {_IMAGES}/{source} is no data set')
            shape = found[source].shape
            if not shape or shape[0] < length:
                raise WamError(f'{path}: {_IMAGES}/{source} has {shape}, but {length} states')
        return {camera: found[source] for camera, source in chosen.items()}


@dataclass(frozen=True)
class _Ours:
    """What the attributes of our own exports say. rate_hz: 0: it is somebody else's file. rows:
    without padding; 0: all. shifted: row t has the command of row t + 1. gripper_state: one of
    SCALES; empty: the file is of the time when only the folder's report said it.
    """

    rate_hz: float = 0.0
    rows: int = 0
    task: str = ''
    shifted: bool = False
    outcome: Outcome | None = None
    gripper_state: str = ''

    @classmethod
    def of(cls, file: Any) -> '_Ours':
        attributes = {key: value for key, value in file.attrs.items()}
        if 'pairing' not in attributes or not float(attributes.get('rate_hz', 0.0)) > 0:
            return cls()
        return cls(
            float(attributes['rate_hz']),
            int(attributes.get('rows', 0)),
            str(attributes.get('task', '')),
            attributes['pairing'] == 'act' and not attributes.get('sim'),
            outcome_of(attributes.get('result'), attributes.get('score')),
            scale_of(attributes.get('gripper_state')),
        )

    def paired(self, action: Matrix) -> Matrix:
        return np.concatenate([action[:1], action[:-1]]) if self.shifted else action


def _recorded(file: Any, path: Path, rows: int, cameras: dict[str, Any]) -> Recorded | None:
    def find(name: str) -> Any:
        dataset = file.get(name)
        return np.asarray(dataset[: rows or None]) if isinstance(dataset, h5py.Dataset) else None

    stamps = {
        camera: f'{_STAMPS}/{dataset.name.rsplit("/", 1)[-1]}'
        for camera, dataset in cameras.items()
    }
    return read_recorded(find, _OURS, stamps, str(path))


def _grippers(file: Any, path: Path, ours: _Ours) -> tuple[str, str]:
    """Real ALOHA measures fingers and commands motors; its simulation has fingers in both."""
    if ours.rate_hz:
        return ours.gripper_state or exported_scale(path.parent) or 'angle', 'angle'
    return ('finger', 'finger') if file.attrs.get('sim') else ('', 'angle')


def _pictures(path: Path, dataset: Any, length: int, rgb: bool) -> Iterator[Picture]:
    for number in range(length):
        try:
            yield _picture(np.asarray(dataset[number]), rgb)
        except _DAMAGE as error:  # a WamError is a ValueError
            raise WamError(f'{path}: {dataset.name}[{number}]: {error}') from error


def _picture(row: Any, rgb: bool) -> Picture:
    if row.dtype != np.uint8:
        raise WamError(f'has the type {row.dtype}, expected uint8')
    if row.ndim == 3 and row.shape[2] == 3:
        return _bgr(row) if rgb else np.asarray(row, np.uint8)
    if row.ndim != 1:
        raise WamError(f'has the shape {row.shape}, expected (height, width, 3) or a JPEG')
    data = bytes(row.tobytes()).rstrip(b'\0')  # a JPEG ends in FF D9
    if data.startswith(_JPEG) and not rgb:
        return data
    pixels = decoded(data)
    return _bgr(pixels) if rgb else pixels


def find_files(folder: Path) -> list[Path]:
    """Files of a folder that may be such ones, by number."""
    files = [path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()]
    return sorted(files, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts by the numbers in a name."""
    return [(int(part), '') if part.isdigit() else (-1, part) for part in re.split(r'(\d+)', name)]


def _bgr(pixels: Any) -> Image:
    swapped: Image = np.ascontiguousarray(pixels[..., ::-1])
    return swapped


def _feature(file: Any, path: Path, rows: int, name: str) -> Feature | None:
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        return None
    try:
        return Feature(np.asarray(dataset[: rows or None], np.float64))
    except (*_DAMAGE, TypeError) as error:
        raise WamError(f'{path}: {name}: cannot be read as numbers: {error}') from error


def _left_out(file: Any) -> list[str]:
    names: list[str] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and not name.startswith((f'{_IMAGES}/', f'{_STAMPS}/')):
            names.append(name)

    visitor: Callable[[str, Any], None] = visit
    file.visititems(visitor)
    return [name for name in names if name not in _KNOWN]
