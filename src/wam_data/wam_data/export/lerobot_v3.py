"""The format ``lerobot_v3``: a LeRobotDataset v3.0, which package lerobot 0.4 and later reads.

Layout: https://github.com/huggingface/lerobot, src/lerobot/datasets, CODEBASE_VERSION 'v3.0'.
Episodes are written one by one, side by side, and put together in few files at the end.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pyarrow as pa

from wam_core.errors import WamError
from wam_data.export import lerobot_v3_statistics as statistics
from wam_data.export.format_options import DERIVED
from wam_data.export.lerobot_v3_features import MEASURED, camera_key, columns, features
from wam_data.export.lerobot_v3_files import CHUNK, join_tables, join_videos, slots
from wam_data.export.lerobot_v3_tables import (
    DATA,
    EPISODES,
    TASKS,
    VIDEO,
    read_column,
    write_data,
    write_episodes,
    write_tasks,
)
from wam_data.export.lerobot_v3_video import CODECS, HIGHEST_CRF, video_info, write_video
from wam_data.export.plan import STATE
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.summary import EpisodeSummary
from wam_data.layout import MANIFEST

VERSION: Final = 'v3.0'
SIDECARS: Final = 'meta/wam'
"""episode_<index>.json: episode.json as it was recorded, with labels, drops and interventions."""
_PARTS: Final = f'{STATE}/episodes'  # removed with the rest of the export's state
_ROBOT: Final = 'aloha'


@dataclass(frozen=True)
class LerobotV3:
    """codec: of the videos, av1 (LeRobot's own) or h264. crf: their quality, 0 the best; LeRobot's
    is 30. data_mb, video_mb: no file is made larger; LeRobot's own sizes. Raises WamError.
    """

    name: ClassVar[str] = 'lerobot_v3'
    mixed: ClassVar[frozenset[str]] = frozenset({'tasks', 'rigs'})

    codec: str = 'av1'
    crf: int = 30
    data_mb: int = 100
    video_mb: int = 200
    starts: tuple[int, ...] = field(default=(), metadata=DERIVED)  # index of each first row
    tasks: tuple[str, ...] = field(default=(), metadata=DERIVED)
    cameras: tuple[tuple[str, tuple[int, int]], ...] = field(default=(), metadata=DERIVED)
    unknown: frozenset[str] = field(default=frozenset(), metadata=DERIVED)  # keys of MEASURED
    rate_hz: float = field(default=0.0, metadata=DERIVED)

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise WamError(f'{self.name}: codec {self.codec!r}, expected one of {list(CODECS)}')
        if not 0 <= self.crf <= HIGHEST_CRF[self.codec]:
            raise WamError(f'{self.name}: crf {self.crf}, allowed 0 to {HIGHEST_CRF[self.codec]}')
        for name in ('data_mb', 'video_mb'):
            if getattr(self, name) < 1:
                raise WamError(f'{self.name}: {name} {getattr(self, name)}, allowed 1 or more')

    def prepare(self, episodes: Sequence[EpisodeSummary], settings: ExportSettings) -> 'LerobotV3':
        """Learns tasks and lengths. Refuses a rate that isn't whole, and pictures of odd size."""
        if not float(settings.rate_hz).is_integer():
            raise WamError(f'{self.name}: rate {settings.rate_hz:g} Hz, expected a whole number')
        cameras = tuple(episodes[0].cameras.items())
        for camera, (height, width) in cameras:
            if height % 2 or width % 2:
                raise WamError(
                    f'{episodes[0].name}: camera {camera} has frames of {height}x{width}, '
                    f'{self.name} holds even sizes only'
                )
        lengths = [episode.rows for episode in episodes]
        origins = [episode.manifest.origin for episode in episodes]
        unknown = {name for origin in origins if origin for name in origin.unknown}
        return replace(
            self,
            starts=tuple(accumulate(lengths, initial=0))[:-1],
            tasks=tuple(dict.fromkeys(episode.task for episode in episodes)),
            cameras=cameras,
            unknown=frozenset(unknown & MEASURED.keys()),
            rate_hz=settings.rate_hz,
        )

    def write_episode(self, source: Source, index: int, folder: Path) -> Mapping[str, object]:
        """Writes its rows, its videos and a copy of its episode.json."""
        task = self.tasks.index(source.task)
        values = columns(source, index, self.starts[index], task, self.unknown)
        for name, rows in values.items():
            if not np.isfinite(rows).all():
                raise WamError(f'{source.path}: {name}: a row is not finite')
        data = _part(index, 'data')
        write_data(folder / data, features(source.cameras, self.unknown), values)
        found = {name: statistics.of_numbers(rows) for name, rows in values.items()}
        files, levels = [data], {}
        for camera in source.cameras:
            key, video = camera_key(camera), _part(index, camera)
            counts = statistics.PictureCounts(source.grid.count)
            frames = source.frames(camera)
            write_video(folder / video, frames, self.rate_hz, self.codec, self.crf, counts)
            files.append(video)
            found[key] = statistics.of_pictures(counts.frames, counts.levels)
            levels[key] = counts.levels.tolist()
        sidecar = f'{SIDECARS}/episode_{index:06d}.json'
        (folder / SIDECARS).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.path / MANIFEST, folder / sidecar)
        return {
            'files': [*files, sidecar],
            'row': self._row(source, index),
            'statistics': found,
            'levels': levels,
        }

    def _row(self, source: Source, index: int) -> dict[str, Any]:
        """Of meta/episodes, without where it lies; LeRobot's columns, then ours."""
        identity, outcome = source.manifest.identity, source.outcome
        return {
            'episode_index': index,
            'tasks': [source.task],
            'length': source.grid.count,
            'dataset_from_index': self.starts[index],
            'dataset_to_index': self.starts[index] + source.grid.count,
            'meta/episodes/chunk_index': 0,
            'meta/episodes/file_index': 0,
            'wam/episode': source.name,
            'wam/kind': identity.kind,
            'wam/operator': identity.operator,
            'wam/policy': identity.policy,
            'wam/result': outcome.result if outcome else '',
            'wam/score': outcome.score if outcome else float('nan'),
        }

    def finish(self, folder: Path, episodes: Sequence[Mapping[str, Any]]) -> None:
        """Puts the episodes together and writes meta/."""
        rows = [dict(episode['row']) for episode in episodes]
        for name in ('data', 'videos'):  # of an attempt that was cut off
            shutil.rmtree(folder / name, ignore_errors=True)
        try:
            data = self._join_data(folder, rows)
            for camera, _ in self.cameras:
                self._join_videos(folder, camera, rows)
            write_tasks(folder / TASKS, self.tasks)
            found = [episode['statistics'] for episode in episodes]
            write_episodes(folder / EPISODES, rows, found)
            _write_json(folder / 'meta/stats.json', self._statistics(data, episodes))
            _write_json(folder / 'meta/info.json', self._info(rows))
        except pa.ArrowException as error:
            raise WamError(f'{folder}: cannot be finished: {error}') from error

    def _join_data(self, folder: Path, rows: Sequence[dict[str, Any]]) -> list[Path]:
        """Notes in the rows where each episode is. Returns the files."""
        parts = [folder / _part(index, 'data') for index in range(len(rows))]
        places = slots(parts, [row['length'] for row in rows], self.data_mb)
        files: dict[Path, list[Path]] = {}
        for part, place, row in zip(parts, places, rows, strict=True):
            row |= {f'data/{key}': number for key, number in place.numbers.items()}
            files.setdefault(folder / DATA.format(**place.numbers), []).append(part)
        for target, members in files.items():
            join_tables(members, target)
        return list(files)

    def _join_videos(self, folder: Path, camera: str, rows: Sequence[dict[str, Any]]) -> None:
        """Notes in the rows where each episode is."""
        key = camera_key(camera)
        parts = [folder / _part(index, camera) for index in range(len(rows))]
        places = slots(parts, [row['length'] for row in rows], self.video_mb)
        files: dict[Path, list[tuple[Path, int]]] = {}
        for part, place, row in zip(parts, places, rows, strict=True):
            video = f'videos/{key}'
            row |= {f'{video}/{name}': number for name, number in place.numbers.items()}
            row[f'{video}/from_timestamp'] = place.first / self.rate_hz
            row[f'{video}/to_timestamp'] = (place.first + row['length']) / self.rate_hz
            target = folder / VIDEO.format(video_key=key, **place.numbers)
            files.setdefault(target, []).append((part, row['length']))
        for target, members in files.items():
            paths, lengths = zip(*members, strict=True)
            join_videos(paths, lengths, self.rate_hz, target)

    def _statistics(
        self, data: Sequence[Path], episodes: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Of all episodes; quantiles of all rows, not the mean of the episodes' quantiles."""
        found = {}
        for name in episodes[0]['statistics']:
            parts = [episode['statistics'][name] for episode in episodes]
            if name in episodes[0]['levels']:
                levels = sum(np.array(episode['levels'][name]) for episode in episodes)
                whole = statistics.of_pictures(0, levels)
            else:
                whole = statistics.of_numbers(read_column(data, name))
            found[name] = statistics.merged(parts, whole)
        return found

    def _info(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
        cameras = dict(self.cameras)
        described: dict[str, object] = {
            name: feature.as_json()
            for name, feature in features(list(cameras), self.unknown).items()
        }
        for camera, shape in cameras.items():
            described[camera_key(camera)] = {
                'dtype': 'video',
                'shape': [*shape, 3],
                'names': ['height', 'width', 'channels'],
                'info': video_info(self.rate_hz, self.codec, shape),
            }
        return {
            'codebase_version': VERSION,
            'robot_type': _ROBOT,
            'total_episodes': len(rows),
            'total_frames': sum(row['length'] for row in rows),
            'total_tasks': len(self.tasks),
            'chunks_size': CHUNK,
            'data_files_size_in_mb': self.data_mb,
            'video_files_size_in_mb': self.video_mb,
            'fps': round(self.rate_hz),
            'splits': {'train': f'0:{len(rows)}'},
            'data_path': DATA,
            'video_path': VIDEO if cameras else None,
            'features': described,
        }


def _part(index: int, what: str) -> str:
    """File of an episode until all are put together. what: data, or a camera."""
    return f'{_PARTS}/{index:06d}/{what}.{"parquet" if what == "data" else "mp4"}'


def _write_json(path: Path, contents: Mapping[str, object]) -> None:
    text = json.dumps(contents, indent=4, ensure_ascii=False)
    path.write_text(f'{text}\n', encoding='utf-8')
