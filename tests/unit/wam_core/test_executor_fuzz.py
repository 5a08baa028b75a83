"""The executor under random events: whatever comes, what goes to the arms is fit to be sent."""

from collections import Counter

import pytest
from executor_fuzz import EVENTS, Fuzz

from wam_core.status import State

RUNS, SEEDS_PER_RUN, EVENTS_PER_SEED = 10, 8, 1350  # 108 000 events
ROUNDS = 3  # starvations per seed


@pytest.mark.parametrize('run', range(RUNS))
def test_every_command_is_fit_to_be_sent_and_starvation_ends_in_rest(run: int) -> None:
    for seed in range(run * SEEDS_PER_RUN, (run + 1) * SEEDS_PER_RUN):
        fuzz = Fuzz(seed)
        for _ in range(ROUNDS):
            fuzz.run(EVENTS_PER_SEED // ROUNDS)
            fuzz.starve()
            status = fuzz.core.status
            assert status.chunks_refused == sum(status.refusals.values())
            assert status.tick_lateness_max_ms >= status.tick_lateness_ms


@pytest.mark.parametrize('seed', [1000, 1001, 1004])
def test_the_same_events_give_the_same_bytes(seed: int) -> None:
    first, second = Fuzz(seed), Fuzz(seed)
    first.run(1000)
    second.run(1000)
    assert first.digest.hexdigest() == second.digest.hexdigest()
    assert first.core.status == second.core.status
    assert first.core.status.ticks > 300


@pytest.mark.parametrize('seed', range(2000, 2010))
def test_a_stop_in_the_middle_of_anything_is_latched(seed: int) -> None:
    fuzz = Fuzz(seed)
    fuzz.run(200)
    fuzz.stop()
    names = [name for name in EVENTS if name not in ('reset', 'tick', 'move_arms', 'measure')]
    for _ in range(60):
        fuzz.play([fuzz.random.choice(names), 'tick'])
        assert fuzz.core.status.state is State.STOPPED
    assert fuzz.core.status.at_rest


def test_the_fuzz_reaches_what_it_is_for() -> None:
    reached: Counter[str] = Counter()
    for seed in range(3000, 3012):
        fuzz = Fuzz(seed)
        fuzz.run(800)
        reached += fuzz.reached
    assert reached['moving'] > 1500
    assert reached['merge'] > 100
    assert reached['RUNNING'] > 1500
    assert reached['prefix'] > 10
    expected = {'IDLE', 'HOLDING', 'STOPPED', 'target', 'policy', 'teleop', 'replay', 'homing'}
    expected |= {'policy to teleop', 'teleop to policy', 'clock jump', 'fault'}
    expected |= {'stale', 'past', 'duplicate', 'unsolicited', 'wrong_generation', 'future'}
    expected |= {'malformed', 'not_finite', 'out_of_range', 'inactive_source'}
    assert expected <= set(reached)
