"""The policy node: requests, refusals, and policies that fail."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from policy_bench import POSITION, Bench, levels
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


def test_a_note_is_a_warning_once_after_each_reset(ros: Any) -> None:
    b = Bench(ros)
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    text = 'an answer has the note: 1 of 3 not judged: deadline'
    for request in (1, 3):
        assert b.reset('plan').accepted
        b.predict(request, 'plan')
        ros.wait(lambda: (DiagnosticStatus.WARN, True) in levels(diagnostics, text))
        b.predict(request + 1, 'plan')
        diagnostics.clear()
        ros.wait(lambda: len(diagnostics) == 2)
        assert levels(diagnostics, text) == [(DiagnosticStatus.OK, False)] * 2
        diagnostics.clear()


def test_an_error_is_on_the_status_until_an_inference_succeeds(ros: Any) -> None:
    b = Bench(ros)
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    assert b.reset('out of memory').accepted
    text = 'OutOfMemoryError: tried to allocate 20 MiB'
    assert text in b.predict(1, 'out of memory').error
    ros.wait(lambda: (DiagnosticStatus.ERROR, True) in levels(diagnostics, text))
    diagnostics.clear()
    ros.wait(lambda: len(diagnostics) == 2)
    assert levels(diagnostics, text) == [(DiagnosticStatus.ERROR, True)] * 2
    assert b.reset('wave').accepted
    diagnostics.clear()
    ros.wait(lambda: diagnostics)
    assert levels(diagnostics, 'ok') == [(DiagnosticStatus.OK, True)]
    values = {item.key: item.value for item in diagnostics[0].status[0].values}
    assert values['inferences failed'] == '1'


def test_a_reset_that_is_repeated_while_it_runs_runs_once(ros: Any, tmp_path: Path) -> None:
    release, log = tmp_path / 'release', tmp_path / 'log'
    b = Bench(ros, options=f'{{reset_release: {release}, log: {log}}}')
    client = ros.node.create_client(ResetPolicy, '/policy/reset')
    ros.wait(client.service_is_ready)
    asked = [client.call_async(ResetPolicy.Request(task='slow reset')) for _ in range(3)]
    ros.wait(lambda: 'is being reset' in b.ask(1, 'slow reset').message)
    release.touch()
    ros.wait(lambda: all(future.done() for future in asked))
    assert all(future.result().accepted for future in asked)
    assert log.read_text().splitlines() == ['reset slow reset']


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
        ('out of memory', 'OutOfMemoryError: tried to allocate 20 MiB'),
        ('nan', 'actions: not finite: nan at row 3, column 5, 1 in all'),
        ('inf', 'actions: not finite: -inf at row 9, column 13, 1 in all'),
        ('nan value', 'value: not finite: nan, 1 in all'),
        ('chosen out of range', 'chosen = 1, allowed 0 to 0'),
        ('shape', 'shape (9, 14), expected (10, 14)'),
        ('prefix', 'prefix_rows'),
        ('future of another shape', 'future_proprioception: shape (3,), expected (14,)'),
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
