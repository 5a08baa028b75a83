"""The format ``cosmos``: demonstrations and rollouts as Cosmos Policy's training code reads them.

Layout: nvlabs/cosmos-policy experiments/robot/aloha/preprocess_split_aloha_data.py
(demonstrations) and run_aloha_eval.py, save_rollout_episode_hdf5 (rollouts); the reader is
datasets/aloha_dataset.py, with ``demonstrations`` as data_dir, ``rollouts`` as rollout_data_dir.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from wam_core.errors import WamError
from wam_data.export.cosmos_statistics import write_statistics
from wam_data.export.format_options import DERIVED
from wam_data.export.hdf5 import create, write_rows
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.summary import EpisodeSummary
from wam_data.export.value_targets import CHUNK, DISCOUNT, returns, reward, targets
from wam_data.export.video import write_mp4v
from wam_data.layout import slug

CAMERAS: Final = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
DEMONSTRATIONS: Final = 'demonstrations'
ROLLOUTS: Final = 'rollouts'
LAYOUTS: Final = ('kind', DEMONSTRATIONS, ROLLOUTS)
_SIZE: Final = 256  # pixels, of the videos that the released checkpoints were trained on


@dataclass(frozen=True)
class Cosmos:
    """layout: kind: successful demonstrations as such, all else as rollouts; or one for all.

    validation: share of the demonstrations, 0 to 0.5, that goes into val/ instead of train/; which
    ones hangs on their names only. discount, chunk: of the value targets. Raises WamError.
    """

    name: ClassVar[str] = 'cosmos'
    mixed: ClassVar[frozenset[str]] = frozenset({'tasks', 'rigs'})

    layout: str = 'kind'
    validation: float = 0.0
    discount: float = DISCOUNT
    chunk: int = CHUNK
    places: tuple[str, ...] = field(default=(), metadata=DERIVED)  # of the files, no suffix

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise WamError(f'{self.name}: layout {self.layout!r}, expected one of {list(LAYOUTS)}')
        if not 0.0 <= self.validation <= 0.5:
            raise WamError(f'{self.name}: validation {self.validation:g}, allowed 0 to 0.5')
        targets(returns(1, 1.0, self.discount), self.chunk)  # refuses bad ones

    def prepare(self, episodes: Sequence[EpisodeSummary], settings: ExportSettings) -> 'Cosmos':
        """Finds a place for each episode. Refuses missing cameras and outcomes."""
        if not set(CAMERAS) <= set(episodes[0].cameras):
            raise WamError(
                f'{episodes[0].name}: has cameras {list(episodes[0].cameras)}, {self.name} needs '
                f'{list(CAMERAS)}'
            )
        numbers: Counter[str] = Counter()
        places = []
        for episode in episodes:
            folder = self._folder(episode)
            places.append(f'{folder}/episode_{numbers[folder]}')
            numbers[folder] += 1
        return replace(self, places=tuple(places))

    def _folder(self, episode: EpisodeSummary) -> str:
        identity, outcome = episode.manifest.identity, episode.manifest.outcome
        task = slug(identity.task_name or identity.task).replace('-', '_')
        layout = self.layout
        if layout == 'kind':
            if outcome is None:
                raise WamError(
                    f'{episode.name}: has no outcome, on which its place in {self.name} depends: '
                    '`wam label` gives it one, option layout puts all into one place'
                )
            shown = identity.kind != 'rollout' and outcome.success
            layout = DEMONSTRATIONS if shown else ROLLOUTS
        if layout == ROLLOUTS:
            if outcome is None:
                raise WamError(
                    f'{episode.name}: has no outcome, which a rollout needs: `wam label` gives it '
                    'one'
                )
            return f'{ROLLOUTS}/{task}'
        split = 'val' if _share(episode.name) < self.validation else 'train'
        return f'{DEMONSTRATIONS}/{task}/{split}'

    def write_episode(self, source: Source, index: int, folder: Path) -> Mapping[str, object]:
        """Writes episode_<n>.hdf5 and one video for each camera beside it."""
        place = self.places[index]
        videos = {camera: f'{place}_{camera}.mp4' for camera in CAMERAS}
        for camera, name in videos.items():
            write_mp4v(folder / name, source.frames(camera), source.grid.rate_hz, _SIZE)
        with create(folder / f'{place}.hdf5') as file:
            _write_attributes(file, source)
            _write_numbers(file, source)
            for camera, name in videos.items():
                path = Path(name).name.encode()
                file.create_dataset(f'observations/video_paths/{camera}', data=path)
            self._write_values(file, source)
        files = [f'{place}.hdf5', *videos.values()]
        return {'files': files, 'rows': source.grid.count, 'success': _success(source)}

    def _write_values(self, file: Any, source: Source) -> None:
        """Of ours: the official reader computes the same from success_score as it loads."""
        outcome = source.outcome
        last = 1.0 if outcome is None else reward(outcome)
        values = returns(source.grid.count, last, self.discount)
        file.create_dataset('value/return', data=values)
        file.create_dataset('value/target', data=targets(values, self.chunk))
        file['value'].attrs['discount'] = self.discount
        file['value'].attrs['chunk'] = self.chunk
        file['value'].attrs['reward'] = last

    def finish(self, folder: Path, episodes: Sequence[Mapping[str, object]]) -> None:
        """Writes the statistics that actions and states are normalised with."""
        chosen = [
            name for name in self.places if f'{DEMONSTRATIONS}/' in name and '/val/' not in name
        ]
        if not chosen:
            chosen = [
                place
                for place, episode in zip(self.places, episodes, strict=True)
                if episode['success']
            ]
        write_statistics(
            folder / DEMONSTRATIONS, [folder / f'{name}.hdf5' for name in chosen or self.places]
        )


def _trains(place: str) -> bool:
    """Whether it is of a demonstration to train on."""
    return place.startswith(DEMONSTRATIONS) and Path(place).parent.name == 'train'


def _share(name: str) -> float:
    """0 to 1, evenly spread over names and always the same for one."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], 'big') / 2**64


def _success(source: Source) -> bool:
    return source.outcome is None or source.outcome.success


def _write_attributes(file: Any, source: Source) -> None:
    identity, outcome = source.manifest.identity, source.outcome
    attributes = {
        'sim': source.simulated,
        'task_description': source.task,
        'policy_name': identity.policy,
        'date_time': source.manifest.started_utc,
        # Of ours: no reader looks at them.
        'kind': identity.kind,
        'episode': source.name,
        'rate_hz': source.grid.rate_hz,
        'action': source.settings.action,
    }
    if outcome is not None:
        attributes |= {
            'success': outcome.success,
            'success_score': reward(outcome),
            'user_description': outcome.note,
        }
    attributes['user_name'] = identity.operator or (outcome.by if outcome else '')
    for name, value in attributes.items():
        file.attrs[name] = value


def _write_numbers(file: Any, source: Source) -> None:
    single = np.float32  # as in all files of this layout
    rows, action = source.grid.count, source.action.astype(single)
    relative = np.diff(action, axis=0, append=action[-1:])
    if rows > 1:
        relative[-1] = relative[-2]
    for name, values in (
        ('action', action),
        ('relative_action', relative),
        ('observations/qpos', source.state.astype(single)),
        ('observations/qvel', source.velocity.astype(single)),
        ('observations/effort', source.effort.astype(single)),
        ('observations/stamp_ns', source.stamps_ns),
        ('observations/intervened', source.intervened),
    ):
        write_rows(file, name, values, rows)
