"""The policy node: requests, refusals, and policies that fail."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from policy_bench import CAMERAS, POSITION, Bench, policy_file, start
from wam_msgs.msg import PredictedFuture
from wam_msgs.srv import ResetPolicy

from wam_bringup.node_spec import REFUSED
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
    assert (future.candidates, future.chosen) == (1, 0)
    assert (future.horizon, future.action_dim) == (10, 14)
    assert list(future.actions) == list(chunk.actions)
    assert list(future.values) == [0.25]
    assert future.proprioception == pytest.approx(POSITION + 1.0)
    assert future.cameras == list(CAMERAS)
    assert (future.height, future.width) == (8, 6)
    assert set(future.data) == {7}
    assert len(future.data) == 2 * 8 * 6 * 3
    assert future.decode_ms > 0.0
    assert future.note == ''
    assert chunk.stage_names == ['denoise', 'total']


def test_a_planner_shows_all_candidates_and_the_chosen_one(ros: Any) -> None:
    b = Bench(ros)
    assert b.reset('plan').accepted
    chunk = b.predict(1, 'plan')
    ros.wait(lambda: b.futures)
    (future,) = b.futures
    assert (future.candidates, future.chosen) == (3, 1)
    assert future.note == '1 of 3 not judged: deadline'
    actions = np.reshape(future.actions, (3, 10, 14))
    assert np.array_equal(actions[1].ravel(), chunk.actions)
    assert actions[:, 0, 0] == pytest.approx(POSITION[0] + np.array([0.1, 0.0, 0.2]))
    assert future.values == pytest.approx([0.125, 0.5, np.nan], nan_ok=True)
    states = np.reshape(future.proprioception, (3, 14))
    assert states[1] == pytest.approx(POSITION + 2.0)
    assert np.isnan(states[2]).all()
    images = np.reshape(future.data, (3, 2, 8, 6, 3))
    assert [set(candidate.ravel()) for candidate in images] == [{7}, {8}, {9}]


def test_images_are_decoded_for_somebody_only(ros: Any, tmp_path: Path) -> None:
    log = tmp_path / 'log'
    b = Bench(ros, options=f'{{log: {log}}}', watched=False)
    assert b.reset('future').accepted
    for request_id in (1, 2):
        assert b.predict(request_id, 'future').error == ''
    assert log.read_text().splitlines() == ['reset future']
    futures: list[PredictedFuture] = ros.collect(PredictedFuture, '/predicted_future')
    ros.wait(lambda: ros.node.count_publishers('/predicted_future'))

    def shown() -> bool:
        b.predict(3 + len(b.chunks), 'future')
        return any(len(future.data) for future in futures)

    ros.wait(shown, what='images')
    assert 'decode future' in log.read_text()


def test_a_request_that_comes_while_images_are_decoded_is_served_next(
    ros: Any, tmp_path: Path
) -> None:
    release = tmp_path / 'release'
    b = Bench(ros, options=f'{{decode_release: {release}, log: {tmp_path / "log"}}}')
    assert b.reset('future').accepted
    b.predict(1, 'future')  # the chunk doesn't wait for the images
    b.begin(2, 'future')
    assert b.ask(3, 'future').message == 'busy: the policy infers request 2'
    newest_ns = b.observe()
    assert (len(b.chunks), b.futures) == (1, [])
    release.touch()
    ros.wait(lambda: len(b.futures) == 2)
    assert [future.request_id for future in b.futures] == [1, 2]
    assert [chunk.error for chunk in b.chunks] == ['', '']
    # Of the newest observation, not of the one that was the newest when the request came.
    assert nanoseconds(b.chunks[1].header.stamp) == newest_ns


def test_a_reset_while_a_request_waits_for_images_refuses_the_request(
    ros: Any, tmp_path: Path
) -> None:
    release = tmp_path / 'release'
    b = Bench(ros, options=f'{{decode_release: {release}}}')
    assert b.reset('future').accepted
    b.predict(1, 'future')
    b.begin(2, 'future')
    client = ros.node.create_client(ResetPolicy, '/policy/reset')
    ros.wait(client.service_is_ready)
    resetting = client.call_async(ResetPolicy.Request(task='wave'))
    ros.wait(lambda: 'is being reset' in b.ask(3, 'future').message)
    release.touch()
    ros.wait(resetting.done)
    ros.wait(lambda: len(b.chunks) == 2)
    assert (b.chunks[1].request_id, b.chunks[1].horizon) == (2, 0)
    assert b.chunks[1].error == 'busy: the policy is being reset'
    assert b.predict(4, 'wave').error == ''


@pytest.mark.parametrize(
    ('task', 'text'),
    [
        ('broken images', 'StrangeError: the decoder broke'),
        ('images of another shape', 'expected uint8, (1, 2, height, width, 3)'),
    ],
)
def test_images_that_cannot_be_decoded_cost_nothing_but_themselves(
    ros: Any, task: str, text: str
) -> None:
    b = Bench(ros)
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    assert b.reset(task).accepted
    assert b.predict(1, task).error == ''
    ros.wait(lambda: b.futures)
    (future,) = b.futures
    assert (len(future.data), list(future.cameras)) == (0, [])
    assert list(future.values) == [0.25]
    assert text in future.note
    ros.wait(lambda: (DiagnosticStatus.WARN, True) in levels(diagnostics, text))
    assert b.predict(2, task).error == ''


def levels(diagnostics: list[DiagnosticArray], text: str) -> list[tuple[Any, bool]]:
    """The levels that were reported, and whether with that text."""
    return [
        (status.level, text in status.message) for array in diagnostics for status in array.status
    ]


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


def test_services_appear_when_the_policy_is_loaded_and_the_status_says_so_before(
    ros: Any, tmp_path: Path
) -> None:
    release = tmp_path / 'release'
    path = policy_file(tmp_path, options=f'{{load_release: {release}}}')
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    process = start(ros, policy=path)
    text = "loads policy 'testing'"
    ros.wait(lambda: (DiagnosticStatus.WARN, True) in levels(diagnostics, text))
    assert not {name for name, _ in ros.node.get_service_names_and_types()} & {
        '/policy/reset',
        '/policy/predict_chunk',
    }
    assert 'ready' not in process.output
    release.touch()
    reset = ResetPolicy.Request(task='wave')
    assert ros.call(ResetPolicy, '/policy/reset', reset).accepted
    ros.wait(lambda: 'ready' in process.output)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_loads_can_be_ended(ros: Any, tmp_path: Path, number: Any) -> None:
    path = policy_file(tmp_path, options=f'{{load_release: {tmp_path / "never"}}}')
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    process = start(ros, policy=path)
    ros.wait(lambda: diagnostics)
    process.send(number)
    assert process.wait() == 0
    assert 'Traceback' not in process.output


def test_a_process_whose_policy_is_busy_can_be_ended(ros: Any, tmp_path: Path) -> None:
    b = Bench(ros, options=f'{{release: {tmp_path / "never"}}}')
    assert b.reset('wait').accepted
    b.begin(1, 'wait')
    assert b.process.terminate_and_wait() == 0
    assert 'Traceback' not in b.process.output


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


def test_a_process_that_was_started_anew_resets_itself_to_the_task_it_is_asked_for(
    ros: Any,
) -> None:
    b = Bench(ros)
    first = b.ask(1, 'wave')
    assert not first.accepted  # it takes its time, and the executor asks again
    chunk = b.predict(2, 'wave')
    assert (chunk.error, chunk.task) == ('', 'wave')
    ros.wait(lambda: "resets itself to 'wave'" in b.process.output, what='the line that says so')
    # Only once: from here on the task is what it was reset to.
    assert "'sing', but the policy was reset to 'wave'" in b.ask(3, 'sing').message


def test_a_process_that_cannot_reset_itself_says_so_and_is_reset_as_any_other(ros: Any) -> None:
    b = Bench(ros)
    assert not b.ask(1, 'impossible').accepted
    ros.wait(lambda: 'reset to None' in b.ask(2, 'impossible').message, what='the refusal')
    # What it prints comes by another way than what it answers.
    ros.wait(lambda: "expected one of ['possible']" in b.process.output, what='the reason')
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


@pytest.mark.parametrize(
    ('params', 'parts'),
    [
        ({'policy': 'cosmoss'}, ["unknown policy 'cosmoss'", "'hold'"]),
        ({'polcy': 'hold'}, ["unknown parameter 'polcy' = 'hold'", "'policy'", 'policy-0.yaml']),
        ({'observation_depth': 0}, ["'observation_depth' = 0", '2 to 1000', 'policy-0.yaml']),
        ({'rig': 'tabletop'}, ["unknown rig 'tabletop'", "'sim'"]),
        ({'options': '[1'}, ["options '[1'"]),
        ({'options': '{speed: 1}'}, ['hold has no options', "'speed'"]),
    ],
)
def test_bad_parameters_stop_the_node_at_start_up(
    ros: Any, params: dict[str, Any], parts: list[str]
) -> None:
    process = start(ros, **params)
    assert process.wait() == REFUSED
    for part in parts:
        assert part in process.output
    assert 'Traceback' not in process.output


def test_a_policy_that_cannot_be_loaded_stops_the_node(ros: Any) -> None:
    path = policy_file(ros.folder, options='{broken: true}')
    process = start(ros, policy=path)
    assert process.wait() == REFUSED
    text = 'cannot be loaded: StrangeError: the weights are of another planet'
    assert f"policy 'testing' ({path}) {text}" in process.output


def test_a_policy_that_does_not_fit_the_rig_stops_the_node(ros: Any) -> None:
    path = policy_file(ros.folder, 'hold', cameras=('cam_high', 'cam_low'))
    process = start(ros, policy=path)
    assert process.wait() == REFUSED
    assert "needs camera 'cam_low'" in process.output
    assert "rig 'sim' has" in process.output
