"""Exports episodes: several at a time, so that it can be cut off anywhere and go on later."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wam_core.errors import WamError
from wam_data.export.formats import Format
from wam_data.export.plan import (
    REPORT,
    STATE,
    Plan,
    Workplace,
    make_plan,
    refuse_existing,
    sync_file,
)
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.summary import EpisodeSummary, digest, summarise
from wam_data.export.workers import UNITS, Advance, work
from wam_data.layout import sync_directory

Progress = Callable[[str, int, int], None]
"""Called with what is being done ('read', 'write'), what is done, and the total."""


@dataclass(frozen=True)
class Choice:
    """allow_mixed: 'tasks', 'rigs'. skip_bad: leave out episodes that can't be exported instead of
    refusing all; every frame is decoded to know it. jobs: episodes at a time, at least 1.
    """

    allow_mixed: tuple[str, ...] = ()
    skip_bad: bool = False
    jobs: int = 1

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise WamError(f'{self.jobs} jobs, expected at least 1 (--jobs)')


@dataclass(frozen=True)
class Exported:
    """A finished data set. resumed: episodes that an earlier attempt had written."""

    folder: Path
    plan: Plan
    resumed: int


def export(
    made: Format,
    paths: Sequence[Path],
    out: Path,
    settings: ExportSettings,
    choice: Choice,
    progress: Progress = lambda what, done, total: None,
) -> Exported:
    """Writes the data set ``out``, which must not exist. Episodes are only read.

    Until it is whole it is called <out>.partial; the same call takes that up again. Raises
    WamError, with every episode that can't be exported named, before anything is written.
    """
    refuse_existing(out)
    plan = _plan(made, paths, settings, choice, progress)
    workplace = Workplace(out, plan)
    with workplace.open():
        resumed = _write_all(workplace, plan, choice, progress)
    return Exported(out, plan, resumed)


def _write_all(workplace: Workplace, plan: Plan, choice: Choice, progress: Progress) -> int:
    """Finishes the data set. Returns how many episodes were there already."""
    given = {
        index: found
        for index in range(len(plan.episodes))
        if (found := workplace.done(index)) is not None
    }
    resumed = len(given)
    waiting = [index for index in range(len(plan.episodes)) if index not in given]
    tasks = [
        _Task(plan.format, plan.episodes[index], plan.settings, index, workplace.folder)
        for index in waiting
    ]
    done = resumed * UNITS

    def tell(units: int) -> None:
        progress('write', done + units, len(plan.episodes) * UNITS)

    with closing(work(_write, tasks, choice.jobs, tell)) as results:
        for number, result in results:
            given[waiting[number]] = workplace.mark(waiting[number], result)
    _finish(workplace, plan, [given[index] for index in range(len(plan.episodes))])
    return resumed


@dataclass(frozen=True)
class _Task:
    format: Format
    episode: EpisodeSummary
    settings: ExportSettings
    index: int
    folder: Path


def _write(task: _Task, advance: Advance) -> Mapping[str, object]:
    episode = task.episode
    if digest(episode.path) != episode.digest:
        raise WamError(f'{episode.path}: was changed while it was being exported')
    frames = max(1, episode.rows * len(episode.cameras))
    seen = 0

    def one() -> None:
        nonlocal seen
        seen += 1
        advance(min(UNITS, seen * UNITS // frames))

    try:
        with Source(episode.path, task.settings, one) as source:
            return task.format.write_episode(source, task.index, task.folder)
    except WamError as error:
        raise WamError(_named(episode.path, error)) from error
    except OSError as error:
        raise WamError(f'{task.folder}: cannot be written: {_reason(error)}') from error


def _plan(
    made: Format,
    paths: Sequence[Path],
    settings: ExportSettings,
    choice: Choice,
    progress: Progress,
) -> Plan:
    reads = [(path, settings, choice.skip_bad) for path in paths]
    found: dict[int, EpisodeSummary | str] = {}

    def tell(units: int) -> None:
        progress('read', units, len(paths) * UNITS)

    with closing(work(_read, reads, choice.jobs, tell)) as results:
        found |= dict(results)
    faults = [result for _, result in sorted(found.items()) if isinstance(result, str)]
    if faults and not choice.skip_bad:
        raise WamError('\n'.join([*faults, '--skip-bad leaves out what cannot be exported']))
    left_out = [
        (f'{paths[number].absolute().parent.name}/{paths[number].name}', result)
        for number, result in sorted(found.items())
        if isinstance(result, str)
    ]
    good = [result for _, result in sorted(found.items()) if not isinstance(result, str)]
    return make_plan(made, settings, good, choice.allow_mixed, left_out)


def _read(task: tuple[Path, ExportSettings, bool], advance: Advance) -> EpisodeSummary | str:
    """The fault as text: every one of them is to be told, not only the first."""
    path, settings, decode = task
    try:
        return summarise(path, settings, decode=decode)
    except WamError as error:
        return _named(path, error)


def _named(path: Path, error: WamError) -> str:
    """The fault, with its episode: what reads one message doesn't know of which."""
    text = str(error)
    return text if str(path) in text else f'{path}: {text}'


def _finish(workplace: Workplace, plan: Plan, given: Sequence[Mapping[str, Any]]) -> None:
    folder = workplace.folder
    try:
        plan.format.finish(folder, given)
        text = json.dumps(plan.report(), indent=1)
        (folder / REPORT).write_text(f'{text}\n', encoding='utf-8')
        for directory, _, names in os.walk(folder):
            for name in names:
                sync_file(Path(directory) / name)
        refuse_existing(workplace.out)
        shutil.rmtree(folder / STATE)
        folder.rename(workplace.out)
        sync_directory(workplace.out.absolute().parent)
    except OSError as error:
        raise WamError(f'{folder}: cannot be finished: {_reason(error)}') from error


def _reason(error: OSError) -> str:
    """In a few words: HDF5's own are half a page."""
    return os.strerror(error.errno) if error.errno else str(error)
