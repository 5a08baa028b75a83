"""The format ``aloha_hdf5``: one HDF5 file for each episode, as ACT and Interbotix's ALOHA do.

Layout: tonyzhaozh/act record_sim_episodes.py (frames as pixels) and Interbotix/aloha
record_episodes.py (frames as JPEG, padded with zeros to one length).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_data.export.format_options import DERIVED
from wam_data.export.hdf5 import create, write_rows
from wam_data.export.rows import held, jpegs
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.summary import EpisodeSummary

IMAGES: Final = ('raw', 'jpeg')
LENGTHS: Final = ('longest', 'own')
PAIRINGS: Final = ('row', 'act')


@dataclass(frozen=True)
class AlohaHdf5:
    """images: raw pixels, which ACT's own code reads, or jpeg, a thirtieth of the size.

    length: longest: shorter episodes repeat their last row up to the longest one, since ACT's own
    code needs all of one length; own: each as long as it is. pairing: row: row t has the command
    that went out at the observation's time; act: of a real rig, row t has the next row's command,
    since ACT's own code takes the row before for such files. Raises WamError.
    """

    name: ClassVar[str] = 'aloha_hdf5'
    mixed: ClassVar[frozenset[str]] = frozenset()

    images: str = 'raw'
    length: str = 'longest'
    pairing: str = 'row'
    rows: int = field(default=0, metadata=DERIVED)  # of the longest episode

    def __post_init__(self) -> None:
        for name, allowed in (('images', IMAGES), ('length', LENGTHS), ('pairing', PAIRINGS)):
            if getattr(self, name) not in allowed:
                raise WamError(
                    f'{self.name}: {name} {getattr(self, name)!r}, expected one of {list(allowed)}'
                )

    def prepare(self, episodes: Sequence[EpisodeSummary], settings: ExportSettings) -> 'AlohaHdf5':
        """Learns the longest. Refuses cameras of different sizes: ACT stacks them."""
        for camera, shape in (cameras := episodes[0].cameras).items():
            first = next(iter(cameras))
            if self.images == 'raw' and shape != cameras[first]:
                raise WamError(
                    f'{episodes[0].name}: cameras {first} and {camera} have frames of '
                    f'{cameras[first]} and {shape}, which {self.name} holds only as jpeg'
                )
        return replace(self, rows=max(episode.rows for episode in episodes))

    def write_episode(self, source: Source, index: int, folder: Path) -> Mapping[str, object]:
        """Writes episode_<index>.hdf5."""
        name = f'episode_{index}.hdf5'
        rows = self.rows if self.length == 'longest' else source.grid.count
        with create(folder / name) as file:
            self._attributes(file, source)
            self._numbers(file, source, rows)
            write = self._jpegs if self.images == 'jpeg' else self._pixels
            write(file, source, rows)
        return {'files': [name], 'rows': rows}

    def finish(self, folder: Path, episodes: Sequence[Mapping[str, object]]) -> None:
        """There is nothing about all episodes in this layout."""

    def _attributes(self, file: Any, source: Source) -> None:
        file.attrs['sim'] = source.simulated
        file.attrs['compress'] = self.images == 'jpeg'
        # Of ours from here on: no reader of this layout looks at them.
        file.attrs['rows'] = source.grid.count  # without padding
        file.attrs['rate_hz'] = source.grid.rate_hz
        file.attrs['task'] = source.task
        file.attrs['episode'] = source.name
        file.attrs['action'] = source.settings.action
        file.attrs['gripper_state'] = source.settings.gripper_state
        file.attrs['pairing'] = self.pairing
        if source.outcome is not None:
            file.attrs['result'] = source.outcome.result
            file.attrs['score'] = source.outcome.score

    def _numbers(self, file: Any, source: Source, rows: int) -> None:
        action = source.action
        if self.pairing == 'act' and not source.simulated:
            action = np.concatenate([action[1:], action[-1:]])
        single = np.float32  # as in all files of this layout
        write_rows(file, 'action', action.astype(single), rows)
        for name, values in (
            ('qpos', source.state.astype(single)),
            ('qvel', source.velocity.astype(single)),
            ('effort', source.effort.astype(single)),
            ('gripper_angle', source.gripper_angle.astype(single)),
            ('stamp_ns', source.stamps_ns),
            ('state_stamp_ns', source.state_stamps_ns),
            ('intervened', source.intervened),
        ):
            write_rows(file, f'observations/{name}', values, rows)
        for camera in source.cameras:
            stamps = source.frame_stamps_ns(camera)
            write_rows(file, f'observations/image_stamps_ns/{camera}', stamps, rows)

    def _pixels(self, file: Any, source: Source, rows: int) -> None:
        for camera in source.cameras:
            shape = (*source.shape(camera), 3)
            images = file.create_dataset(
                f'observations/images/{camera}', (rows, *shape), np.uint8, chunks=(1, *shape)
            )
            for row, pixels in enumerate(held(source.frames(camera), rows)):
                images[row] = pixels

    def _jpegs(self, file: Any, source: Source, rows: int) -> None:
        """Cameras in order of name: the order in which a reader finds them in the file."""
        cameras = sorted(source.cameras)
        lengths = {camera: self._lengths(source, camera) for camera in cameras}
        width = max((int(length.max()) for length in lengths.values()), default=0)
        for camera in cameras:
            images = file.create_dataset(
                f'observations/images/{camera}', (rows, width), np.uint8, chunks=(1, width)
            )
            padded = np.zeros(width, np.uint8)
            for row, jpeg in enumerate(held(jpegs(source, camera), rows)):
                padded[: len(jpeg)] = np.frombuffer(jpeg, np.uint8)
                padded[len(jpeg) :] = 0
                images[row] = padded
        columns = [held(iter(lengths[camera].tolist()), rows) for camera in cameras]
        file.create_dataset(
            'compress_len', data=np.array([list(column) for column in columns], np.float32)
        )

    def _lengths(self, source: Source, camera: str) -> NDArray[np.int64]:
        return np.array([len(jpeg) for jpeg in jpegs(source, camera)], np.int64)
