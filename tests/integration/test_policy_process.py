"""The policy node from its start-up to its end."""

import signal
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from policy_bench import Bench, levels, policy_file, start
from wam_msgs.srv import ResetPolicy

from wam_bringup.node_spec import REFUSED


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
