import math

from wam_policy.cosmos.planning.deadline import Costs, Deadline


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_deadline_counts_from_its_construction() -> None:
    clock = Clock()
    deadline = Deadline(clock, 2.0)
    clock.now += 1.5
    assert deadline.remaining() == 0.5
    assert deadline.fits(0.5) and not deadline.fits(0.6)
    assert deadline.fits(None)
    clock.now += 0.5
    assert not deadline.fits(None) and not deadline.fits(0.0)


def test_endless_deadline() -> None:
    assert Deadline(Clock(), math.inf).fits(1e9)


def test_costs_expect_the_slowest_of_the_latest_runs() -> None:
    costs = Costs()
    assert costs.estimate(8, 10) is None
    costs.record(8, 10, 5.0)
    costs.record(8, 5, 1.0)
    assert costs.estimate(8, 3) == 1.5
    for _ in range(8):
        costs.record(8, 1, 0.25)
    assert costs.estimate(8, 2) == 0.5


def test_guided_runs_go_sequence_by_sequence() -> None:
    costs = Costs()
    assert costs.estimate(2, 10, guided=True) is None
    costs.record(1, 1, 0.5)
    costs.record(4, 1, 1.0)
    assert costs.estimate(4, 10, guided=True) == 4 * 10 * 10 * 0.5
    costs.record(2, 10, 40.0, guided=True)
    assert costs.estimate(4, 5, guided=True) == 4 * 5 * 2.0
    assert costs.estimate(4, 10) == 10.0  # as if there had been none
    costs.forget()
    assert costs.estimate(2, 10, guided=True) is None


def test_costs_of_an_unknown_batch_are_rather_too_high() -> None:
    costs = Costs()
    costs.record(2, 1, 0.5)
    costs.record(8, 1, 1.0)
    assert costs.estimate(4, 1) == 1.0  # as the next larger
    assert costs.estimate(1, 1) == 0.5
    assert costs.estimate(16, 1) == 2.0  # in proportion
    assert costs.knows(2) and not costs.knows(4)
    costs.forget()
    assert not costs.knows(2) and costs.estimate(2, 1) is None
