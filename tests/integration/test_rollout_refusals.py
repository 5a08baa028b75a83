"""The rollout node: goals that make no sense, and services that refuse or are silent."""

from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from rclpy.node import Node
from rollout_world import World
from wam_msgs.srv import ResetPolicy, ResetScene


@pytest.mark.parametrize(
    ('goal', 'text'),
    [
        ({'task': 'juggle'}, "unknown task 'juggle', expected one of ['fold_shirt',"),
        ({'policy': 'cosmoss'}, "unknown policy 'cosmoss'"),
        ({'time_limit_s': -1.0}, 'time_limit_s = -1.0'),
        ({'seed': -1}, 'seed = -1'),
        ({'mode': 'fast'}, "'fast'"),
    ],
)
def test_a_goal_that_makes_no_sense_is_aborted_at_once(
    ros: Any, goal: dict[str, Any], text: str
) -> None:
    w = World(ros)
    answer = w.result(w.send(**goal))
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.outcome == 'aborted'
    assert text in answer.result.message
    assert w.calls == []


def test_a_second_goal_is_refused_while_one_runs(ros: Any) -> None:
    w = World(ros)
    first = w.send(time_limit_s=3.0)
    w.running()
    second = w.result(w.send())
    assert second.status == GoalStatus.STATUS_ABORTED
    assert 'running already' in second.result.message
    assert w.result(first).result.outcome == 'failure'
    assert w.called().count('/executor/start') == 1


@pytest.mark.parametrize(
    'service', ['/sim/reset_scene', '/policy/reset', '/recorder/start_episode', '/executor/start']
)
def test_a_refusal_on_the_way_is_the_reason_of_the_abort(ros: Any, service: str) -> None:
    w = World(ros)
    w.answers[service] = {'accepted': False, 'message': 'not today'}
    answer = w.result(w.send())
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert f'{service}: not today' in answer.result.message
    assert w.called()[-1] in ('/executor/hold', '/recorder/stop_episode')
    w.answers.clear()
    w.calls.clear()
    handle = w.send(time_limit_s=1.0)
    w.running()
    assert w.result(handle).result.outcome == 'failure'


def test_a_recorder_that_waits_for_its_streams_is_asked_again(ros: Any) -> None:
    w = World(ros)
    w.answers['/recorder/start_episode'] = {'accepted': False, 'waiting': True}
    w.send(time_limit_s=1.0)
    w.until(lambda: w.called().count('/recorder/start_episode') > 2, 'a repeated request')
    assert '/executor/start' not in w.called()
    w.answers.clear()
    w.running()


def test_a_service_that_is_not_there_ends_the_wait_with_its_name(ros: Any) -> None:
    w = World(ros, absent=('/recorder/start_episode',), service_timeout_s=1.0)
    answer = w.result(w.send())
    assert answer.result.outcome == 'aborted'
    assert 'service /recorder/start_episode is absent' in answer.result.message


LOADING = ('/policy/reset',)  # what a policy that loads does not offer yet
LONG = 8  # feedbacks, which come every 0.2 s: longer than a service_timeout_s of 1 s


def loading(ros: Any, **params: Any) -> tuple[World, Any, Any]:
    """A rollout that waits for a policy, for longer than for any other service."""
    w = World(ros, absent=LOADING, service_timeout_s=1.0, **params)
    node = Node('policy', context=w.ros.context)
    handle = w.send(time_limit_s=1.0)
    w.until(lambda: sum(item.phase == 'loading' for item in w.feedback) > LONG, 'a long wait')
    return w, node, handle


def test_a_policy_that_loads_is_waited_for_before_anything_moves(ros: Any) -> None:
    w, node, handle = loading(ros)
    assert '/sim/reset_scene' not in w.called()
    ros.node.create_service(ResetPolicy, '/policy/reset', w.serve('/policy/reset'))
    w.running()
    assert w.called().index('/sim/reset_scene') < w.called().index('/policy/reset')
    assert w.result(handle).result.outcome == 'failure'
    node.destroy_node()


def test_waiting_for_a_policy_can_be_cancelled(ros: Any) -> None:
    w, node, handle = loading(ros)
    handle.cancel_goal_async()
    answer = w.result(handle)
    assert (answer.status, answer.result.message) == (GoalStatus.STATUS_CANCELED, 'cancelled')
    assert '/sim/reset_scene' not in w.called()
    node.destroy_node()


def test_a_policy_that_never_finishes_loading_ends_the_wait(ros: Any) -> None:
    w = World(ros, absent=LOADING, service_timeout_s=60.0, policy_timeout_s=1.0)
    node = Node('policy', context=w.ros.context)
    answer = w.result(w.send())
    assert 'node policy does not offer /policy/reset yet' in answer.result.message
    node.destroy_node()


def test_a_policy_that_is_not_there_is_not_waited_for_so_long(ros: Any) -> None:
    w = World(ros, absent=LOADING, service_timeout_s=1.0)
    answer = w.result(w.send())
    assert 'service /policy/reset is absent' in answer.result.message


def test_a_reset_that_takes_long_is_waited_for_and_can_be_cancelled(ros: Any) -> None:
    w = World(ros, absent=LOADING, service_timeout_s=1.0, retry_s=0.5)
    # Of a node that nobody spins: it never answers.
    mute = Node('policy', context=w.ros.context)
    mute.create_service(ResetPolicy, '/policy/reset', lambda request, response: response)
    handle = w.send()
    w.until(lambda: sum(item.phase == 'waiting' for item in w.feedback) > LONG, 'a long wait')
    handle.cancel_goal_async()
    assert w.result(handle).result.message == 'cancelled'
    mute.destroy_node()


def test_an_answer_that_got_lost_is_asked_for_again(ros: Any) -> None:
    name = '/sim/reset_scene'
    w = World(ros, absent=(name,), retry_s=0.5)
    # Of a node that nobody spins: it takes the first request, and that is all.
    mute = Node('mute', context=w.ros.context)
    service = mute.create_service(ResetScene, name, lambda request, response: response)
    handle = w.send(time_limit_s=1.0)

    def taken() -> bool:
        with service.handle:
            request, _ = service.handle.service_take_request(ResetScene.Request)
        return request is not None

    w.until(taken, 'the first request')
    mute.destroy_node()
    w.ros.node.create_service(ResetScene, name, w.serve(name))
    w.running()
    assert w.result(handle).result.outcome == 'failure'


def test_a_clock_that_stands_still_ends_the_rollout(ros: Any) -> None:
    w = World(ros, clock_timeout_s=1.0)
    handle = w.send()
    w.running()
    w.until(lambda: any(item.chunks for item in w.feedback), 'the run')
    w.frozen = True
    answer = w.result(handle)
    assert answer.result.outcome == 'aborted'
    assert 'the ROS clock stands still' in answer.result.message
