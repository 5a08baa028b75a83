"""What the rollout bench measures on an episode, from what was commanded and measured at 25 Hz."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wam_core.joints import ARMS
from wam_core.policy import Matrix
from wam_sim.expert.plan import Plan
from wam_sim.lockstep import Trace

PERIOD_NS: Final = 40_000_000
STILL_RAD: Final = 1e-4  # per period: 2.5 mrad/s, less than one step of the motors' encoders
SPLICE_S: Final = 1.0  # after another chunk took over; more than a fade takes
MOVING_RAD: Final = 1e-3  # per period: leaves out the plan's own slow first and last moments
_DT_S: Final = PERIOD_NS / 1e9

Flags = NDArray[np.bool_]
Starts = Mapping[int, tuple[Plan, float]]


@dataclass(frozen=True)
class Figures:
    """Of one trial. Arm joints only, and commands as sent to the arms, 25 per second.

    still_ticks of due_ticks: see ``standing``. max_step: rad, largest change from one command to
    the next; max_splice_step: the same within ``SPLICE_S`` after a chunk took over. velocity,
    acceleration, jerk: largest finite differences of the commands, rad/s, rad/s2, rad/s3.
    tracking_ms: mean square of (command - position one period later), rad2. finish_s: from the
    first request to the task's success; None without. chunk_step: rad, largest change from row
    to row inside any chunk that the policy gave.
    """

    still_ticks: int
    due_ticks: int
    max_step: float
    max_splice_step: float
    velocity: float
    acceleration: float
    jerk: float
    tracking_ms: float
    finish_s: float | None
    chunk_step: float


def figures(trace: Trace, starts: Starts, finish_s: float | None, chunk_step: float) -> Figures:
    """Of one trial.

    starts: chunk -> the expert's plan and how far into it, s, the chunk's row 0 is. The commands
    are taken to begin at rest, where the arms were measured first.
    """
    commands = np.vstack([trace.measured[:1].repeat(3, axis=0), trace.limited])[:, ARMS]
    steps = np.abs(np.diff(commands, axis=0)).max(axis=1)[2:]  # (T,) that led to each tick
    due, still = standing(trace, starts, steps)
    spliced = after_splices(trace.request_id, round(SPLICE_S / _DT_S))
    tracking = (trace.limited[:-1] - trace.measured[1:])[:, ARMS]
    return Figures(
        still_ticks=int(still.sum()),
        due_ticks=int(due.sum()),
        max_step=float(steps.max()),
        max_splice_step=float(steps[spliced].max(initial=0.0)),
        velocity=_peak(commands, 1),
        acceleration=_peak(commands, 2),
        jerk=_peak(commands, 3),
        tracking_ms=float(np.mean(tracking**2)),
        finish_s=finish_s,
        chunk_step=chunk_step,
    )


def standing(trace: Trace, starts: Starts, steps: NDArray[np.float64]) -> tuple[Flags, Flags]:
    """(T,) ticks that count, and of these the ones on which the arms stood still for no reason.

    The expert pauses by itself, so that standing still is not wrong in itself, and waiting for a
    chunk is not right because the arms are slow just then. Each tick is therefore compared with
    what the plan does there in real time: while a chunk is followed, the place in the plan is
    that of its row; without one, the place goes on from the last row at the pace of the clock.
    A tick counts as still when the plan moves by more than ``MOVING_RAD`` there and the command
    by less than ``STILL_RAD``. Counted are the ticks from the first motion to the last one at
    which the plan moves.
    """
    moves = _plan_moves(trace, starts)
    moved = np.flatnonzero(steps > STILL_RAD)
    last = np.flatnonzero(moves)
    due = np.zeros(len(steps), dtype=np.bool_)
    if len(moved) and len(last):
        due[moved[0] : last[-1] + 1] = True
    return due, due & moves & (steps < STILL_RAD)


def after_splices(request_id: NDArray[np.int64], ticks: int) -> Flags:
    """(T,) whether a tick is one of the first ``ticks`` that follow another chunk than before."""
    spliced = np.zeros(len(request_id), dtype=np.bool_)
    followed = 0
    for tick, chunk in enumerate(request_id.tolist()):
        if chunk and chunk != followed:
            spliced[tick : tick + max(ticks, 1)] = True
            followed = chunk
    return spliced


def largest_step(rows: Matrix) -> float:
    """Largest change of an arm joint from one of the (H, 14) rows to the next, rad."""
    return float(np.abs(np.diff(rows[:, ARMS], axis=0)).max(initial=0.0))


def row(trials: Sequence[Figures]) -> dict[str, object]:
    """A row of the bench: extremes and means over trials of one setting."""
    finished = [trial.finish_s for trial in trials if trial.finish_s is not None]
    due = sum(trial.due_ticks for trial in trials)
    return {
        'still_share': sum(trial.still_ticks for trial in trials) / max(due, 1),
        'max_command_step_rad': max(trial.max_step for trial in trials),
        'max_splice_step_rad': max(trial.max_splice_step for trial in trials),
        'chunk_max_step_rad': max(trial.chunk_step for trial in trials),
        'peak_velocity': max(trial.velocity for trial in trials),
        'peak_acceleration': max(trial.acceleration for trial in trials),
        'peak_jerk': max(trial.jerk for trial in trials),
        'tracking_rms_rad': float(np.sqrt(np.mean([trial.tracking_ms for trial in trials]))),
        'finish_s': float(np.mean(finished)) if finished else None,
        'successes': len(finished),
        'trials': len(trials),
    }


def _plan_moves(trace: Trace, starts: Starts) -> Flags:
    """(T,) whether the plan moves at each tick; see ``standing``."""
    moves = np.zeros(len(trace.row), dtype=np.bool_)
    plan, place_s = None, 0.0
    for tick, (chunk, at_row) in enumerate(
        zip(trace.request_id.tolist(), trace.row.tolist(), strict=True)
    ):
        if at_row >= 0.0 and chunk in starts:
            plan, start_s = starts[chunk]
            place_s = start_s + at_row * _DT_S
        else:
            place_s += _DT_S
        if plan is not None:
            moves[tick] = largest_step(plan.rows(place_s - _DT_S, 2)) > MOVING_RAD
    return moves


def _peak(commands: Matrix, order: int) -> float:
    return float(np.abs(np.diff(commands, n=order, axis=0)).max() / _DT_S**order)
