"""LeRobot's first layout: ``train/*.arrow``, ``videos/*.mp4`` and ``meta_data/info.json``.

As of 2024: https://huggingface.co/datasets/lerobot/aloha_sim_transfer_cube_human, v1.6. It has no
task text.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from wam_core.errors import WamError
from wam_core.mapping import Section
from wam_data.importing.foreign import ForeignEpisode, MissingEpisodeError
from wam_data.importing.lerobot import USUAL
from wam_data.importing.lerobot_info import cells, feature, integers
from wam_data.importing.vectors import Layout, read_vectors
from wam_data.importing.video import frames

INFO: Final = 'meta_data/info.json'
_IMAGES: Final = 'observation.images.'


class LeRobotV1:
    """A data set's folder."""

    format: Final = 'lerobot_v1'

    def __init__(self, folder: Path, layout: Layout) -> None:
        """Raises WamError for metadata or tables that can't be read."""
        self._folder = folder
        self._layout = layout
        path = folder / INFO
        try:
            info = json.loads(path.read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise WamError(f'{path}: cannot be read as JSON: {error}') from error
        self._rate_hz = Section(info, str(path)).number('fps', 0.1, 1000.0)
        self._table = _read(sorted(folder.glob('train/*.arrow')), folder)
        self._episodes = integers(self._table, 'episode_index', str(folder))

    def names(self) -> list[str]:
        """Numbers of its episodes."""
        return [str(number) for number in sorted(set(self._episodes))]

    @contextmanager
    def open(self, name: str) -> Iterator[ForeignEpisode]:
        """Reads the numbers of one episode."""
        source = f'{self._folder}: episode {name}'
        mask = pa.array([number == int(name) for number in self._episodes])
        table = self._table.filter(mask).sort_by('frame_index')
        vectors = read_vectors(
            self._layout, USUAL, lambda key: feature(table, key, None, source), source
        )
        keys = [key for key in table.column_names if key.startswith(_IMAGES)]
        chosen = self._layout.cameras or {key.removeprefix(_IMAGES): key for key in keys}
        for key in chosen.values():
            if key not in keys:
                raise WamError(f'{source}: has no camera {key!r}, its cameras are {keys}')
        videos = {camera: self._video(table, key, source) for camera, key in chosen.items()}
        yield ForeignEpisode(
            name=name,
            task='',
            rate_hz=self._rate_hz,
            state=vectors.state,
            action=vectors.action,
            velocity=vectors.velocity,
            effort=vectors.effort,
            cameras={
                camera: partial(frames, path, start_s, len(vectors.state), self._rate_hz)
                for camera, (path, start_s) in videos.items()
            },
            unknown=vectors.filled,
            # The only data sets of this layout with our 14 numbers are of gym-aloha.
            grippers=('finger', 'finger'),
        )

    def _video(self, table: Any, key: str, source: str) -> tuple[Path, float]:
        (cell,) = cells(table.column(key).slice(0, 1), source)
        if not isinstance(cell, dict) or not isinstance(cell.get('path'), str):
            raise WamError(f'{source}: {key} names no video')
        path = self._folder / cell['path']
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise WamError(f'{source}: {path} leads out of the data set')
        if not path.is_file():
            raise MissingEpisodeError(f'{path}: is not there')
        return path, float(cell.get('timestamp') or 0.0)


def _read(paths: list[Path], folder: Path) -> Any:
    if not paths:
        raise WamError(f'{folder}: has no train/*.arrow')
    tables = []
    for path in paths:
        try:
            with pa.ipc.open_stream(pa.memory_map(str(path))) as stream:
                tables.append(stream.read_all())
        except (OSError, pa.ArrowException) as error:
            raise WamError(f'{path}: cannot be read as an Arrow stream: {error}') from error
    return pa.concat_tables(tables)
