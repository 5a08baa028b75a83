"""The end of a rollout and its outcome."""

import pytest

from wam_core.rollout import RolloutLimits, RolloutMonitor
from wam_core.status import State
from wam_core.task import Stage, TaskSpec

S = 1_000_000_000
LIMITS = RolloutLimits(
    time_limit_ns=20 * S,
    success_hold_ns=S // 2,
    first_chunk_ns=60 * S,
    starvation_ns=15 * S,
    silence_ns=1 * S,
)
TASK = TaskSpec(
    name='hand_over',
    language='hand the cube over',
    scene='cube',
    time_limit_s=20.0,
    stages=(Stage('touched', 25.0), Stage('lifted', 50.0), Stage('transferred', 100.0)),
    success='transferred',
)


def monitor(*, simulated: bool = True) -> RolloutMonitor:
    return RolloutMonitor(TASK, LIMITS, 3, 0, simulated=simulated)


def run(
    watched: RolloutMonitor, start_s: float, end_s: float, state: State = State.RUNNING
) -> None:
    """Executor states at 25 Hz."""
    for tick in range(round(start_s * 25), round(end_s * 25) + 1):
        watched.executor(tick * S // 25, state, 3, '')


def outcome(watched: RolloutMonitor, now_s: float) -> str | None:
    ending = watched.ending(round(now_s * S))
    return None if ending is None else ending.outcome


def test_a_success_ends_it_after_the_hold() -> None:
    watched = monitor()
    run(watched, 1.0, 5.0)
    assert watched.truth(round(4.0 * S), 1) == ('touched',)
    assert watched.truth(round(4.6 * S), 3) == ('lifted', 'transferred')
    assert watched.truth(round(4.7 * S), 3) == ()
    assert outcome(watched, 5.0) is None
    run(watched, 5.0, 5.2)
    assert outcome(watched, 5.2) == 'success'
    assert watched.score == 100.0
    assert watched.stages == ('touched', 'lifted', 'transferred')
    assert watched.steps == 107
    assert watched.elapsed_ns(3 * S) == 2 * S


def test_the_time_limit_counts_from_the_first_chunk() -> None:
    watched = monitor()
    run(watched, 0.0, 10.0, State.HOLDING)
    run(watched, 10.0, 30.5)
    watched.truth(11 * S, 2)
    assert outcome(watched, 30.0) is None
    assert outcome(watched, 30.5) == 'failure'
    assert watched.score == 50.0


def test_a_rig_without_a_simulator_is_not_judged() -> None:
    watched = monitor(simulated=False)
    run(watched, 0.0, 20.5)
    assert outcome(watched, 20.5) == ''


@pytest.mark.parametrize(
    ('state', 'generation', 'text'),
    [
        (State.STOPPED, 3, 'stopped: by hand'),
        (State.IDLE, 3, 'somebody else'),
        (State.RUNNING, 4, 'somebody else'),
    ],
)
def test_a_run_that_was_taken_away_is_aborted(state: State, generation: int, text: str) -> None:
    watched = monitor()
    run(watched, 0.0, 1.0)
    watched.executor(round(1.04 * S), state, generation, 'by hand')
    ending = watched.ending(round(1.04 * S))
    assert ending is not None
    assert ending.outcome == 'aborted'
    assert text in ending.message


def test_states_of_before_the_run_do_not_count() -> None:
    watched = monitor()
    watched.executor(0, State.STOPPED, 2, 'long ago')
    assert outcome(watched, 0.5) is None
    assert watched.steps == 0


def test_silence_starvation_and_a_policy_that_never_answers_are_aborted() -> None:
    silent = monitor()
    run(silent, 0.0, 1.0)
    assert outcome(silent, 2.0) is None
    assert outcome(silent, 2.1) == 'aborted'

    starved = monitor()
    run(starved, 0.0, 1.0)
    run(starved, 1.04, 16.2, State.HOLDING)
    assert outcome(starved, 16.0) is None
    assert outcome(starved, 16.2) == 'aborted'

    never = monitor()
    run(never, 0.0, 60.4, State.HOLDING)
    assert outcome(never, 60.0) is None
    assert outcome(never, 60.4) == 'aborted'
