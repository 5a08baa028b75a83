"""What an export format has to do, and which there are."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from wam_core.errors import WamError
from wam_data.export.format_options import parse
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.summary import EpisodeSummary

# name: module and class; imported when it is asked for, since each has its own libraries.
FORMATS: Final = {
    'aloha_hdf5': ('wam_data.export.aloha_hdf5', 'AlohaHdf5'),
    'cosmos': ('wam_data.export.cosmos', 'Cosmos'),
    'lerobot_v3': ('wam_data.export.lerobot_v3', 'LerobotV3'),
}


class Format(Protocol):
    """A frozen dataclass whose fields are the format's options; it travels between processes.

    Fields that ``prepare`` sets have ``metadata=DERIVED``; the others are texts, numbers or flags.

    name: its key in FORMATS. mixed: which of 'tasks' and 'rigs' one data set of it can hold more
    than one of.
    """

    name: ClassVar[str]
    mixed: ClassVar[frozenset[str]]

    def prepare(self, episodes: Sequence[EpisodeSummary], settings: ExportSettings) -> 'Format':
        """This format with what it must know of all episodes; called once, before any is written.

        episodes: at least one, in the order of the data set. Raises WamError for what the format
        can't hold, naming the episode.
        """
        ...

    def write_episode(self, source: Source, index: int, folder: Path) -> Mapping[str, object]:
        """Writes episode ``index`` below ``folder``; several processes do at once.

        Returns what ``finish`` needs of it, as JSON values; under 'files', the paths of all files
        that it wrote, relative to the folder. Files of an earlier attempt are written over. The
        same episode gives the same bytes: no times of day, no absolute paths. Raises WamError.
        """
        ...

    def finish(self, folder: Path, episodes: Sequence[Mapping[str, object]]) -> None:
        """Writes what is about all episodes, in order of index. May be called again after it was
        cut off. Raises WamError.
        """
        ...


def make_format(name: str, options: Mapping[str, Any]) -> Format:
    """The format of a name. options: its fields, as texts or values. Raises WamError."""
    if name not in FORMATS:
        raise WamError(f'unknown format {name!r}, expected one of {list(FORMATS)}')
    module, kind = FORMATS[name]
    chosen: type[Format] = getattr(import_module(module), kind)
    return chosen(**parse(name, chosen, options))
