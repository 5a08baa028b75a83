"""Deadlines against made-up clocks: the grid, missed slots, jumps."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from wam_nodes.deadlines import Deadlines

P = 40_000_000


def started(now_ns: int = 0, *, may_jump: bool = False) -> Deadlines:
    deadlines = Deadlines(P, may_jump)
    deadlines.align(now_ns, now_ns)
    return deadlines


def test_the_first_deadline_is_a_multiple_of_the_period_on_the_phase_clock() -> None:
    deadlines = Deadlines(P, may_jump=False)
    deadlines.align(now_ns=1_000, phase_ns=7 * P - 300)
    assert deadlines.due_ns == 1_300
    deadlines.align(now_ns=1_000, phase_ns=7 * P)
    assert deadlines.due_ns == 1_000


def test_without_a_phase_they_begin_at_the_first_reading() -> None:
    deadlines = Deadlines(P, may_jump=True)
    assert deadlines.take(7 * P + 1) is None
    assert deadlines.take(8 * P) == 8 * P
    assert deadlines.missed == 0


def test_nothing_is_due_before_its_time_and_nothing_twice() -> None:
    deadlines = started(1)
    assert deadlines.take(P - 1) is None
    assert deadlines.take(P) == P
    assert deadlines.take(P) is None
    assert deadlines.take(P + 5) is None


def test_late_ticks_do_not_shift_the_grid() -> None:
    deadlines = started()
    late_ns = [0, 3_000_000, 39_999_999, 0, 12_000_000]
    taken = [deadlines.take(slot * P + late) for slot, late in enumerate(late_ns)]
    assert taken == [slot * P for slot in range(5)]
    assert deadlines.missed == 0


def test_slots_that_passed_are_counted_and_skipped() -> None:
    deadlines = started()
    assert deadlines.take(0) == 0
    assert deadlines.take(4 * P + 7) == 4 * P
    assert deadlines.missed == 3
    assert deadlines.take(4 * P + 8) is None
    assert deadlines.due_ns == 5 * P


def test_a_stopped_process_has_missed_every_slot() -> None:
    deadlines = started()
    deadlines.take(0)
    assert deadlines.take(1000 * P) == 1000 * P
    assert deadlines.missed == 999


def test_a_clock_that_jumps_forward_goes_on_at_the_next_multiple() -> None:
    deadlines = started(may_jump=True)
    deadlines.take(0)
    assert deadlines.take(1000 * P + 5) is None
    assert deadlines.missed == 0
    assert deadlines.take(1001 * P) == 1001 * P


def test_a_jump_onto_a_multiple_is_due_at_once() -> None:
    deadlines = started(may_jump=True)
    deadlines.take(0)
    assert deadlines.take(1000 * P) == 1000 * P
    assert deadlines.missed == 0


def test_a_clock_set_back_goes_on_at_the_next_multiple() -> None:
    deadlines = started(100 * P, may_jump=True)
    assert deadlines.take(100 * P) == 100 * P
    assert deadlines.take(3 * P - 1) is None
    assert deadlines.take(3 * P) == 3 * P
    assert deadlines.missed == 0


def test_a_clock_in_steps_above_the_period_gives_one_tick_per_step() -> None:
    deadlines = started(may_jump=True)
    assert [deadlines.take(step * 3 * P) for step in range(4)] == [0, 3 * P, 6 * P, 9 * P]
    assert deadlines.missed == 6


@given(
    start=st.integers(0, 10**19),
    steps=st.lists(st.integers(0, 30 * P), min_size=1, max_size=200),
    may_jump=st.booleans(),
)
def test_each_slot_gets_one_tick_at_most_and_missed_ones_are_counted(
    start: int, steps: list[int], may_jump: bool
) -> None:
    deadlines = started(start, may_jump=may_jump)
    taken = []
    for now in itertools.accumulate(steps, initial=start):
        deadline = deadlines.take(now)
        if deadline is not None:
            assert deadline % P == 0
            assert 0 <= now - deadline < P
            taken.append(deadline)
        assert now < deadlines.due_ns
    assert all(later > earlier for earlier, later in itertools.pairwise(taken))
    if not may_jump and taken:
        assert deadlines.missed == (taken[-1] - -(-start // P) * P) // P + 1 - len(taken)


@given(
    readings=st.lists(st.integers(0, 50 * P), min_size=1, max_size=200),
)
def test_whatever_the_clock_does_a_tick_is_less_than_a_period_late(readings: list[int]) -> None:
    deadlines = started(may_jump=True)
    for now in readings:
        deadline = deadlines.take(now)
        if deadline is not None:
            assert deadline % P == 0
            assert 0 <= now - deadline < P
        assert now < deadlines.due_ns <= now + P
