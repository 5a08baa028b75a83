"""The executor under random events: whatever comes, what goes to the arms is fit to be sent."""

import math
import random
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.chunk import ChunkFields
from wam_core.errors import WamError
from wam_core.executor import MAX_STEP_PERIODS, ChunkRequest, ExecutorConfig, ExecutorCore
from wam_core.joints import Vector
from wam_core.limiter import JointLimiter
from wam_core.status import State

DT = 40_000_000
LOWER = np.tile([-3.14, -1.85, -1.76, -3.14, -1.86, -3.14, 0.0], 2)
UPPER = np.tile([3.14, 1.25, 1.60, 3.14, 2.23, 3.14, 1.0], 2)
VELOCITY = np.tile([3.14, 3.14, 3.14, 3.14, 3.14, 3.14, 4.0], 2)
STEP = VELOCITY * MAX_STEP_PERIODS * DT / 1e9 + 1e-9

# (what happens, how often of 100)
EVENTS = {
    'tick': 55,
    'answer': 20,
    'garbage': 6,
    'measure': 6,
    'refuse': 3,
    'jump': 2,
    'start': 4,
    'hold': 1,
    'stop': 1,
    'reset': 2,
}


@dataclass
class Fuzz:
    """Drives an executor with the events of one seed, and checks every tick."""

    seed: int
    core: ExecutorCore = field(init=False)
    now: int = 5 * 10**9
    request: ChunkRequest | None = None
    last: Vector | None = None
    fresh: bool = True  # the command may begin anywhere: the arms were measured anew
    log: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.numbers = np.random.default_rng(self.seed)
        mode = self.random.choice(['sync', 'async'])
        config = ExecutorConfig(mode=mode, request_timeout_s=1.0, splice_s=0.2)
        self.core = ExecutorCore(config, JointLimiter(LOWER, UPPER, VELOCITY))

    def run(self, events: int) -> None:
        names, weights = list(EVENTS), list(EVENTS.values())
        for name in self.random.choices(names, weights, k=events):
            getattr(self, name)()

    def measure(self) -> None:
        position = self.numbers.uniform(LOWER, UPPER)
        if self.random.random() < 0.2:
            position[self.random.randrange(14)] = self.random.choice([math.nan, math.inf])
        self.core.measured(position, self.now)

    def tick(self) -> None:
        self.now += self.random.choice([DT, DT, DT, DT // 2, 3 * DT, 0])
        if self.last is not None:
            self.core.measured(self.last, self.now)
        before = self.core.status
        tick = self.core.tick(self.now, self.now - self.random.randrange(DT))
        self.request = tick.request or self.request
        if tick.command is None:
            assert tick.applied is None
            assert before.state in (State.IDLE, State.STOPPED) or self.last is None or self.fresh
            self.fresh = True
            return
        assert tick.applied is not None
        assert np.all((tick.command >= LOWER) & (tick.command <= UPPER))
        if self.last is not None and not self.fresh:
            assert np.all(np.abs(tick.command - self.last) <= STEP)
            if before.state is State.STOPPED:
                assert np.array_equal(tick.command, self.last)
        self.fresh = False
        self.last = tick.command
        self.log.append(tick.command.tobytes() + tick.applied.requested.tobytes())

    def answer(self) -> None:
        if self.request is None:
            return
        rows = self.random.choice([1, 5, 50])
        scale = self.random.choice([0.1, 1.0, 900.0])
        self.offer(self.request, self.numbers.normal(0.0, scale, rows * 14), rows)

    def offer(self, request: ChunkRequest, actions: Vector, rows: int) -> None:
        self.core.offer(
            ChunkFields(
                request_id=request.request_id,
                generation=request.generation,
                task=request.task,
                t_obs_ns=self.now - self.random.choice([0, 0, DT, 3 * DT, 30 * DT]),
                dt_ns=self.random.choice([DT, DT, DT // 4, 1]),
                horizon=rows,
                action_dim=14,
                actions=actions,
            ),
            self.now,
        )

    def garbage(self) -> None:
        count = self.random.choice([0, 13, 14, 28, 700])
        values = [-math.inf, math.nan, 1e308, 0.0, -1e9]
        self.core.offer(
            ChunkFields(
                request_id=self.random.choice([0, 1, self.random.randrange(50), 2**64 - 1]),
                generation=self.random.choice([0, 1, self.core.status.generation]),
                task=self.random.choice(['', 'fold', 'other']),
                t_obs_ns=self.random.choice([0, self.now, -(2**62), 2**62]),
                dt_ns=self.random.choice([0, -1, DT, 2**62]),
                horizon=self.random.choice([0, 1, -1, 50, 2**31]),
                action_dim=self.random.choice([0, 7, 14, 2**31]),
                actions=self.random.choices(values, k=count),
                prefix_rows=self.random.choice([0, -1, 99]),
                error=self.random.choice(['', '', 'broken']),
            ),
            self.now,
        )

    def refuse(self) -> None:
        request_id = 0 if self.request is None else self.request.request_id
        self.core.request_refused(request_id, self.now, 'busy')

    def jump(self) -> None:
        self.now += self.random.choice([-(10**9), -1, 10**9, 10**12, -(10**12)])

    def start(self) -> None:
        latched = self.core.status.state is State.STOPPED
        mode = self.random.choice(['', 'sync', 'async', 'rtc', 'x'])
        try:
            generation = self.core.start('policy', mode, 'fold', self.now)
        except WamError:
            assert latched or mode in ('rtc', 'x')
        else:
            assert not latched
            assert generation == self.core.status.generation

    def hold(self) -> None:
        self.core.hold(self.now)

    def stop(self) -> None:
        self.core.stop('fuzz', self.now)
        assert self.core.status.state is State.STOPPED

    def reset(self) -> None:
        self.core.reset(self.now)
        assert self.core.status.state is not State.STOPPED


def settle(fuzz: Fuzz, ticks: int) -> None:
    """Nothing comes any more but ticks on time."""
    for _ in range(ticks):
        fuzz.now += DT
        fuzz.core.measured(np.zeros(14) if fuzz.last is None else fuzz.last, fuzz.now)
        tick = fuzz.core.tick(fuzz.now, fuzz.now)
        fuzz.last = fuzz.last if tick.command is None else tick.command


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_every_command_is_finite_inside_the_limits_and_slow_enough(seed: int) -> None:
    fuzz = Fuzz(seed)
    fuzz.run(500)
    status = fuzz.core.status
    assert status.chunks_refused == sum(status.refusals.values())
    assert status.tick_lateness_max_ms >= status.tick_lateness_ms


@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_the_same_events_give_the_same_bytes(seed: int) -> None:
    first, second = Fuzz(seed), Fuzz(seed)
    first.run(400)
    second.run(400)
    assert first.log == second.log
    assert first.core.status == second.core.status


@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_starvation_ends_in_rest(seed: int) -> None:
    fuzz = Fuzz(seed)
    fuzz.run(300)
    settle(fuzz, 120)  # longer than any chunk of the fuzz, and than a way through all limits
    rest = fuzz.last
    settle(fuzz, 5)
    assert fuzz.core.status.state is not State.RUNNING
    if rest is not None:
        assert fuzz.last is not None
        assert np.array_equal(rest, fuzz.last)


def test_the_fuzz_reaches_what_it_is_for() -> None:
    reached: set[str] = set()
    merged = 0
    for seed in range(12):
        fuzz = Fuzz(seed)
        for _ in range(60):
            fuzz.run(10)
            reached |= set(fuzz.core.status.refusals)
            reached.add(fuzz.core.status.state.name)
            merged += fuzz.core.status.chunks_merged
    assert merged > 100
    assert {'IDLE', 'RUNNING', 'HOLDING', 'STOPPED'} <= reached
    assert {'stale', 'past', 'duplicate', 'unsolicited', 'wrong_generation'} <= reached
