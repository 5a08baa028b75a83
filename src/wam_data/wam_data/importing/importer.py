"""Imports a file or folder of other people's episodes, each once."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import yaml

from wam_core.errors import WamError
from wam_core.gripper_scale import SCALES, from_scale
from wam_core.utf8 import escaped
from wam_data.definitions import Definitions
from wam_data.directory_lock import locked
from wam_data.identity import Identity, Origin
from wam_data.importing import aloha_hdf5, lerobot_info, lerobot_v1
from wam_data.importing.aloha_hdf5 import AlohaHdf5
from wam_data.importing.foreign import Dataset, ForeignEpisode, MissingEpisodeError
from wam_data.importing.grippers import doubt
from wam_data.importing.lerobot_v1 import LeRobotV1
from wam_data.importing.lerobot_versions import LeRobotV2, LeRobotV3
from wam_data.importing.vectors import Layout, parse_layout
from wam_data.importing.writing import Target, write_episode
from wam_data.layout import MANIFEST, is_partial
from wam_data.manifest import read_manifest
from wam_data.progress import Progress
from wam_data.provenance import stack_version

STATUSES: Final = ('imported', 'known', 'missing', 'failed')
_VERSIONS: Final = {'v2.0': LeRobotV2, 'v2.1': LeRobotV2, 'v3.0': LeRobotV3}


@dataclass(frozen=True)
class Settings:
    """task, task_name: of all; empty: what the data set says. rig: which one it was; empty: nobody
    knows. rate_hz, rgb: of ALOHA's HDF5, see AlohaHdf5. jpeg_quality: 1 to 100. gripper_state,
    gripper_action: what the grippers' 0..1 are linear in, one of SCALES; empty: as such files
    usually have it. recorded: that of states which a real ALOHA's software recorded, one of
    SCALES (recorded_scale). Raises WamError.
    """

    task: str = ''
    task_name: str = ''
    rig: str = ''
    rate_hz: float = 50.0
    rgb: bool = True
    jpeg_quality: int = 95
    gripper_state: str = ''
    gripper_action: str = ''
    recorded: str = 'finger'

    def __post_init__(self) -> None:
        if not 0.1 <= self.rate_hz <= 1000.0:
            raise WamError(f'rate {self.rate_hz:g} Hz, allowed 0.1 to 1000')
        if not 1 <= self.jpeg_quality <= 100:
            raise WamError(f'JPEG quality {self.jpeg_quality}, allowed 1 to 100')
        for scale in (self.gripper_state, self.gripper_action, self.recorded):
            if scale not in ('', *SCALES):
                raise WamError(f'grippers {scale!r}, expected one of {list(SCALES)}')

    def scaled(self, foreign: ForeignEpisode) -> ForeignEpisode:
        """The episode with its grippers in our scale."""
        given = self.gripper_state, self.gripper_action
        state, action = (
            mine or usual or self.recorded
            for mine, usual in zip(given, foreign.grippers, strict=True)
        )
        return replace(
            foreign,
            state=from_scale(foreign.state, state),
            action=from_scale(foreign.action, action),
            grippers=(state, action),
        )


@dataclass(frozen=True)
class Result:
    """Of one episode. status: one of STATUSES; known: imported before. episode: the new or known
    directory. text: what is missing, why it failed, or what is odd about one that was imported.
    """

    name: str
    status: str
    episode: Path | None = None
    text: str = ''

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self) | {'episode': None if self.episode is None else str(self.episode)}


def read_layout(path: Path | None) -> Layout:
    """A layout file, YAML; None: everything as it is. Raises WamError."""
    if path is None:
        return Layout()
    try:
        contents = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WamError(f'{path}: cannot be read: {error}') from error
    return parse_layout(contents, str(path))


def open_dataset(source: Path, layout: Layout, settings: Settings) -> Dataset:
    """What a path leads to, by what lies there. Raises WamError that says what is expected."""
    if (source / lerobot_info.INFO).is_file():
        version = lerobot_info.read_info(source).version
        if version not in _VERSIONS:
            raise WamError(f'{source}: LeRobot {version}, expected one of {sorted(_VERSIONS)}')
        return _VERSIONS[version](source, layout)
    if (source / lerobot_v1.INFO).is_file():
        return LeRobotV1(source, layout)
    is_file = source.is_file() and source.suffix in aloha_hdf5.SUFFIXES
    if is_file or (source.is_dir() and aloha_hdf5.find_files(source)):
        return AlohaHdf5(source, layout, settings.rate_hz, rgb=settings.rgb)
    raise WamError(
        f'{source}: nothing that can be imported; expected an ALOHA file or a folder of them '
        f'(*{", *".join(aloha_hdf5.SUFFIXES)}), or the folder of a LeRobotDataset '
        f'({lerobot_info.INFO}, or {lerobot_v1.INFO} of its first layout)'
    )


class Importer:
    """Imports episodes of a data set under ``root``. Only one at a time may do so there."""

    def __init__(self, source: Path, root: Path, layout: Layout, settings: Settings) -> None:
        """Raises WamError for a source that is no data set."""
        self._dataset = open_dataset(source, layout, settings)
        self._path = escaped(str(source.resolve()))
        self._settings = settings
        self._root = root
        self._target = Target(root, settings.jpeg_quality, layout, Definitions())
        self._version = stack_version()

    @property
    def names(self) -> list[str]:
        """Of all episodes that the data set has or names."""
        return self._dataset.names()

    def run(self, names: list[str], progress: Progress) -> Iterator[Result]:
        """One result for each name, as they come. progress: frames of the current episode.

        Raises WamError for a name that the data set doesn't have, and for a root that can't be
        written to or that another import writes to.
        """
        every = self.names
        unknown = sorted(set(names) - set(every))
        if unknown:
            raise WamError(f'{self._path}: has no episode {unknown[0]!r}, but {_some(every)}')
        with _locked(self._root):
            known = self._known()
            for name in names:
                if escaped(name) in known:
                    yield Result(name, 'known', known[escaped(name)])
                else:
                    yield self._one(name, progress)

    def _one(self, name: str, progress: Progress) -> Result:
        settings = self._settings
        origin = Origin(self._dataset.format, self._path, escaped(name))
        try:
            with self._dataset.open(name) as foreign:
                identity = Identity(
                    settings.task or foreign.task,
                    settings.task_name,
                    kind='imported',
                    rig=settings.rig,
                    stack_version=self._version,
                )
                scaled = settings.scaled(foreign)
                episode = write_episode(scaled, identity, origin, self._target, progress)
        except MissingEpisodeError as error:
            return Result(name, 'missing', text=str(error))
        except WamError as error:
            return Result(name, 'failed', text=str(error))
        return Result(name, 'imported', episode, doubt(scaled))

    def _known(self) -> dict[str, Path]:
        """Episodes of this data set that are there; what an import left that died is removed."""
        found = {}
        for path in sorted(self._root.glob(f'*/*/{MANIFEST}')):
            origin = _origin(path.parent)
            if origin is None or (origin.format, origin.path) != (
                self._dataset.format,
                self._path,
            ):
                continue
            if is_partial(path.parent):
                shutil.rmtree(path.parent, ignore_errors=True)
            else:
                found[origin.episode] = path.parent
        return found


def _origin(episode: Path) -> Origin | None:
    try:
        return read_manifest(episode).origin
    except WamError:
        return None  # an episode that can't be read is none that was imported


def _some(names: list[str]) -> str:
    return ', '.join(names[:5]) + (f', ... ({len(names)})' if len(names) > 5 else '')


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Makes the root, and holds it against other imports. Raises WamError."""
    with ExitStack() as held:
        try:
            root.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(root, wait=False))
        except BlockingIOError as error:
            raise WamError(f'{root}: another import writes there') from error
        except OSError as error:
            raise WamError(f'{root}: cannot be used: {error.strerror} (--root)') from error
        yield
