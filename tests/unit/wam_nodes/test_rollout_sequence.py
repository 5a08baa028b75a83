"""What a rollout makes of messages that no node of ours would send."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from wam_msgs.msg import ExecutorState, Proprioception

from wam_bringup.config import load_task
from wam_nodes.link import Link
from wam_nodes.rollout_plan import Parameters, Plan
from wam_nodes.rollout_sequence import RolloutSequence


@pytest.fixture
def sequence() -> RolloutSequence:
    plan = Plan(load_task('transfer_cube'), 'hold', 10.0, 'async', 0, record=False)
    link = cast(Link, SimpleNamespace(now_ns=lambda: 0))
    return RolloutSequence(
        link,
        Parameters(),
        plan,
        tell=lambda event: None,
        feedback=lambda message: None,
        cancelled=lambda: False,
        complaints=lambda: '',
    )


def moving(seconds: int, velocity: Any) -> Proprioception:
    message = Proprioception(velocity=np.full(14, velocity))
    message.header.stamp.sec = seconds
    return message


def test_an_unknown_state_of_the_executor_is_ignored(sequence: RolloutSequence) -> None:
    sequence.executor_state(ExecutorState(state=17))
    assert sequence._arms.state is None
    sequence.executor_state(ExecutorState(state=ExecutorState.HOLDING))
    assert sequence._arms.state is not None


@pytest.mark.parametrize(('velocity', 'settled'), [(0.0, True), (1.0, False), (np.nan, False)])
def test_arms_settle_when_their_velocities_are_small(
    sequence: RolloutSequence, velocity: float, settled: bool
) -> None:
    for seconds in (1, 2, 3):
        sequence.proprioception(moving(seconds, velocity))
    assert sequence._scene.settled == settled
