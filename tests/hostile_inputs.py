"""What may come in at an executor: honest, wild, and plainly wrong."""

import math
import random

import numpy as np
from executor_rig import DT

from wam_core.chunk import ChunkFields
from wam_core.joints import Vector
from wam_core.prefix import resample
from wam_core.requests import ChunkRequest
from wam_core.watchdog import MotorReading, Watchdogs

ROBOTS = ('follower_left', 'follower_right')
NONSENSE = [-math.inf, math.nan, math.inf, 1e308, -1e9, 1e-320, 0.0]


def honest_fields(
    choose: random.Random,
    numbers: np.random.Generator,
    request: ChunkRequest,
    now_ns: int,
    arms: Vector,
) -> ChunkFields:
    """A smooth motion from where the arms are, from a recent observation."""
    t_obs_ns = max(now_ns - choose.choice([0, 2 * DT, 10 * DT]), request.not_before_ns)
    count = choose.choice([1, 2, 20, 50])
    times = 0.04 * np.arange(count)[:, None]
    rows = arms + numbers.uniform(-0.4, 0.4, 14) * np.sin(numbers.uniform(0.2, 3.0, 14) * times)
    same = 0
    if len(request.prefix) and choose.random() < 0.7:
        prefix = resample(request.prefix, request.prefix_start_ns, DT, t_obs_ns, count)
        same = len(prefix)
        rows[:same] = prefix
    return _fields(request, rows, t_obs_ns, choose.choice([DT, DT, DT, 2 * DT, DT // 4]), same)


def wild_fields(
    choose: random.Random, numbers: np.random.Generator, request: ChunkRequest, now_ns: int
) -> ChunkFields:
    """Well-formed rows that no arm could follow, as old or as new as anything."""
    count = choose.choice([1, 2, 20, 50])
    rows = numbers.normal(0.0, choose.choice([0.1, 1.0, 200.0]), (count, 14))
    ages_ns = [0, 0, -(10**8), -2 * 10**8, 3 * DT, 30 * DT, 11 * 10**9]
    same = choose.choice([0, 0, 1, count])
    return _fields(request, rows, now_ns - choose.choice(ages_ns), choose.choice([DT, 1]), same)


def bad_fields(
    choose: random.Random, request: ChunkRequest | None, generation: int, now_ns: int
) -> ChunkFields:
    """Wrong in one way or in all."""
    if request is not None and choose.random() < 0.3:
        rows = np.array(choose.choices(NONSENSE, k=14))[None, :]
        return _fields(request, rows, now_ns, DT, 0)
    known = 0 if request is None else request.request_id
    count = choose.choice([0, 13, 14, 28, 700])
    return ChunkFields(
        request_id=choose.choice([known, known, 0, 1, choose.randrange(50), 2**64 - 1]),
        generation=choose.choice([0, 1, generation, generation]),
        task=choose.choice(['', 'fold', 'fold', 'other']),
        t_obs_ns=choose.choice([0, now_ns, now_ns, -(2**62), 2**62]),
        dt_ns=choose.choice([0, -1, DT, DT, 2**62]),
        horizon=choose.choice([0, 1, -1, 2, 50, 2**31]),
        action_dim=choose.choice([0, 7, 14, 14, 2**31]),
        actions=choose.choices(NONSENSE, k=count),
        prefix_rows=choose.choice([0, 0, -1, 99]),
        error=choose.choice(['', '', '', 'broken']),
    )


def bad_position(choose: random.Random) -> Vector:
    """(14,) or not, of numbers or not."""
    position = np.array([choose.uniform(-4.0, 4.0) for _ in range(choose.choice([14, 14, 13, 0]))])
    if len(position) and choose.random() < 0.8:
        position[choose.randrange(len(position))] = choose.choice(NONSENSE)
    return position


def fault(choose: random.Random, watchdogs: Watchdogs, now_ns: int) -> None:
    """A stream that stalls, or a motor that fails, until ``no_faults``."""
    kind = choose.choice(['arm', 'camera', 'error', 'heat', 'voltage'])
    if kind in ('arm', 'camera'):
        watchdogs.heard(kind, {'left': now_ns - 10**9, 'right': 0})
        return
    watchdogs.motors(
        MotorReading(
            choose.choice(ROBOTS),
            ['waist', 'elbow'],
            [0, 0x20 if kind == 'error' else 0],
            [40.0, 90.0 if kind == 'heat' else math.nan],
            [12.0, 5.0 if kind == 'voltage' else 12.0],
        ),
        now_ns,
    )


def no_faults(watchdogs: Watchdogs, now_ns: int) -> None:
    """Everything is heard, and well."""
    for kind in ('arm', 'camera'):
        watchdogs.heard(kind, {'left': now_ns + 10**10, 'right': now_ns + 10**10})
    for robot in ROBOTS:
        watchdogs.motors(MotorReading(robot, ['elbow'], [0], [40.0], [12.0]), now_ns)
    watchdogs.heartbeat(now_ns)


def _fields(
    request: ChunkRequest, rows: Vector, t_obs_ns: int, dt_ns: int, same: int
) -> ChunkFields:
    return ChunkFields(
        request_id=request.request_id,
        generation=request.generation,
        task=request.task,
        t_obs_ns=t_obs_ns,
        dt_ns=dt_ns,
        horizon=len(rows),
        action_dim=14,
        actions=rows.ravel(),
        prefix_rows=same,
    )
