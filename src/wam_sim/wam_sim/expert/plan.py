"""A plan: what both arms do over a whole episode, as joint rows, and what must hold meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mink
import numpy as np

from wam_core.errors import WamError
from wam_core.joints import GRIPPERS, SIDES, Vector
from wam_core.policy import Matrix
from wam_sim.expert.inverse_kinematics import Kinematics, between

MAX_JOINT_SPEED = 1.4  # rad/s, of every arm joint: below half of the motors' pi rad/s
MAX_GRIPPER_SPEED = 2.0  # 1/s: half of the rig's limit of 4/s
_PEAK = 1.875  # peak over mean speed of a minimum-jerk move


@dataclass(frozen=True)
class Move:
    """Both arms for a while: a side that is not named stays as it was.

    seconds: at least; longer when a joint would be too fast. targets: side -> grasp pose.
    openings: side -> gripper 0..1. straight: the grasp points go along straight lines.
    exact: the targets must be reached; otherwise, for straight moves, as far as the arm goes.
    stage: the task's stage, counted from 1, that is reached at the end; 0: none yet.
    """

    name: str
    seconds: float
    targets: Mapping[str, mink.SE3] = field(default_factory=dict)
    openings: Mapping[str, float] = field(default_factory=dict)
    straight: bool = False
    exact: bool = True
    stage: int = 0


@dataclass(frozen=True)
class Check:
    """From the end of a move to the end of another, an object must be where the plan has it.

    side: the gripper that holds it, '' for one that lies at ``place`` (2,) x y, m, world frame.
    after, until: names of moves; '' for the plan's start or its end and beyond.
    """

    thing: str
    tolerance_m: float
    side: str = ''
    place: tuple[float, float] = (0.0, 0.0)
    after: str = ''
    until: str = ''


@dataclass(frozen=True)
class Plan:
    """positions: (T, 14) joint rows, dt_s apart. stages: (T,) expected stage of each row.

    ends: name of a move -> its last row.
    """

    positions: Matrix
    stages: Vector
    ends: Mapping[str, int]
    checks: tuple[Check, ...]
    dt_s: float

    def rows(self, start_s: float, count: int) -> Matrix:
        """(count, 14) rows from ``start_s`` on, interpolated; beyond an end that end's row."""
        return self.at(start_s + self.dt_s * np.arange(count, dtype=np.float64))

    def at(self, times_s: Vector) -> Matrix:
        """(N, 14) rows at these times, (N,), likewise."""
        times = np.clip(times_s / self.dt_s, 0, len(self.positions) - 1)
        floor = np.floor(times).astype(int)
        ceiling = np.minimum(floor + 1, len(self.positions) - 1)
        part = (times - floor)[:, None]
        rows: Matrix = (1.0 - part) * self.positions[floor] + part * self.positions[ceiling]
        return rows

    def stage(self, time_s: float) -> int:
        """The stage that the plan expects to have reached at a time."""
        row = int(min(time_s / self.dt_s, len(self.stages) - 1))
        return int(self.stages[row])

    def active_checks(self, time_s: float) -> list[Check]:
        """The checks that must hold at a time."""
        row = time_s / self.dt_s
        return [
            check
            for check in self.checks
            if (not check.after or row >= self.ends[check.after])
            and (not check.until or row <= self.ends[check.until])
        ]


def build(
    kinematics: Kinematics,
    start: Vector,
    moves: Sequence[Move],
    checks: Sequence[Check],
    dt_s: float,
) -> Plan:
    """The rows of ``moves`` from joints ``start`` (14,). Raises WamError for one out of reach."""
    rows, stages, ends = [start], [0], {}
    for move in moves:
        try:
            piece = _rows(kinematics, rows[-1], move, dt_s)
        except WamError as error:
            raise WamError(f'move {move.name!r}: {error}') from error
        rows.extend(piece)
        stages.extend([stages[-1]] * (len(piece) - 1) + [max(stages[-1], move.stage)])
        ends[move.name] = len(rows) - 1
    return Plan(np.stack(rows), np.array(stages, float), ends, tuple(checks), dt_s)


def _rows(kinematics: Kinematics, start: Vector, move: Move, dt_s: float) -> Matrix:
    """(N, 14) rows after ``start``: slowed down until no joint is too fast."""
    end = start.copy()
    for side, opening in move.openings.items():
        end[GRIPPERS[SIDES.index(side)]] = opening
    if move.targets and not move.straight:
        end = kinematics.reach(end, move.targets)
    seconds = max(move.seconds, _PEAK * float((np.abs(end - start) / _limits()).max()))
    rows = _sample(kinematics, start, end, move, round(seconds / dt_s))
    speed = np.abs(np.diff(rows, axis=0, prepend=start[None])) / dt_s
    excess = float((speed / _limits()).max())
    if excess > 1.0:
        rows = _sample(kinematics, start, end, move, int(np.ceil(excess * len(rows))))
    return rows


def _sample(kinematics: Kinematics, start: Vector, end: Vector, move: Move, count: int) -> Matrix:
    fractions = _minimum_jerk(np.arange(1, count + 1) / count)
    rows = start + fractions[:, None] * (end - start)
    if move.targets and move.straight:
        poses = kinematics.forward(start)
        path = [
            {side: between(poses[side], pose, float(f)) for side, pose in move.targets.items()}
            for f in fractions
        ]
        solved = np.stack(kinematics.follow(start, path, exact=move.exact))
        solved[:, GRIPPERS] = rows[:, GRIPPERS]
        return solved
    return rows


def _minimum_jerk(times: Vector) -> Vector:
    """Position 0..1 at times 0..1 of a move with least jerk, at rest at both ends (Flash 1985)."""
    return 10.0 * times**3 - 15.0 * times**4 + 6.0 * times**5


def _limits() -> Vector:
    limits = np.full(14, MAX_JOINT_SPEED)
    limits[list(GRIPPERS)] = MAX_GRIPPER_SPEED
    return limits
