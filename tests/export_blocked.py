"""``wam`` with one export format more, which stops where a test wants it to.

python export_blocked.py WORDS...: the words of a wam command line. Format ``blocking`` writes the
first episode at once; of the others it makes a file begun_<index> beside the data set, and goes on
when there is no file ``blocked`` there.
"""

import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from wam_data.export.formats import FORMATS
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.summary import EpisodeSummary

NAME = 'blocking'
ENTRY = ('export_blocked', 'Blocking')


@dataclass(frozen=True)
class Blocking:
    name: ClassVar[str] = NAME
    mixed: ClassVar[frozenset[str]] = frozenset()

    def prepare(self, episodes: Sequence[EpisodeSummary], settings: ExportSettings) -> 'Blocking':
        return self

    def write_episode(self, source: Source, index: int, folder: Path) -> Mapping[str, object]:
        if index:
            (folder.parent / f'begun_{index}').touch()
        while index and (folder.parent / 'blocked').exists():
            threading.Event().wait(0.02)
        (folder / f'{index}.txt').write_text(f'{source.grid.count}\n')
        return {'files': [f'{index}.txt']}

    def finish(self, folder: Path, episodes: Sequence[Mapping[str, object]]) -> None:
        pass


if __name__ == '__main__':
    from wam_cli.main import main

    FORMATS[NAME] = ENTRY
    sys.exit(main())
