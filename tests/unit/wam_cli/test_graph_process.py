"""What is said when the graph in the background fails."""

import sys
from pathlib import Path

import pytest

from wam_cli import parking
from wam_cli.graph_process import GraphProcess
from wam_core.errors import WamError


def test_the_guilty_node_is_named_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    process = GraphProcess('rollout', [])
    process.logs.mkdir()
    (process.logs / 'wam.log').write_text(
        'started sim (process 1)\nsim ended with exit code 1: stopping everything\nstopped\n'
    )
    (process.logs / 'sim.log').write_text('\n'.join(f'line {k}' for k in range(100)))
    reason = process.reason()
    assert reason.startswith('sim ended with exit code 1\n')
    assert reason.endswith('line 99')
    assert 'line 79\n' not in reason


def test_a_graph_that_ends_at_once_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    with GraphProcess('nothing', []) as process:
        assert process._child is not None
        assert process._child.wait(60) == 2
        with pytest.raises(WamError, match='invalid choice'):
            process.check()


# A graph that parks: it ends at the second signal only.
PARKING = """
import signal, sys
from pathlib import Path
logs = Path(sys.argv[sys.argv.index('--log-directory') + 1])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
(logs / 'ready').touch()
signal.sigwait([signal.SIGTERM])
(logs / 'park.log').write_text('on the way\\nto the sleep pose\\n')
signal.sigwait([signal.SIGTERM])
"""


def test_ctrl_c_while_it_parks_stops_the_graph_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    monkeypatch.setattr(parking, 'wam', lambda *words: [sys.executable, '-c', PARKING, *words])
    seen = []

    def stopping() -> None:
        if process.parking() and not seen:
            seen.append(process.parking())
            raise KeyboardInterrupt

    process = GraphProcess('rollout', [], stopping)
    with process:
        while not (process.logs / 'ready').exists():
            process.check()
        assert process.parking() == ''
        process.stop()
    assert seen == ['to the sleep pose']
    assert process._child is not None
    assert process._child.returncode == 0
