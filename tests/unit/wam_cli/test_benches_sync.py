import argparse
import json
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_cli.benches import sync
from wam_cli.benches.arrivals import Arrival, Jitter, make_arrivals, most_sets

SMALL = st.lists(st.integers(0, 12), max_size=5, unique=True).map(sorted)


def most_by_trying_all(queues: list[list[int]], slop: int) -> int:
    @cache
    def most(used: frozenset[tuple[int, int]]) -> int:
        best = 0
        free = [[s for s in queue if (c, s) not in used] for c, queue in enumerate(queues)]
        for stamps in product(*free):
            if max(stamps) - min(stamps) <= slop:
                best = max(best, 1 + most(used | frozenset(enumerate(stamps))))
        return best

    return most(frozenset())


@given(queues=st.lists(SMALL, min_size=2, max_size=3), slop=st.integers(0, 6))
def test_most_sets_is_the_most_that_any_matching_finds(queues: list[list[int]], slop: int) -> None:
    arrivals = [Arrival(c, stamp, stamp) for c, queue in enumerate(queues) for stamp in queue]
    assert most_sets(arrivals, len(queues), slop) == most_by_trying_all(queues, slop)


def test_arrivals_are_repeatable_sorted_and_never_before_capture() -> None:
    arrivals = make_arrivals(3, 30.0, 5.0, Jitter(), 1)
    assert arrivals == make_arrivals(3, 30.0, 5.0, Jitter(), 1)
    assert arrivals != make_arrivals(3, 30.0, 5.0, Jitter(), 2)
    assert arrivals == sorted(arrivals, key=lambda item: (item.arrival_ns, item.camera))
    assert all(item.arrival_ns > item.stamp_ns for item in arrivals)
    for camera in range(3):
        stamps = [item.stamp_ns for item in arrivals if item.camera == camera]
        assert stamps == sorted(stamps)
        assert len(stamps) == pytest.approx(150, abs=5)


def test_the_result_has_the_promised_fields() -> None:
    parser = argparse.ArgumentParser()
    sync.add_arguments(parser)
    result = json.loads(json.dumps(sync.run(parser.parse_args(['--seconds', '2']))))
    assert [(row['cameras'], row['rate_hz']) for row in result['rows']] == [
        (3, 30.0),
        (3, 60.0),
        (4, 30.0),
        (4, 60.0),
    ]
    for row in result['rows']:
        assert {'cpu_us_per_set', 'dropped', 'missed_matchable'} <= row.keys()
        assert 0 < row['sets_per_s'] <= row['rate_hz']
        assert row['latency_ms'].keys() == {'p50', 'p99'}
        assert row['missed_matchable'] >= 0
    # The stand-in has no synchroniser to compare with, and must not pose as the real package.
    assert (sync.PEER in result['peers']) == sync.has_real_peer()
