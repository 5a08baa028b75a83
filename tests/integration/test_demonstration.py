"""The demonstration node: what it does in which order, and how a demonstration ends."""

from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from demonstration_world import DemonstrationWorld
from rollout_world import TASK
from wam_msgs.msg import ExecutorState


def begun(w: DemonstrationWorld, **goal: Any) -> Any:
    """A demonstration in which the arms follow the leaders."""
    handle = w.send(**goal)
    w.phase('waiting')
    w.gesture('begin')
    w.running()
    w.phase('running')
    return handle


def test_a_success_from_the_reset_to_the_labelled_recording(ros: Any) -> None:
    w = DemonstrationWorld(ros)
    handle = w.send(operator_name='ann')
    w.phase('waiting')
    assert w.leaders() == ['ready']
    assert '/recorder/start_episode' not in w.called()
    w.gesture('begin')
    w.running()
    w.reach(1)
    w.until(lambda: any(item.stage == 'touched' for item in w.feedback), 'the feedback')
    w.reach(4)
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    result = answer.result
    assert (result.outcome, result.score, result.episode) == ('success', 100.0, '/data/e1')
    assert result.stages == [stage.name for stage in TASK.stages]
    assert result.steps > 10
    assert w.called() == [
        '/executor/hold',
        '/sim/reset_scene',
        '/teleop/set_leaders',
        '/recorder/start_episode',
        '/teleop/set_leaders',
        '/executor/start',
        '/executor/hold',
        '/recorder/stop_episode',
        '/teleop/set_leaders',
    ]
    assert w.leaders() == ['ready', 'lead', 'follow']
    start = w.request('/recorder/start_episode')
    assert (start.kind, start.operator_name, start.policy) == ('demonstration', 'ann', '')
    assert (start.task, start.task_name, start.seed) == (TASK.language, 'transfer_cube', 3)
    assert w.request('/executor/start').source == 'teleop'
    stop = w.request('/recorder/stop_episode')
    assert (stop.outcome, stop.score, stop.by) == ('success', 100.0, 'sim')
    w.phase('idle')
    assert w.phases[-6:] == ['resetting', 'aligning', 'waiting', 'running', 'closing', 'idle']
    assert {message.count for message in w.shown if message.phase == 'running'} == {1}
    assert w.process.terminate_and_wait() == 0


def test_the_gesture_ends_it_and_the_next_one_begins_anew(ros: Any) -> None:
    w = DemonstrationWorld(ros)
    handle = begun(w)
    w.reach(2)
    w.until(lambda: any(item.score == 50.0 for item in w.feedback), 'the stage')
    w.gesture('end')
    result = w.result(handle).result
    assert (result.outcome, result.score) == ('failure', 50.0)
    assert 'grippers wide open' in result.message
    w.truth.stage, w.truth.success = 0, False
    again = begun(w, record=False)
    w.gesture('end')
    result = w.result(again).result
    assert (result.outcome, result.episode, w.shown[-1].count) == ('failure', '', 2)
    assert w.leaders() == ['ready', 'lead', 'follow'] * 2


def test_a_gesture_of_before_begins_nothing(ros: Any) -> None:
    w = DemonstrationWorld(ros)
    handle = w.send(record=False)
    w.phase('waiting')
    w.gesture('begin', age_ns=5 * 10**9)
    w.gesture('end')
    waited = len(w.shown) + 5
    w.until(lambda: len(w.shown) > waited, 'a second')
    assert '/executor/start' not in w.called()
    w.gesture('begin')
    w.running()
    w.phase('running')
    w.gesture('end')
    assert w.result(handle).result.outcome == 'failure'


def test_services_begin_and_end_as_the_hands_do(ros: Any) -> None:
    w = DemonstrationWorld(ros, absent=('/sim/reset_scene',), rig='aloha')
    assert 'no demonstration is running' in w.ask('begin').message
    handle = w.send(seed=-1)
    w.phase('waiting')
    assert not w.ask('end').success
    assert w.ask('begin').success
    w.running()
    w.phase('running')
    assert not w.ask('begin').success
    assert w.ask('end').success
    answer = w.result(handle)
    # Nobody but the person knows how it went.
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert (answer.result.outcome, answer.result.episode) == ('', '/data/e1')
    assert '/arms/open' in w.called()
    assert w.request('/recorder/stop_episode').outcome == ''
    assert w.request('/recorder/start_episode').seed == -1


def test_leaders_that_cannot_be_had_abort_before_anything_is_recorded(ros: Any) -> None:
    w = DemonstrationWorld(ros)
    w.answers['/teleop/set_leaders'] = {'accepted': False, 'message': 'elbow reports overload'}
    answer = w.result(w.send())
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.message == '/teleop/set_leaders: elbow reports overload'
    assert w.called()[-1] == '/executor/hold'
    assert '/recorder/start_episode' not in w.called()


@pytest.mark.parametrize('phase', ['waiting', 'running'])
def test_a_cancelled_demonstration_leaves_leaders_that_hold_themselves(
    ros: Any, phase: str
) -> None:
    w = DemonstrationWorld(ros)
    handle = w.send() if phase == 'waiting' else begun(w)
    w.phase(phase)
    future = handle.cancel_goal_async()
    w.until(future.done, 'the answer to the cancel request')
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.outcome == 'aborted'
    assert ('/recorder/stop_episode' in w.called()) == (phase == 'running')
    assert w.leaders()[-1] == 'follow'


def test_a_stop_ends_it_and_its_recording_is_closed(ros: Any) -> None:
    w = DemonstrationWorld(ros)
    handle = begun(w)
    w.state.state, w.state.stop_reason = ExecutorState.STOPPED, 'a hand on the button'
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert 'a hand on the button' in answer.result.message
    stop = w.request('/recorder/stop_episode')
    assert (stop.outcome, stop.by) == ('aborted', 'demonstration')


def test_the_time_limit_ends_it(ros: Any) -> None:
    w = DemonstrationWorld(ros)
    handle = begun(w, time_limit_s=1.5)
    result = w.result(handle).result
    assert (result.outcome, result.message) == ('failure', 'time limit of 1.5 s')


def test_goals_that_make_no_sense_are_refused_with_the_reason(ros: Any) -> None:
    w = DemonstrationWorld(ros)
    for goal, text in (
        ({'seed': -1}, 'seed = -1'),
        ({'time_limit_s': -2.0}, 'time_limit_s = -2.0'),
        ({'task': 'fold_shirt'}, 'has no simulation'),
    ):
        answer = w.result(w.send(**goal))
        assert answer.status == GoalStatus.STATUS_ABORTED
        assert text in answer.result.message
    handle = w.send()
    w.phase('waiting')
    assert 'is running already' in w.result(w.send()).result.message
    handle.cancel_goal_async()
    assert w.result(handle).result.outcome == 'aborted'
