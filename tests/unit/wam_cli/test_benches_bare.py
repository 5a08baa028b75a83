"""The loop that only sleeps, beside the executor."""

import json
import subprocess
import sys

import pytest

from wam_cli.benches.bare import first_due_ns

P = 40_000_000


@pytest.mark.parametrize('system_ns', [0, 1, P // 2 - 1, P // 2, P // 2 + 1, P - 1, 1000 * P + 7])
def test_its_ticks_are_between_those_of_the_executor(system_ns: int) -> None:
    ahead_ns = first_due_ns(5, system_ns, P) - 5
    assert 0 <= ahead_ns < P
    assert (system_ns + ahead_ns) % P == P // 2


def test_the_process_tells_how_late_each_tick_was() -> None:
    command = [sys.executable, '-m', 'wam_cli.benches.bare', '200']
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == 'ready\n'
        output, _ = started.communicate('begin\n', timeout=60)
    lateness_ms = json.loads(output)['lateness_ms']
    assert lateness_ms
    assert min(lateness_ms) >= 0
