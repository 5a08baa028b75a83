"""What an export writes: which episodes in which order, with which settings; on disk, to resume.

While it is being written, a data set is the folder <out>.partial; `.export` in it holds the plan
and one marker for each episode that is done.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from wam_core.errors import WamError
from wam_data.directory_lock import locked
from wam_data.export.format_options import values
from wam_data.export.formats import Format
from wam_data.export.settings import ExportSettings
from wam_data.export.summary import EpisodeSummary, same, same_cameras
from wam_data.layout import sync_directory, write_atomically

STATE: Final = '.export'
REPORT: Final = 'export.json'
"""In the finished data set: the settings, the episodes, and what the grid did to each stream."""
_PLAN: Final = 'plan.json'
MIXED: Final = ('tasks', 'rigs')


@dataclass(frozen=True)
class Plan:
    """format: prepared. options: of the format, as asked for. episodes: in the order of the data
    set. left_out: name and why.
    """

    format: Format
    options: Mapping[str, object]
    settings: ExportSettings
    episodes: tuple[EpisodeSummary, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def contents(self) -> dict[str, object]:
        """As JSON values, the same for the same export wherever its episodes lie."""
        return {
            'format': self.format.name,
            'options': self.options,
            'settings': asdict(self.settings),
            'episodes': [
                {'index': index, 'episode': episode.name, 'digest': episode.digest}
                for index, episode in enumerate(self.episodes)
            ],
        }

    @property
    def key(self) -> str:
        """SHA-256 of what is exported and how."""
        return hashlib.sha256(json.dumps(self.contents(), sort_keys=True).encode()).hexdigest()

    def report(self) -> dict[str, object]:
        """What the finished data set says about itself."""
        contents = self.contents()
        contents['episodes'] = [
            {
                'index': index,
                'episode': episode.name,
                'digest': episode.digest,
                'task': episode.task,
                'kind': episode.manifest.identity.kind,
                'rows': episode.rows,
                'streams': [stream.as_json() for stream in episode.report],
            }
            for index, episode in enumerate(self.episodes)
        ]
        contents['left_out'] = [{'episode': name, 'why': why} for name, why in self.left_out]
        return contents


def make_plan(
    made: Format,
    settings: ExportSettings,
    episodes: Sequence[EpisodeSummary],
    allow_mixed: Sequence[str] = (),
    left_out: Sequence[tuple[str, str]] = (),
) -> Plan:
    """Checks that the episodes belong into one data set. Raises WamError naming those that don't.

    allow_mixed: of MIXED, what may differ between them.
    """
    if not episodes:
        raise WamError('no episode to export')
    for what in allow_mixed:
        if what not in made.mixed:
            raise WamError(
                f'--allow-mixed {what}: a data set of format {made.name} holds '
                f'{sorted(made.mixed) or "nothing"} mixed'
            )
    if 'tasks' not in allow_mixed:
        same(episodes, 'task', lambda episode: episode.task)
    if 'rigs' not in allow_mixed:
        same(episodes, 'rig', lambda episode: episode.manifest.identity.rig)
    same_cameras(episodes)
    prepared = made.prepare(episodes, settings)
    return Plan(prepared, values(made), settings, tuple(episodes), tuple(left_out))


class Workplace:
    """The folder <out>.partial. Raises WamError where it is another export's."""

    def __init__(self, out: Path, plan: Plan) -> None:
        self.out = out
        self.folder = out.with_name(f'{out.name}.partial')
        self._plan = plan
        self._state = self.folder / STATE

    @contextmanager
    def open(self) -> Iterator[None]:
        """Makes the folder, or takes up one that this same export left; nobody else may meanwhile.

        Raises WamError where another process has it.
        """
        refuse_existing(self.out)
        with ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(locked(self.folder, wait=False))
            except BlockingIOError as error:
                raise WamError(
                    f'{self.folder}: another export is at work there: wait for its end, or choose '
                    'another --out'
                ) from error
            except OSError as error:
                raise self._unmade(error) from error
            refuse_existing(self.out)  # which the other may have finished just now
            self._begin()
            yield

    def _begin(self) -> None:
        found = self._found_key()
        if found not in ('', self._plan.key):
            raise WamError(
                f'{self.folder}: was left by an export of other or changed episodes, or with '
                'other options: remove it, or choose another --out'
            )
        try:
            self._state.mkdir(exist_ok=True)
            text = json.dumps({'key': self._plan.key, **self._plan.contents()}, indent=1)
            write_atomically(self._state / _PLAN, f'{text}\n')
        except OSError as error:
            raise self._unmade(error) from error

    def _unmade(self, error: OSError) -> WamError:
        return WamError(f'{self.folder}: cannot be made: {error.strerror} (--out)')

    def _found_key(self) -> str:
        try:
            return str(json.loads((self._state / _PLAN).read_text(encoding='utf-8'))['key'])
        except FileNotFoundError:
            # Only a folder that was made and nothing more: the first thing in it is the plan.
            return (
                '' if not any(self._state.glob('[!.]*')) and _is_bare(self.folder) else 'unknown'
            )
        except (OSError, ValueError, KeyError, TypeError):
            return 'unknown'

    def done(self, index: int) -> Mapping[str, Any] | None:
        """What an episode that was written whole gave; None: write it."""
        try:
            marker = json.loads(self._marker(index).read_text(encoding='utf-8'))
            sizes = {name: (self.folder / name).stat().st_size for name in marker['sizes']}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        given: Mapping[str, Any] = marker['given']
        return given if sizes == marker['sizes'] else None

    def mark(self, index: int, given: Mapping[str, object]) -> Mapping[str, Any]:
        """Notes that an episode is written; its files are on the disk when this returns."""
        files = given['files']
        assert isinstance(files, Sequence)
        try:
            sizes = {name: sync_file(self.folder / name) for name in files}
            write_atomically(
                self._marker(index), json.dumps({'sizes': sizes, 'given': given}, allow_nan=True)
            )
        except OSError as error:
            raise WamError(f'{self.folder}: cannot be written: {error.strerror}') from error
        again = self.done(index)  # as a resumed export reads it: the same types, the same bytes
        assert again is not None
        return again

    def _marker(self, index: int) -> Path:
        return self._state / f'{index:06d}.json'


def refuse_existing(out: Path) -> None:
    """Raises WamError where something is at ``out`` already, a link that leads nowhere too."""
    if os.path.lexists(out):
        raise WamError(f'{out}: exists: choose another --out, or remove it')


def sync_file(path: Path) -> int:
    """Makes a file survive a power cut; returns its size in bytes. Raises OSError."""
    with path.open('rb') as stream:
        os.fsync(stream.fileno())
        size = os.fstat(stream.fileno()).st_size
    sync_directory(path.parent)
    return size


def _is_bare(folder: Path) -> bool:
    return all(path.name == STATE for path in folder.iterdir())
