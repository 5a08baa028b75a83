"""The policy node: requests, refusals, and policies that fail."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from policy_bench import CAMERAS, POSITION, Bench, policy_file, start
from wam_msgs.srv import ResetPolicy

from wam_nodes.conversions import frame_set, nanoseconds


def test_a_request_is_answered_with_rows_on_the_time_of_the_observation(ros: Any) -> None:
    b = Bench(ros)
    answer = b.reset('wave')
    assert answer.accepted, answer.message
    assert answer.policy == 'testing'
    assert json.loads(answer.specification)['horizon'] == 10
    chunk = b.predict(7, 'wave')
    assert chunk.error == ''
    assert (chunk.request_id, chunk.generation, chunk.task) == (7, 2, 'wave')
    assert chunk.policy == 'testing'
    assert chunk.dt.nanosec == 40_000_000
    assert (chunk.horizon, chunk.action_dim) == (10, 14)
    assert np.allclose(np.reshape(chunk.actions, (10, 14)), POSITION)
    assert chunk.stage_names == ['total']
    assert chunk.stage_ms[0] >= 0.0
    assert 0 < nanoseconds(chunk.header.stamp) <= ros.node.get_clock().now().nanoseconds
    assert b.futures == []
    assert b.process.terminate_and_wait() == 0


def test_what_is_predicted_of_the_future_is_published(ros: Any) -> None:
    b = Bench(ros)
    assert b.reset('future').accepted
    chunk = b.predict(1, 'future')
    ros.wait(lambda: b.futures)
    (future,) = b.futures
    assert future.request_id == 1
    assert future.header.stamp == chunk.header.stamp
    assert nanoseconds(future.offset) == 10 * 40_000_000
    assert future.cameras == list(CAMERAS)
    assert (future.height, future.width) == (8, 6)
    assert set(future.data) == {7}
    assert len(future.data) == 2 * 8 * 6 * 3
    assert future.has_proprioception
    assert future.proprioception == pytest.approx(POSITION + 1.0)
    assert (future.has_value, future.value) == (True, 0.25)
    assert list(future.candidate_values) == [0.125, 0.25]
    assert chunk.stage_names == ['denoise', 'total']


def test_requests_that_cannot_be_served_are_refused_with_the_reason(
    ros: Any,
) -> None:
    b = Bench(ros)
    assert b.reset('wave').accepted
    refusal = b.ask(2, 'wave')
    assert not refusal.accepted
    assert refusal.message
    assert "'sing', but the policy was reset to 'wave'" in b.ask(3, 'sing').message

    def old() -> bool:
        b.observe(b.ros.node.get_clock().now().nanoseconds - 5 * 10**9)
        return 'observation_max_age_s' in b.ask(4, 'wave').message

    b.ros.wait(old, what='a refusal of an old observation')
    assert b.predict(5, 'wave').error == ''
    future_ns = b.ros.node.get_clock().now().nanoseconds + 3600 * 10**9
    assert not b.ask(6, 'wave', not_before_ns=future_ns).accepted
    assert [chunk.request_id for chunk in b.chunks] == [5]


def test_a_process_that_was_started_anew_resets_itself_to_the_task_it_is_asked_for(
    ros: Any,
) -> None:
    b = Bench(ros)
    first = b.ask(1, 'wave')
    assert not first.accepted  # it takes its time, and the executor asks again
    chunk = b.predict(2, 'wave')
    assert (chunk.error, chunk.task) == ('', 'wave')
    assert "resets itself to 'wave'" in b.process.output
    # Only once: from here on the task is what it was reset to.
    assert "'sing', but the policy was reset to 'wave'" in b.ask(3, 'sing').message


def test_a_process_that_cannot_reset_itself_says_so_and_is_reset_as_any_other(ros: Any) -> None:
    b = Bench(ros)
    assert not b.ask(1, 'impossible').accepted
    ros.wait(lambda: 'reset to None' in b.ask(2, 'impossible').message, what='the refusal')
    assert "expected one of ['possible']" in b.process.output
    assert b.reset('wave').accepted
    assert b.predict(3, 'wave').error == ''


def test_a_reset_that_fails_leaves_the_policy_unready(ros: Any) -> None:
    b = Bench(ros)
    other = b.reset('wave', policy='cosmos')
    assert not other.accepted
    assert "'cosmos', but 'testing' is loaded" in other.message
    assert "expected one of ['possible']" in b.reset('impossible').message
    assert b.reset('broken reset').message == 'ZeroDivisionError: reset divided by zero'
    b.observe()
    assert not b.ask(1, 'broken reset').accepted
    assert b.reset('wave').accepted


@pytest.mark.parametrize(
    ('task', 'text'),
    [
        ('strange', 'StrangeError: nobody has heard of me'),
        ('key', "KeyError: 'statistics'"),
        ('nan', 'not finite: nan at row 3, column 5'),
        ('shape', 'shape (9, 14), expected (10, 14)'),
        ('prefix', 'prefix_rows'),
        ('future of another shape', 'proprioception'),
    ],
)
def test_a_policy_that_fails_makes_an_error_chunk_and_the_node_goes_on(
    ros: Any, task: str, text: str
) -> None:
    b = Bench(ros)
    assert b.reset(task).accepted
    chunk = b.predict(1, task)
    assert text in chunk.error
    assert chunk.horizon == 0
    assert len(chunk.actions) == 0
    b.ros.wait(lambda: text in b.process.output, what='the log')
    assert b.reset('wave').accepted
    assert b.predict(2, 'wave').error == ''


def test_a_second_request_is_refused_while_an_inference_runs(ros: Any, tmp_path: Path) -> None:
    release = tmp_path / 'release'
    b = Bench(ros, options=f'{{release: {release}}}')
    assert b.reset('wait').accepted

    def accepted() -> bool:
        b.observe()
        return bool(b.ask(1, 'wait').accepted)

    ros.wait(accepted)
    for request_id in (2, 3):
        b.observe()
        refusal = b.ask(request_id, 'wait')
        assert not refusal.accepted
        assert refusal.message == 'busy: the policy infers request 1'
    assert b.chunks == []
    release.touch()
    ros.wait(lambda: b.chunks)
    assert b.chunks[0].error == ''
    assert b.predict(4, 'wait').error == ''


def test_a_reset_that_waited_for_an_inference_keeps_requests_out(ros: Any, tmp_path: Path) -> None:
    release, reset_release = tmp_path / 'release', tmp_path / 'reset_release'
    b = Bench(ros, options=f'{{release: {release}, reset_release: {reset_release}}}')
    assert b.reset('wait').accepted

    def accepted() -> bool:
        b.observe()
        return bool(b.ask(1, 'wait').accepted)

    ros.wait(accepted)
    client = ros.node.create_client(ResetPolicy, '/policy/reset')
    ros.wait(client.service_is_ready)
    resetting = client.call_async(ResetPolicy.Request(task='slow reset'))
    ros.wait(lambda: 'is being reset' in b.ask(2, 'wait').message)
    release.touch()
    ros.wait(lambda: b.chunks)
    assert b.ask(3, 'slow reset').message == 'busy: the policy is being reset'
    reset_release.touch()
    ros.wait(resetting.done)
    assert resetting.result().accepted
    assert b.predict(4, 'slow reset').error == ''


def test_frames_of_other_cameras_are_named_and_not_used(ros: Any) -> None:
    b = Bench(ros)
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    assert b.reset('wave').accepted
    images = np.zeros((2, 8, 6, 3), np.uint8)

    def named() -> bool:
        now_ns = ros.node.get_clock().now().nanoseconds
        b.frames.publish(frame_set(('cam_high', 'cam_low'), [now_ns, now_ns], images))
        messages = [status.message for array in diagnostics for status in array.status]
        return any("/frame_set has cameras ['cam_high', 'cam_low']" in text for text in messages)

    ros.wait(named, what='the diagnosis')
    assert not b.ask(1, 'wave').accepted
    assert b.predict(2, 'wave').error == ''


@pytest.mark.parametrize(
    ('params', 'parts'),
    [
        ({'policy': 'cosmoss'}, ["unknown policy 'cosmoss'", "'hold'"]),
        ({'polcy': 'hold'}, ["unknown parameter 'polcy' = 'hold'", "'policy'", 'policy-0.yaml']),
        ({'observation_depth': 0}, ["'observation_depth' = 0", '2 to 1000', 'policy-0.yaml']),
        ({'rig': 'tabletop'}, ["unknown rig 'tabletop'", "'sim'"]),
        ({'options': '[1'}, ["options = '[1'"]),
    ],
)
def test_bad_parameters_stop_the_node_at_start_up(
    ros: Any, params: dict[str, Any], parts: list[str]
) -> None:
    process = start(ros, **params)
    assert process.wait() == 1
    for part in parts:
        assert part in process.output
    assert 'Traceback' not in process.output


def test_a_policy_that_does_not_fit_the_rig_stops_the_node(ros: Any) -> None:
    path = policy_file(ros.folder, 'hold', cameras=('cam_high', 'cam_low'))
    process = start(ros, policy=path)
    assert process.wait() == 1
    assert "needs camera 'cam_low'" in process.output
    assert "rig 'sim' has" in process.output
