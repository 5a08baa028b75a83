"""The rollout node: what it does in which order, and how a rollout ends."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rollout_world import TASK, World
from std_srvs.srv import Trigger
from wam_msgs.msg import ExecutorState


def kinds(w: World) -> list[str]:
    return [event.kind for event in w.events]


def test_a_success_from_the_reset_to_the_labelled_recording(ros: Any) -> None:
    w = World(ros)
    handle = w.send(policy='scripted', mode='async', operator_name='ann')
    w.running()
    w.reach(1)
    w.until(lambda: 'stage' in kinds(w), 'the stage event')
    w.until(lambda: any(item.stage == 'touched' for item in w.feedback), 'the feedback')
    w.reach(4)
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    result = answer.result
    assert (result.outcome, result.score) == ('success', 100.0)
    assert result.stages == [stage.name for stage in TASK.stages]
    assert result.episode == '/data/e1'
    assert result.steps > 10
    assert result.duration_s == pytest.approx(result.steps * 0.04, abs=0.2)
    assert w.called() == [
        '/executor/hold',
        '/sim/reset_scene',
        '/policy/reset',
        '/recorder/start_episode',
        '/executor/start',
        '/executor/hold',
        '/recorder/stop_episode',
    ]
    assert w.request('/sim/reset_scene').seed == 3
    reset = w.request('/policy/reset')
    assert (reset.task, reset.task_name) == (TASK.language, 'transfer_cube')
    start = w.request('/recorder/start_episode')
    assert (start.policy, start.policy_specification) == ('scripted', '{"horizon": 50}')
    assert start.policy_options == '{"misjudged_m": 0.01}'
    assert (start.kind, start.operator_name) == ('rollout', 'ann')
    run = w.request('/executor/start')
    assert (run.source, run.mode, run.task) == ('policy', 'async', TASK.language)
    stop = w.request('/recorder/stop_episode')
    assert (stop.outcome, stop.score, stop.by) == ('success', 100.0, 'sim')
    assert kinds(w) == ['start', 'stage', 'stage', 'stage', 'stage', 'stop']
    assert json.loads(w.events[1].data) == {'stage': 'touched', 'score': 25.0}
    assert {item.phase for item in w.feedback} >= {'running'}
    assert w.process.terminate_and_wait() == 0


def test_the_time_limit_is_a_failure_with_the_score_reached(ros: Any) -> None:
    w = World(ros)
    handle = w.send(time_limit_s=2.0, record=False)
    w.running()
    w.reach(2)
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert (answer.result.outcome, answer.result.score) == ('failure', 50.0)
    assert answer.result.duration_s == pytest.approx(2.0, abs=0.5)
    assert answer.result.episode == ''
    assert not [name for name in w.called() if name.startswith('/recorder')]


def test_a_person_ends_it_in_order(ros: Any) -> None:
    w = World(ros)

    def end() -> Any:
        return ros.call(Trigger, '/rollout/end', Trigger.Request())

    assert 'no rollout is running' in end().message
    handle = w.send()
    assert 'the rollout is ' in end().message
    w.running()
    w.reach(1)
    w.until(lambda: any(item.stage == 'touched' for item in w.feedback), 'the stage')
    assert end().success
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert (answer.result.outcome, answer.result.score) == ('failure', 25.0)
    assert answer.result.message == 'ended by a person (/rollout/end)'
    assert w.request('/recorder/stop_episode').outcome == 'failure'


def test_arms_that_move_are_waited_for(ros: Any) -> None:
    w = World(ros)
    w.speed = 0.5
    handle = w.send(time_limit_s=1.0)
    w.until(lambda: '/policy/reset' in w.called(), 'the reset of the policy')
    begin_ns = w.time_ns
    w.until(lambda: w.time_ns > begin_ns + 10**9, 'a second')
    assert '/executor/start' not in w.called()
    w.speed = 0.0
    w.running()
    assert w.result(handle).result.outcome == 'failure'


def stopped(w: World) -> None:
    w.state.state = ExecutorState.STOPPED
    w.state.stop_reason = 'a hand on the button'


def silent(w: World) -> None:
    w.alive = False


def taken_over(w: World) -> None:
    w.state.generation += 1


def recorder_killed(world: World) -> None:
    world.recorder.values = []  # of one that was started again: it records nothing


def disk_failed(world: World) -> None:
    world.recorder.level = DiagnosticStatus.ERROR
    world.recorder.message = 'the disk failed'


@pytest.mark.parametrize(
    ('fault', 'text'),
    [
        (stopped, 'a hand on the button'),
        (silent, 'no executor state for 1 s'),
        (taken_over, 'somebody else took over'),
        (recorder_killed, 'the recorder has not said for 5 s that it records /data/e1.partial'),
        (disk_failed, 'the recording failed: the disk failed'),
    ],
)
def test_a_run_that_breaks_is_aborted_and_its_recording_closed(
    ros: Any, fault: Callable[[World], None], text: str
) -> None:
    w = World(ros)
    handle = w.send()
    w.running()
    w.until(lambda: any(item.chunks for item in w.feedback), 'the run')
    fault(w)
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.outcome == 'aborted'
    assert text in answer.result.message
    assert answer.result.episode == '/data/e1'
    assert w.called()[-2:] == ['/executor/hold', '/recorder/stop_episode']
    stop = w.request('/recorder/stop_episode')
    assert (stop.outcome, stop.by) == ('aborted', 'rollout')
    assert text in stop.note


def test_a_run_without_chunks_ends_with_what_the_nodes_complain_of(ros: Any) -> None:
    w = World(ros, starvation_timeout_s=1.0)
    diagnostics = w.ros.node.create_publisher(DiagnosticArray, '/diagnostics', 10)
    w.ros.wait(diagnostics.get_subscription_count)
    handle = w.send()
    w.running()
    w.until(lambda: any(item.chunks for item in w.feedback), 'the run')
    for level, name, text in (
        (DiagnosticStatus.ERROR, 'camera_sync', 'stalled: cam_high'),
        (DiagnosticStatus.OK, 'recorder', 'ok'),
    ):
        diagnostics.publish(
            DiagnosticArray(status=[DiagnosticStatus(level=level, name=name, message=text)])
        )
    w.state.state = ExecutorState.HOLDING
    message = w.result(handle).result.message
    assert message == 'no chunk for 1 s (camera_sync: stalled: cam_high)'


def test_a_policy_that_vanishes_for_a_while_ends_nothing(ros: Any) -> None:
    w = World(ros, starvation_timeout_s=2.0)
    handle = w.send(time_limit_s=4.0)
    w.running()
    w.until(lambda: any(item.chunks for item in w.feedback), 'the run')
    ros.node.destroy_service(w.services['/policy/reset'])
    w.state.state = ExecutorState.HOLDING
    held_ns = w.time_ns
    w.until(lambda: w.time_ns > held_ns + 10**9, 'a second')
    w.state.state = ExecutorState.RUNNING  # another process serves
    result = w.result(handle).result
    assert (result.outcome, result.message) == ('failure', 'time limit of 4 s')


def test_a_real_rig_is_opened_and_nobody_judges(ros: Any) -> None:
    w = World(ros, absent=('/sim/reset_scene',), rig='aloha')
    handle = w.send(time_limit_s=1.0, seed=-1)
    w.running()
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert (answer.result.outcome, answer.result.episode) == ('', '/data/e1')
    assert w.called() == [
        '/executor/hold',
        '/arms/open',
        '/policy/reset',
        '/recorder/start_episode',
        '/executor/start',
        '/executor/hold',
        '/recorder/stop_episode',
    ]
    assert w.request('/recorder/start_episode').seed == -1
    stop = w.request('/recorder/stop_episode')
    assert (stop.outcome, stop.by) == ('', 'rollout')


def test_arms_that_cannot_be_opened_abort_before_anything_moves(ros: Any) -> None:
    w = World(ros, absent=('/sim/reset_scene',), rig='aloha')
    w.answers['/arms/open'] = {'success': False, 'message': 'elbow reports overload'}
    answer = w.result(w.send(seed=-1))
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.message == '/arms/open: elbow reports overload'
    assert w.called() == ['/executor/hold', '/arms/open', '/executor/hold']


def test_the_arms_go_home_afterwards_where_that_is_wanted(ros: Any) -> None:
    w = World(ros, home_after=True)
    handle = w.send(time_limit_s=1.0)
    w.running()
    assert w.result(handle).result.outcome == 'failure'
    assert w.called()[-2:] == ['/recorder/stop_episode', '/executor/go_to_pose']
    assert w.request('/executor/go_to_pose').pose == 'start'


def test_stopped_arms_stay_where_they_are(ros: Any) -> None:
    w = World(ros, home_after=True)
    handle = w.send()
    w.running()
    stopped(w)
    assert w.result(handle).result.outcome == 'aborted'
    assert w.called()[-1] == '/recorder/stop_episode'


def test_a_way_home_that_is_refused_is_told(ros: Any) -> None:
    w = World(ros, home_after=True)
    w.answers['/executor/go_to_pose'] = {'accepted': False, 'message': 'not today'}
    handle = w.send(time_limit_s=1.0)
    w.running()
    result = w.result(handle).result
    assert result.message == 'time limit of 1 s; /executor/go_to_pose: not today'
    assert w.request('/recorder/stop_episode').outcome == 'failure'


def test_a_cancelled_rollout_holds_and_closes_its_recording(ros: Any) -> None:
    w = World(ros)
    handle = w.send()
    w.running()
    future = handle.cancel_goal_async()
    w.until(future.done, 'the answer to the cancel request')
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.outcome == 'aborted'
    assert w.called()[-2:] == ['/executor/hold', '/recorder/stop_episode']
