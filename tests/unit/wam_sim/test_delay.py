"""The delay line: what goes in comes out once, when it is due, in the order that was asked for."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_sim.delay import DelayLine, Faults

PERIOD_NS = 33_333_333


def run(
    faults: Faults | Sequence[Faults], count: int = 200, seed: int = 0
) -> list[tuple[int, int]]:
    """(item, time of arrival) of items that are numbered by the period they were taken in."""
    line: DelayLine[int] = DelayLine(PERIOD_NS)
    line.restart(np.random.default_rng(seed))
    arrivals = []
    for tick in range(count * 4):
        now = tick * PERIOD_NS // 4
        if tick % 4 == 0:
            item = tick // 4
            line.faults = faults if isinstance(faults, Faults) else faults[item % len(faults)]
            line.put(item, now)
        arrivals += [(item, now) for item in line.take(now)]
    return arrivals


def test_without_faults_everything_arrives_at_once() -> None:
    assert run(Faults()) == [(item, item * PERIOD_NS) for item in range(200)]


@given(st.floats(0.0, 0.2), st.floats(0.0, 0.3), st.integers(0, 100))
def test_jitter_delays_but_neither_loses_nor_reorders(
    latency: float, jitter: float, seed: int
) -> None:
    arrivals = run(Faults(latency_s=latency, jitter_s=jitter), seed=seed)
    items = [item for item, _ in arrivals]
    assert items == list(range(len(items)))
    assert len(items) > 200 - (latency + jitter) * 1e9 / PERIOD_NS - 2
    for item, time in arrivals:
        assert time >= item * PERIOD_NS + latency * 1e9 - 1
        assert time <= item * PERIOD_NS + (latency + jitter) * 1e9 + PERIOD_NS / 4 + 1


def test_drops_are_as_many_as_asked_for() -> None:
    arrived = len(run(Faults(drop=0.3), count=2000))
    assert arrived == pytest.approx(1400, abs=100)
    assert run(Faults(drop=1.0)) == []


def test_reordered_items_are_overtaken_and_none_is_lost() -> None:
    items = [item for item, _ in run(Faults(reorder=0.2), count=1000)]
    swaps = sum(first > second for first, second in pairwise(items))
    assert 100 < swaps < 300
    assert len(set(items)) == len(items) >= 998


def test_a_stalled_line_takes_nothing_and_goes_on_afterwards() -> None:
    items = [item for item, _ in run([Faults(), Faults(stalled=True)])]
    assert items == list(range(0, 200, 2))


def test_what_was_late_comes_in_a_burst() -> None:
    arrivals = run([Faults(latency_s=0.5), *[Faults()] * 9], count=30)
    times = [time for item, time in arrivals if item < 10]
    assert len(times) == 10 and len(set(times)) == 1


def test_one_seed_one_fate() -> None:
    faults = Faults(jitter_s=0.1, drop=0.2, reorder=0.2)
    assert run(faults, seed=3) == run(faults, seed=3) != run(faults, seed=4)
