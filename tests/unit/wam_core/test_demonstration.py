"""The end of a demonstration: the person's, the task's, or that of something broken."""

import pytest

from wam_core.rollout import RolloutLimits, RolloutMonitor
from wam_core.status import State
from wam_core.task import Stage, TaskSpec

S = 1_000_000_000
LIMITS = RolloutLimits(
    time_limit_ns=20 * S,
    success_hold_ns=S,
    first_chunk_ns=30 * S,
    starvation_ns=15 * S,
    silence_ns=2 * S,
)
TASK = TaskSpec(
    name='hand_over',
    language='hand the cube over',
    scene='cube',
    time_limit_s=20.0,
    stages=(Stage('touched', 25.0), Stage('transferred', 100.0)),
    success='transferred',
)


def led(seconds: int, *, simulated: bool = True) -> RolloutMonitor:
    """A demonstration that has run for so long."""
    watched = RolloutMonitor(TASK, LIMITS, 3, 0, simulated=simulated, feed='target')
    for tick in range(seconds * 50 + 1):
        watched.executor(tick * S // 50, State.RUNNING, 3, '')
    return watched


def test_the_person_ends_it_and_in_simulation_the_truth_is_its_outcome() -> None:
    watched = led(5)
    assert watched.ending(5 * S) is None
    watched.truth(4 * S, 1)
    watched.finish('grippers open')
    ending = watched.ending(5 * S)
    assert ending is not None
    assert (ending.outcome, ending.message, watched.score) == ('failure', 'grippers open', 25.0)
    # A success that is fresh is one, too.
    watched.truth(5 * S, 2)
    ending = watched.ending(5 * S)
    assert ending is not None
    assert (ending.outcome, ending.message) == ('success', 'grippers open')


def test_on_a_real_rig_nobody_judges_it() -> None:
    watched = led(5, simulated=False)
    watched.finish('grippers open')
    ending = watched.ending(5 * S)
    assert ending is not None
    assert (ending.outcome, ending.message) == ('', 'grippers open; the outcome is not labelled')


def test_a_success_ends_it_without_the_person() -> None:
    watched = led(5)
    watched.truth(3 * S, 2)
    ending = watched.ending(5 * S)
    assert ending is not None
    assert ending.outcome == 'success'


def test_a_stop_counts_more_than_what_the_person_says() -> None:
    watched = led(5)
    watched.finish('grippers open')
    watched.executor(5 * S, State.STOPPED, 3, 'a hand on the button')
    ending = watched.ending(5 * S)
    assert ending is not None
    assert (ending.outcome, 'a hand on the button' in ending.message) == ('aborted', True)


@pytest.mark.parametrize(('followed', 'text'), [(0, 'no target within 30 s'), (3, 'for 15 s')])
def test_leaders_that_say_nothing_end_it(followed: int, text: str) -> None:
    watched = RolloutMonitor(TASK, LIMITS, 3, 0, simulated=True, feed='target')
    for tick in range(40 * 50):
        state = State.RUNNING if tick < followed * 50 else State.HOLDING
        watched.executor(tick * S // 50, state, 3, '')
    ending = watched.ending(40 * S - S // 50)
    assert ending is not None
    assert (ending.outcome, ending.starved) == ('aborted', True)
    assert text in ending.message
