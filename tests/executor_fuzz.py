"""An executor under a seeded sequence of events, good and bad; every tick is checked."""

import hashlib
import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from command_checks import CommandChecks
from executor_rig import DT, LIMITS, REST, RIG
from hostile_inputs import (
    bad_fields,
    bad_position,
    fault,
    honest_fields,
    no_faults,
    wild_fields,
)

from wam_core.chunk import ChunkFields
from wam_core.errors import WamError
from wam_core.executor import ExecutorCore
from wam_core.executor_config import ExecutorConfig
from wam_core.joints import Vector
from wam_core.requests import ChunkRequest
from wam_core.status import ExecutorStatus, State
from wam_core.watchdog import Watch, WatchdogConfig

# (what happens, how often of 1000)
EVENTS = {
    'tick': 600,
    'answer': 130,
    'wild_answer': 20,
    'bad_answer': 18,
    'repeat_answer': 10,
    'old_answer': 10,
    'target': 80,
    'bad_target': 15,
    'measure': 8,
    'move_arms': 4,
    'refuse': 4,
    'jump': 3,
    'start': 20,
    'handover': 12,
    'hold': 2,
    'stop': 2,
    'reset': 32,
    'home': 3,
    'trouble': 3,
    'relief': 30,
}


class Fuzz:
    """Drives an executor with the events of one seed. digest: of all that it put out."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.period_ns = self.random.choice([DT, DT, DT, DT // 2, DT // 4])
        heartbeat = Watch(20.0, 'stop' if seed % 4 == 0 else 'ignore')
        config = ExecutorConfig(
            period_ns=self.period_ns,
            mode=self.random.choice(['sync', 'async', 'rtc']),
            request_timeout_s=1.0,
            splice_s=self.random.choice([0.0, 0.2, 1.0]),
            watchdogs=WatchdogConfig(heartbeat_s=heartbeat),
        )
        self.core = ExecutorCore(config, RIG)
        self.checks = CommandChecks(self.period_ns, config.resync_rad)
        self.now = 5 * 10**9
        self.arms = REST.copy()
        self.measured = REST.copy()
        self.homing = False  # since commands are being sent
        self.request: ChunkRequest | None = None
        self.requests: list[ChunkRequest] = []
        self.fields: ChunkFields | None = None
        self.digest = hashlib.sha256()
        self.reached: Counter[str] = Counter()
        self.merged = 0
        self.log: list[str] = []
        self.relief()

    def run(self, events: int) -> None:
        names, weights = list(EVENTS), list(EVENTS.values())
        self.play(self.random.choices(names, weights, k=events))

    def play(self, events: Sequence[str]) -> None:
        """If one goes wrong, the log says after what."""
        finished = False
        try:
            for name in events:
                self.log.append(name)
                getattr(self, name)()
            finished = True
        finally:
            if not finished:
                tail = ' '.join(self.log[-80:])
                logging.error('seed %d, event %d, after: %s', self.seed, len(self.log), tail)

    def tick(self) -> None:
        period_ns = self.period_ns
        self.now += self.random.choice([period_ns] * 12 + [period_ns // 2, 3 * period_ns, 0])
        late_ns = self.random.choice([0, 0, 0, self.random.randrange(period_ns)])
        if self.random.random() < 0.9:
            self.measure_arms()
        self.tick_at(self.now, self.now - late_ns)

    def tick_at(self, now_ns: int, due_ns: int) -> None:
        stopped = self.core.status.state is State.STOPPED
        tick = self.core.tick(now_ns, due_ns)
        status = self.core.status
        self._note(status)
        self.homing = status.source == 'homing' or (self.homing and self.checks.sending)
        if tick.request is not None:
            self.request = tick.request
            self.requests.append(tick.request)
            self.digest.update(tick.request.prefix.tobytes())
            self.reached['prefix'] += len(tick.request.prefix) > 0
        if tick.command is None:
            assert tick.applied is None
            assert status.at_rest
            assert status.state is not State.RUNNING
            self.checks.nothing_sent()
            return
        assert tick.applied is not None
        assert (tick.applied.source == 'hold') is (status.state is not State.RUNNING) or (
            status.state in (State.IDLE, State.HOLDING) and tick.applied.source == 'homing'
        )
        self.checks.sent(tick.command, self.measured, self.homing, braking_only=stopped)
        self.arms = tick.command
        self.digest.update(tick.command.tobytes() + tick.applied.requested.tobytes())

    def _note(self, status: ExecutorStatus) -> None:
        """What the sequence has led to."""
        for what in (status.state.name, status.source):
            self.reached[what] += 1
        self.reached['moving'] += not status.at_rest
        self.reached['merge'] += status.chunks_merged > self.merged
        self.reached['clock jump'] += status.clock_jumps
        self.reached['fault'] += len(status.faults)
        self.merged = status.chunks_merged

    def measure_arms(self) -> None:
        position = self.arms + self.numbers.normal(0.0, 0.003, 14)
        assert self.core.measured(position, self.now)
        self.measured = position

    def measure(self) -> None:
        """Something that no arm could have said, or that only a broken one says."""
        position = bad_position(self.random)
        if self.core.measured(position, self.now):
            self.measured = np.array(position)

    def move_arms(self) -> None:
        """Somebody else does, while nothing is sent."""
        if not self.checks.sending:
            self.arms = self.numbers.uniform(LIMITS.lower - 0.3, LIMITS.upper + 0.3)

    def answer(self) -> None:
        if self.request is not None:
            self.offer(honest_fields(self.random, self.numbers, self.request, self.now, self.arms))

    def wild_answer(self) -> None:
        if self.request is not None:
            self.offer(wild_fields(self.random, self.numbers, self.request, self.now))

    def bad_answer(self) -> None:
        generation = self.core.status.generation
        self.offer(bad_fields(self.random, self.request, generation, self.now))

    def repeat_answer(self) -> None:
        if self.fields is not None:
            self.offer(self.fields)

    def old_answer(self) -> None:
        """To a request of before, as if the network had kept it."""
        if self.requests and self.fields is not None:
            request = self.random.choice(self.requests)
            self.offer(replace(self.fields, request_id=request.request_id))

    def offer(self, fields: ChunkFields) -> None:
        self.fields = fields
        before = self.core.status.chunks_refused
        refusal = self.core.offer(fields, self.now)
        status = self.core.status
        assert status.chunks_refused == before + (refusal is not None)
        if refusal is not None:
            self.reached[refusal.reason.value] += 1

    def target(self) -> None:
        source = self.core.status.source or 'teleop'
        size = self.random.choice([0.0, 0.01, 0.03, 2.0])
        position = self.arms + self.numbers.normal(0.0, size, 14)
        age_ns = self.random.choice([0, 0, 0, 10**7, 10**9, -(10**7)])
        self.aim(source, position, self.now - age_ns)

    def bad_target(self) -> None:
        source = self.random.choice(['teleop', 'replay', 'policy', 'homing', ''])
        self.aim(source, bad_position(self.random), self.random.choice([0, self.now, 2**62]))

    def aim(self, source: str, position: Vector, stamp_ns: int) -> None:
        refusal = self.core.target(source, position, stamp_ns, self.now)
        self.reached['target' if refusal is None else refusal.reason.value] += 1

    def refuse(self) -> None:
        request_id = 0 if self.request is None else self.request.request_id
        self.core.request_refused(request_id, self.now, 'busy')

    def jump(self) -> None:
        jump_ns = self.random.choice([-(10**9), -1, 6 * 10**8, 10**9, 10**12, -(10**12)])
        self.now = max(10**9, self.now + jump_ns)

    def start(self) -> None:
        stopped = self.core.status.state is State.STOPPED
        source = self.random.choice(['policy'] * 5 + ['teleop', 'replay', 'magic'])
        mode = self.random.choice(['', 'sync', 'async', 'rtc', 'rtc', 'x'])
        before = self.core.status.generation
        try:
            generation = self.core.start(source, mode, 'fold', self.now)
        except WamError:
            assert self.core.status.generation == before
        else:
            assert not stopped
            assert generation == self.core.status.generation == before + 1

    def handover(self) -> None:
        source = self.random.choice(['policy', 'policy', 'policy', 'teleop', 'replay', 'nobody'])
        before = self.core.status.source
        try:
            self.core.handover(source, self.now)
        except WamError:
            assert self.core.status.source == before
        else:
            assert self.core.status.source == source
            self.reached[f'{before} to {source}'] += 1

    def home(self) -> None:
        stopped = self.core.status.state is State.STOPPED
        try:
            _, seconds = self.core.go_to_pose(self.random.choice(['start', 'sleep', '']), self.now)
        except WamError:
            return
        assert not stopped
        assert seconds > 0.0
        if self.random.random() < 0.5:  # most often something else comes soon
            self.play(['tick'] * 150)

    def hold(self) -> None:
        self.core.hold()
        self._sending_may_have_ended()

    def stop(self) -> None:
        self.core.stop('fuzz')
        assert self.core.status.state is State.STOPPED

    def reset(self) -> None:
        stopped = self.core.status.state is State.STOPPED
        try:
            self.core.reset(self.now)
        except WamError:
            assert stopped
            assert self.core.status.state is State.STOPPED
        else:
            assert self.core.status.state is not State.STOPPED
            assert not stopped or self.core.status.at_rest
            self._sending_may_have_ended()

    def _sending_may_have_ended(self) -> None:
        if self.core.status.state is State.IDLE:
            self.checks.nothing_sent()

    def trouble(self) -> None:
        fault(self.random, self.core.watchdogs, self.now)

    def relief(self) -> None:
        no_faults(self.core.watchdogs, self.now)

    def starve(self) -> int:
        """Nothing comes any more but ticks on time: how many until the arms rest for good."""
        if self.core.status.source == 'homing':
            self.core.hold()  # a slew needs nothing to go on
        bound = 6 * 10**9 // self.period_ns  # longer than any plan of the fuzz, and than braking
        for count in range(bound):
            status = self.core.status
            if status.at_rest and status.state is not State.RUNNING and count > 1:
                return count
            self.now += self.period_ns
            self.measure_arms()
            self.tick_at(self.now, self.now)
        raise AssertionError(f'not at rest after {bound} ticks: {self.core.status}')
