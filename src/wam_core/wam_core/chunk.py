"""A chunk of actions: what a policy sent, checked before anything moves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wam_core.joints import DIM, JOINT_NAMES
from wam_core.spline import Spline

Matrix = NDArray[np.float64]

MAX_ROWS: Final = 1000  # bounds the memory and time of a merge; policies use 16 to 100
MIN_DT_NS: Final = 1_000_000
MAX_DT_NS: Final = 1_000_000_000
# Far outside every joint, and small enough that no arithmetic on it can overflow. What lies
# between a joint's limit and this is clamped per joint, not refused.
MAX_MAGNITUDE: Final = 1000.0


class RefusalReason(str, Enum):
    """Why a chunk was not taken; the value is the name that ExecutorState reports."""

    MALFORMED = 'malformed'
    NOT_FINITE = 'not_finite'
    WRONG_DIMENSION = 'wrong_dimension'
    EMPTY = 'empty'
    OUT_OF_RANGE = 'out_of_range'
    PAST = 'past'
    STALE = 'stale'
    FUTURE = 'future'
    WRONG_TASK = 'wrong_task'
    WRONG_GENERATION = 'wrong_generation'
    UNSOLICITED = 'unsolicited'
    DUPLICATE = 'duplicate'
    POLICY_ERROR = 'policy_error'
    NOT_RUNNING = 'not_running'
    INACTIVE_SOURCE = 'inactive_source'


@dataclass(frozen=True)
class Refusal:
    """text: names the value and what is allowed."""

    reason: RefusalReason
    text: str


@dataclass(frozen=True)
class ChunkFields:
    """An ActionChunk as it came, unchecked.

    actions: flat, (horizon * action_dim) row-major. dt_ns: between rows. prefix_rows: leading
    rows that stand for the request's prefix. error: why there are no rows; empty: there are.
    """

    request_id: int
    generation: int
    task: str
    t_obs_ns: int
    dt_ns: int
    horizon: int
    action_dim: int
    actions: Sequence[float] | Matrix
    prefix_rows: int = 0
    error: str = ''


@dataclass(frozen=True)
class Chunk:
    """Checked rows; row k is due at ``t_obs_ns + k * dt_ns``.

    actions: (H, 14) read-only, H >= 1, finite; arm joints rad, grippers 0 closed .. 1 open.
    curve: through these rows.
    """

    request_id: int
    generation: int
    task: str
    t_obs_ns: int
    dt_ns: int
    actions: Matrix
    prefix_rows: int
    curve: Spline

    @property
    def last_ns(self) -> int:
        """From row 0's due time to the last row's."""
        return (len(self.actions) - 1) * self.dt_ns


def check(fields: ChunkFields) -> Chunk | Refusal:
    """The chunk in ``fields``, or why its contents can't be followed.

    Looks at the contents alone: whose answer it is and how old, only the executor knows.
    """
    refusal = _shape(fields)
    if refusal is not None:
        return refusal
    actions = np.array(fields.actions, dtype=np.float64).reshape(fields.horizon, DIM)
    refusal = _values(actions)
    if refusal is not None:
        return refusal
    actions.setflags(write=False)
    return Chunk(
        fields.request_id,
        fields.generation,
        fields.task,
        fields.t_obs_ns,
        fields.dt_ns,
        actions,
        fields.prefix_rows,
        Spline(actions, fields.dt_ns / 1e9),
    )


def _shape(fields: ChunkFields) -> Refusal | None:
    reason = RefusalReason
    count = len(fields.actions)
    if fields.error:
        return Refusal(reason.POLICY_ERROR, f'the policy failed: {fields.error}')
    if fields.horizon == 0:
        return Refusal(reason.EMPTY, f'horizon = 0, allowed 1 to {MAX_ROWS}')
    if fields.action_dim != DIM:
        return Refusal(reason.WRONG_DIMENSION, f'action_dim = {fields.action_dim}, allowed {DIM}')
    if not 0 < fields.horizon <= MAX_ROWS:
        return Refusal(reason.MALFORMED, f'horizon = {fields.horizon}, allowed 1 to {MAX_ROWS}')
    if count != fields.horizon * DIM or np.ndim(fields.actions) != 1:
        return Refusal(
            reason.MALFORMED,
            f'actions has shape {np.shape(fields.actions)}, '
            f'expected {fields.horizon} x {DIM} = {fields.horizon * DIM} numbers, flat',
        )
    if not MIN_DT_NS <= fields.dt_ns <= MAX_DT_NS:
        return Refusal(reason.MALFORMED, f'dt = {fields.dt_ns / 1e9:g} s, allowed 0.001 to 1 s')
    if not 0 <= fields.prefix_rows <= fields.horizon:
        return Refusal(
            reason.MALFORMED,
            f'prefix_rows = {fields.prefix_rows}, allowed 0 to the horizon {fields.horizon}',
        )
    return None


def _values(actions: Matrix) -> Refusal | None:
    # One reduction clears a good chunk: NaN compares false, infinity is above the bound.
    if np.abs(actions).max() <= MAX_MAGNITUDE:
        return None
    row, column = (int(index[0]) for index in np.nonzero(~(np.abs(actions) <= MAX_MAGNITUDE)))
    value = float(actions[row, column])
    where = f'row {row}, {JOINT_NAMES[column]} = {value:g}'
    if not math.isfinite(value):
        return Refusal(RefusalReason.NOT_FINITE, f'{where}, expected a finite number')
    return Refusal(
        RefusalReason.OUT_OF_RANGE, f'{where}, allowed -{MAX_MAGNITUDE:g} to {MAX_MAGNITUDE:g}'
    )
