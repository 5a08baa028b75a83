"""Messages that never came, at the ends of an episode."""

import pytest

from wam_data.statistics import TopicCounter

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 33_333_333
STOP_NS = START_NS + 300 * PERIOD_NS


def counted(first: int, last: int, *, late_ns: int = 0, shift_ns: int = 0) -> TopicCounter:
    """Of frames first to last, by number of period. late_ns: of receipt. shift_ns: of stamps."""
    counter = TopicCounter('a/msg/B', PERIOD_NS)
    for number in range(first, last):
        at = START_NS + number * PERIOD_NS + 5_000_000
        counter.observe(1, at + shift_ns, at + late_ns)
    return counter


@pytest.mark.parametrize(
    ('first', 'last', 'missing'),
    [(0, 300, 0), (1, 299, 0), (9, 300, 9), (0, 290, 10), (9, 290, 19), (299, 300, 299)],
)
def test_missing_at_the_ends(first: int, last: int, missing: int) -> None:
    counter = counted(first, last)
    assert counter.result(START_NS, STOP_NS).missing == missing
    assert counter.result().missing == 0


def test_each_end_may_be_unknown() -> None:
    counter = counted(9, 290)
    assert counter.result(START_NS).missing == 9
    assert counter.result(stop_ns=STOP_NS).missing == 10


def test_late_receipt_and_another_clock_are_no_loss() -> None:
    assert counted(0, 300, late_ns=400_000_000).result(START_NS, STOP_NS).missing == 0
    for shift_ns in (-START_NS + 10**11, 10**12):
        assert counted(0, 300, shift_ns=shift_ns).result(START_NS, STOP_NS).missing == 0
        assert counted(9, 300, shift_ns=shift_ns).result(START_NS, STOP_NS).missing in (0, 9)


def test_without_a_period_or_a_message_none_can_be_missing() -> None:
    assert TopicCounter('a/msg/B', PERIOD_NS).result(START_NS, STOP_NS).missing == 0
    unpaced = TopicCounter('a/msg/B')
    unpaced.observe(1, STOP_NS, STOP_NS)
    assert unpaced.result(START_NS, STOP_NS).missing == 0


def test_fast_topics_have_time_to_arrive() -> None:
    counter = TopicCounter('a/msg/B', 10_000_000)
    counter.observe(1, START_NS + 45_000_000, START_NS + 46_000_000)
    assert counter.result(START_NS, START_NS + 90_000_000).missing == 0
    assert counter.result(START_NS - 10_000_000).missing == 5
