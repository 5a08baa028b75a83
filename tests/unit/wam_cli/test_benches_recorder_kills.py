"""What `wam bench recorder` says that a killed recorder lost."""

import pytest

from wam_cli.benches.recorder_kills import Loss, loss
from wam_core.errors import WamError

MS = 1_000_000
# Stamps 10 ms apart, each published 3 ms after its stamp.
SENT = [(stamp, stamp + 3 * MS) for stamp in range(0, 1000 * MS, 10 * MS)]
STAMPS = [stamp for stamp, _ in SENT]


def test_what_came_before_the_kill_and_is_not_there_is_lost() -> None:
    killed_ns = 502 * MS  # what is stamped 500 ms has not gone out yet
    assert loss(SENT, killed_ns, {*STAMPS[:50]}) == Loss(0.0, 0)
    assert loss(SENT, killed_ns + MS, {*STAMPS[:50]}) == Loss(0.01, 0)
    assert loss(SENT, killed_ns, {*STAMPS[:20]}) == Loss(0.3, 0)


def test_what_went_out_during_the_kill_and_is_there_is_no_gain() -> None:
    assert loss(SENT, 502 * MS, {*STAMPS[:51]}) == Loss(0.0, 0)


def test_gaps_before_the_newest_are_told() -> None:
    recovered = {*STAMPS[:40]} - {0, 100 * MS, 380 * MS}
    assert loss(SENT, 502 * MS, recovered) == Loss(0.1, 3)


def test_a_topic_of_which_nothing_is_there_lost_all_its_time() -> None:
    assert loss(SENT, 103 * MS, set()) == Loss(0.1, 11)


def test_a_kill_before_the_first_message_measures_nothing() -> None:
    with pytest.raises(WamError, match='nothing was published before the kill'):
        loss(SENT, 0, set())
