"""Numbers of other rigs to the 14-vector: as they are, or as a layout file says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from wam_core.errors import WamError
from wam_core.joints import ARM_JOINTS, DIM, JOINT_NAMES
from wam_core.mapping import Section
from wam_core.policy import Matrix

PARTS: Final = ('state', 'action', 'velocity', 'effort')
_REQUIRED: Final = ('state', 'action')
_SIDE: Final = ', '.join((*ARM_JOINTS, 'gripper'))


@dataclass(frozen=True)
class Feature:
    """An array of a source: (T, N) numbers, and the names of the N where it has them."""

    rows: Matrix
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Which feature a part comes from, and which of its columns make our 14: entry = column *
    scale + offset. feature: empty: the format's usual one. columns: numbers from 0, names, or None
    for an entry that the source hasn't, which is its offset then.
    """

    feature: str = ''
    columns: tuple[int | str | None, ...] = ()
    scale: tuple[float, ...] = (1.0,) * DIM
    offset: tuple[float, ...] = (0.0,) * DIM


@dataclass(frozen=True)
class Layout:
    """parts: of PARTS. cameras: our name -> the source's; empty: all of them, by their names."""

    parts: dict[str, Columns] = field(default_factory=dict)
    cameras: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Vectors:
    """(T, 14) each. filled: names of joints of which the source has no state or no action."""

    state: Matrix
    action: Matrix
    velocity: Matrix | None
    effort: Matrix | None
    filled: tuple[str, ...]


def parse_layout(contents: object, source: str) -> Layout:
    """Of a layout file. Raises WamError with ``source`` and the key."""
    section = Section(contents, source)
    parts = {}
    for part in PARTS:
        if part in section:
            parts[part] = _columns(section.section(part))
    cameras = {}
    if 'cameras' in section:
        entries = section.section('cameras')
        cameras = {name: entries.text(name) for name in entries.names()}
    section.close()
    return Layout(parts, cameras)


def _columns(section: Section) -> Columns:
    columns = tuple(section.sequence('columns')) if 'columns' in section else ()
    for column in columns:
        if isinstance(column, bool) or not isinstance(column, int | str | None):
            raise WamError(f'{section.source}: columns: {column!r}, expected number, name or null')
    if columns and len(columns) != DIM:
        raise WamError(f'{section.source}: columns has {len(columns)} entries, expected {DIM}')
    found = Columns(
        section.text('feature') if 'feature' in section else '',
        columns,
        section.numbers('scale', DIM) if 'scale' in section else Columns.scale,
        section.numbers('offset', DIM) if 'offset' in section else Columns.offset,
    )
    section.close()
    return found


def read_vectors(
    layout: Layout, usual: dict[str, str], find: Callable[[str], Feature | None], source: str
) -> Vectors:
    """The parts of an episode. usual: part -> its feature in this format. find: by its name.

    Raises WamError for a part that is missing, isn't 14 numbers wide, has rows that aren't finite
    or another number of rows than the state.
    """
    found: dict[str, Matrix | None] = {}
    for part in PARTS:
        columns = layout.parts.get(part, Columns())
        name = columns.feature or usual[part]
        feature = find(name)
        if feature is None:
            if part in _REQUIRED or columns.feature:
                raise WamError(f'{source}: has no {name!r}; a layout file names the {part}')
            found[part] = None
            continue
        rows = _fourteen(feature, columns, f'{source}: {name}')
        # Our own exports have NaN where nobody measured.
        found[part] = None if part not in _REQUIRED and np.isnan(rows).all() else rows
    state, action = found['state'], found['action']
    assert state is not None
    assert action is not None
    _check(found, source)
    return Vectors(state, action, found['velocity'], found['effort'], _filled(layout))


def _fourteen(feature: Feature, columns: Columns, source: str) -> Matrix:
    rows = feature.rows
    if rows.ndim != 2:
        raise WamError(f'{source} has the shape {rows.shape}, expected rows of numbers')
    width = rows.shape[1]
    if not columns.columns and width != DIM:
        names = f' ({", ".join(feature.names)})' if feature.names else ''
        raise WamError(
            f'{source} has {width} numbers{names}, an episode has {DIM}: of each side {_SIDE}; a '
            'layout file (--layout) says which of them are these'
        )
    chosen = columns.columns or tuple(range(DIM))
    picked: Matrix = np.zeros((len(rows), DIM))
    for entry, column in enumerate(chosen):
        if column is not None:
            picked[:, entry] = rows[:, _index(column, feature.names, width, source)]
    scaled: Matrix = picked * np.array(columns.scale) + np.array(columns.offset)
    return scaled


def _filled(layout: Layout) -> tuple[str, ...]:
    columns = [layout.parts.get(part, Columns()).columns for part in _REQUIRED]
    return tuple(
        name
        for entry, name in enumerate(JOINT_NAMES)
        if any(part and part[entry] is None for part in columns)
    )


def _index(column: int | str, names: Sequence[str], width: int, source: str) -> int:
    if isinstance(column, str):
        if names.count(column) != 1:
            raise WamError(f'{source} has no one column {column!r}, its columns are {list(names)}')
        return names.index(column)
    if not 0 <= column < width:
        raise WamError(f'{source}: column {column}, allowed 0 to {width - 1}')
    return column


def _check(parts: dict[str, Matrix | None], source: str) -> None:
    state = parts['state']
    assert state is not None
    if not len(state):
        raise WamError(f'{source}: has no frame')
    for part, rows in parts.items():
        if rows is None:
            continue
        if len(rows) != len(state):
            raise WamError(f'{source}: {len(rows)} rows of {part}, but {len(state)} of state')
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if part in _REQUIRED and bad.size:
            raise WamError(f'{source}: {part} of frame {bad[0]} is not finite: {rows[bad[0]]}')
