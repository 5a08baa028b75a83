"""Which episodes of a root are meant: by task, outcome, policy, date and so on, or by SQL."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from wam_core.errors import WamError
from wam_data.catalogue import find_episodes, holds_episode
from wam_data.identity import KINDS
from wam_data.index import read_index, read_row
from wam_data.manifest import RESULTS
from wam_data.progress import Progress
from wam_data.row import Row

UNLABELLED: Final = 'none'
OUTCOMES: Final = (*RESULTS, UNLABELLED)
COMPLETENESS: Final = ('yes', 'no', 'any')


@dataclass(frozen=True)
class Selection:
    """What must hold of an episode; an empty field asks for nothing.

    task: name, instruction, or folder. outcome: one of OUTCOMES, 'none' being those without a
    label. kind: one of KINDS. policy, rig, operator: as recorded. since, until: start of the
    episode, ISO 8601 date or time, UTC where it names no zone; a date in ``until`` is included
    whole. complete: one of COMPLETENESS; what is being recorded or was cut off is never selected.
    sql: a condition over the columns of ``wam_data.row``. episodes: directories of
    episodes, or of many, to choose from, instead of the root. Raises WamError for a bad value.
    """

    task: str = ''
    kind: str = ''
    outcome: str = ''
    policy: str = ''
    rig: str = ''
    operator: str = ''
    since: str = ''
    until: str = ''
    sql: str = ''
    episodes: tuple[Path, ...] = ()
    complete: str = 'yes'

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ('kind', self.kind, ('', *KINDS)),
            ('outcome', self.outcome, ('', *OUTCOMES)),
            ('complete', self.complete, COMPLETENESS),
        ):
            if value not in allowed:
                expected = [each for each in allowed if each]
                raise WamError(f'{name} {value!r}, expected one of {expected}')
        for text in (self.since, self.until):
            _moment(text)


def select(
    root: Path,
    selection: Selection,
    progress: Progress | None = None,
    unreadable: Callable[[str], None] = lambda problem: None,
) -> tuple[Path, ...]:
    """The episodes that are meant, oldest first. progress: as ``read_index`` takes it.
    unreadable: told why an episode can't be read, and so isn't among them whatever it is.

    Raises WamError for a bad filter, for nothing selected, and for a named episode that is not
    there, can't be read, or is not finished.
    """
    for path in selection.episodes:
        _check_named(path)
    candidates = rows_of(root, selection.episodes, progress)
    for row in candidates:
        if row.problem:
            unreadable(row.problem)
    chosen = [row for row in matching_rows(candidates, selection) if usable(row)]
    if not chosen:
        raise WamError(_nothing(root, selection, candidates))
    return tuple(Path(row.path) for row in chosen)


def rows_of(
    root: Path, episodes: Sequence[Path] = (), progress: Progress | None = None
) -> list[Row]:
    """Of all episodes in the given directories; of the root's where none is given. Oldest first.

    A directory is an episode, or a folder of some or none. Raises WamError for what is not there.
    """
    found: list[Row] = []
    for path in episodes or (root,):
        found += [read_row(path)] if holds_episode(path) else read_index(path, progress)
    if len(episodes) > 1:  # a folder and an episode in it may both be named
        found = list({Path(row.path).resolve(): row for row in found}.values())
    return sorted(found, key=lambda row: (row.name, row.folder))


def _check_named(path: Path) -> None:
    if not holds_episode(path):
        if not find_episodes(path):
            raise WamError(f'{path}: is neither an episode nor a folder of episodes')
        return
    row = read_row(path)
    if row.partial:
        raise WamError(f'{path}: is still being recorded, or was cut off: recover it first')
    if row.problem:
        raise WamError(row.problem)


def matching_rows(rows: Sequence[Row], selection: Selection) -> list[Row]:
    """The rows that fit; also of partial episodes, and of ones that can't be read where nothing
    is asked for that they would have to tell. Raises WamError for bad SQL.
    """
    found = [row for row in rows if _fits(row, selection)]
    if selection.sql:
        from wam_data.query import matching  # DuckDB takes 0.1 s to load

        found = matching(found, selection.sql)
    return found


def usable(row: Row) -> bool:
    """Whether it is finished and can be read."""
    return not row.partial and not row.problem


def _fits(row: Row, selection: Selection) -> bool:
    wanted = selection
    if wanted.task and wanted.task not in (row.task_name, row.task, row.folder):
        return False
    for name in ('kind', 'policy', 'rig', 'operator'):
        if getattr(wanted, name) and getattr(wanted, name) != getattr(row, name):
            return False
    if wanted.outcome and wanted.outcome != (row.outcome or UNLABELLED):
        return False
    if wanted.complete != 'any' and row.complete != (wanted.complete == 'yes'):
        return False
    return _in_time(row.started, wanted.since, wanted.until)


def _in_time(started: str, since: str, until: str) -> bool:
    if not since and not until:
        return True
    try:
        at = _moment(started)
    except WamError:
        return False  # an episode that doesn't tell its time is in no span of it
    first, last = _moment(since), _moment(until)
    if last and len(until) <= len('2000-01-01'):
        last += timedelta(days=1, microseconds=-1)
    return at is not None and (not first or at >= first) and (not last or at <= last)


def _moment(text: str) -> datetime | None:
    """An ISO 8601 date or time in UTC; None for an empty text. Raises WamError."""
    if not text:
        return None
    try:
        # fromisoformat reads the letter Z from Python 3.11 on only.
        moment = datetime.fromisoformat(text.replace('Z', '+00:00'))
        return moment.astimezone(timezone.utc) if moment.tzinfo else _as_utc(moment)
    except (ValueError, OverflowError) as error:
        raise WamError(f'date {text!r}, expected ISO 8601, e.g. 2026-01-31') from error


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=timezone.utc)


def _nothing(root: Path, selection: Selection, rows: Sequence[Row]) -> str:
    """Why nothing was selected: which filter lets nothing pass, and what there is."""
    where = ', '.join(map(str, selection.episodes)) or str(root)
    if not rows:
        return f'{where}: holds no episode'
    for name in ('task', 'kind', 'policy', 'rig', 'operator', 'outcome'):
        only = replace(Selection(complete='any'), **{name: getattr(selection, name)})
        if not any(_fits(row, only) for row in rows):
            column = 'task_name' if name == 'task' else name
            present = sorted({getattr(row, column) or UNLABELLED for row in rows})
            asked = f'{name} {getattr(selection, name)!r}'
            return f'{where}: no episode has {asked}, only {", ".join(present[:12])}'
    anyway = replace(selection, complete='any')
    hidden = [row for row in matching_rows(rows, anyway) if usable(row)]
    text = f'{where}: none of {len(rows)} episodes is finished and fits all filters'
    if hidden:
        text += f'; {len(hidden)} fit but for --complete {selection.complete}'
    return text
