import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from wam_msgs.msg import ExecutorState

from wam_core.errors import WamError
from wam_data.interventions import (
    EXECUTOR_STATE,
    InterventionCounter,
    Tick,
    read_tick,
    tick_or_none,
)
from wam_data.manifest import Intervention
from wam_data.statistics import Counters

SECOND = 1_700_000_000
START_NS = SECOND * 10**9
POLICY, PERSON, NOBODY = 'policy', 'teleop', ''


def found(*ticks: tuple[str, int]) -> list[tuple[int, int]]:
    """(start, stop) for ticks 0, 1, 2 ... of (source, generation)."""
    counter = InterventionCounter()
    for number, (source, generation) in enumerate(ticks):
        counter.observe(Tick(number, source, generation))
    assert {each.source for each in counter.result()} <= {PERSON}
    return [(each.start_ns, each.stop_ns) for each in counter.result()]


def test_a_person_takes_over_and_hands_back() -> None:
    run = [(POLICY, 1), (PERSON, 1), (PERSON, 1), (POLICY, 1), (PERSON, 1), (POLICY, 1)]
    assert found((NOBODY, 0), *run) == [(2, 4), (5, 6)]


def test_it_ends_with_the_run() -> None:
    assert found((POLICY, 1), (PERSON, 1), (NOBODY, 1), (NOBODY, 1)) == [(1, 2)]
    assert found((POLICY, 1), (PERSON, 1), (POLICY, 2)) == [(1, 2)]
    assert found((POLICY, 1), (PERSON, 1), (PERSON, 2)) == [(1, 2)]


def test_one_that_goes_on_lasts_until_now() -> None:
    assert found((POLICY, 1), (PERSON, 1), (PERSON, 1)) == [(1, 2)]


def test_a_demonstration_is_no_intervention() -> None:
    assert found((NOBODY, 3), (PERSON, 3), (PERSON, 3), (NOBODY, 3)) == []
    assert found((PERSON, 1), (POLICY, 1), (PERSON, 1), (POLICY, 1)) == []
    assert found(('homing', 1), (PERSON, 1)) == []


def test_a_replay_can_be_taken_over() -> None:
    assert found(('replay', 1), (PERSON, 1), ('replay', 1)) == [(1, 2)]


SOURCES = st.sampled_from([NOBODY, POLICY, PERSON, 'replay', 'homing'])


@given(st.lists(st.tuples(SOURCES, st.integers(0, 2)), max_size=30))
def test_they_are_apart_and_in_order(ticks: list[tuple[str, int]]) -> None:
    edges = [edge for interval in found(*ticks) for edge in interval]
    assert edges == sorted(edges)
    counted = sum(source == PERSON for source, _ in ticks)
    assert sum(stop - start for start, stop in found(*ticks)) <= counted


def state(number: int, source: str, generation: int = 1, **fields: str) -> bytes:
    message = ExecutorState(source=source, generation=generation, mode='rtc', **fields)
    message.header.frame_id = 'x'
    message.header.stamp.sec, message.header.stamp.nanosec = SECOND, number
    return bytes(serialize_message(message))


@given(st.text(st.characters(min_codepoint=1, codec='utf-8'), max_size=9), st.integers(0, 2**31))
def test_a_state_is_read_from_its_bytes(task: str, generation: int) -> None:
    data = state(7, POLICY, generation, task=task)
    assert read_tick(data) == Tick(START_NS + 7, POLICY, generation)


def test_bytes_that_are_no_state() -> None:
    whole = state(0, POLICY)
    with pytest.raises(WamError, match='end inside a field'):
        read_tick(whole[:30])
    assert tick_or_none(b'') is None


def test_the_counters_of_an_episode_have_them() -> None:
    counters = Counters()
    counters.add('/executor_state', EXECUTOR_STATE)
    counters.observe('/executor_state', b'broken', 0, 0)
    for number, source in enumerate([POLICY, PERSON, PERSON, POLICY]):
        at = START_NS + number
        counters.observe('/executor_state', state(number, source), at, at)
    assert counters.interventions() == (Intervention(START_NS + 1, START_NS + 3, PERSON),)
