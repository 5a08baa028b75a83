"""Processes under ``wam up``: order, restarts, failures, signals, and no orphans."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

TIMEOUT_S = 60.0

# argv: name, and what it does. It says when it is up, and what ended it.
CHILD = """
import os, signal, sys, time
name, kind = sys.argv[1:]
def stop(*_):
    os.write(1, f'{name} stops\\n'.encode())  # print may be what is interrupted
    if kind != 'stubborn':
        os._exit(0)
signal.signal(signal.SIGTERM, stop)
print(name, 'up', flush=True)
if kind == 'ends':
    print(name, 'ends', flush=True)
    sys.exit(0)
if kind == 'dies':
    print('\\n'.join(f'line {k}' for k in range(2000)))
    sys.exit('the reason')
if kind == 'refuses':
    print('what is wrong', flush=True)
    sys.exit(2)
while True:
    signal.pause()
"""

# argv: log directory, then name,kind,respawn,required[,at_end] for each process.
PARENT = """
import asyncio, os, sys
from pathlib import Path
from wam_cli.node_log import NodeLog
from wam_cli.supervisor import Process, Supervisor
processes = []
for word in sys.argv[2:]:
    name, kind, respawn, required, *end = word.split(',')
    command = (sys.executable, os.environ['CHILD'], name, kind)
    processes.append(Process(name, command, respawn == '1', required == '1', bool(end)))
log = NodeLog(Path(sys.argv[1]), echo=True)
print('RESULT', asyncio.run(Supervisor(processes, log, os.environ, grace_s=1.0).run()))
"""


class Parent:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, processes: tuple[str, ...]) -> None:
        child, parent = folder / 'child.py', folder / 'parent.py'
        child.write_text(CHILD)
        parent.write_text(PARENT)
        self.folder = folder
        with (folder / 'output').open('wb') as output:
            self.popen = subprocess.Popen(
                [sys.executable, str(parent), str(folder / 'logs'), *processes],
                env={**os.environ, 'CHILD': str(child)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return (self.folder / 'output').read_text()

    def await_output(self, *texts: str) -> None:
        wait(lambda: all(text in self.output for text in texts), self)

    def wait(self) -> str:
        """Its output after it has ended by itself."""
        self.popen.wait(TIMEOUT_S)
        return self.output

    def children(self) -> list[psutil.Process]:
        """The processes that it has started and that still run."""
        marker = str(self.folder / 'child.py')
        return [
            process
            for process in psutil.process_iter(['cmdline'])
            if marker in (process.info['cmdline'] or [])
        ]


def wait(condition: Callable[[], bool], parent: Parent) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, parent.output
        time.sleep(0.02)


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Parent]]:
    parents: list[Parent] = []

    def start(*processes: str) -> Parent:
        parents.append(Parent(tmp_path, processes))
        return parents[-1]

    yield start
    for parent in parents:
        if parent.popen.poll() is None:
            parent.popen.kill()
        parent.popen.wait(TIMEOUT_S)
        for process in parent.children():
            process.kill()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_the_opposite_order(
    supervise: Callable[..., Parent], number: signal.Signals
) -> None:
    parent = supervise('a,runs,0,1', 'b,runs,1,1', 'c,runs,0,0')
    parent.await_output('[a] a up', '[b] b up', '[c] c up')
    parent.popen.send_signal(number)
    output = parent.wait()
    places = [output.index(f'[{name}] {name} stops') for name in 'cba']
    assert places == sorted(places)
    assert output.endswith('RESULT \n')
    assert parent.children() == []


def test_one_that_ignores_the_signal_is_killed(supervise: Callable[..., Parent]) -> None:
    parent = supervise('a,runs,0,1', 'b,stubborn,0,1')
    parent.await_output('[a] a up', '[b] b up')
    parent.popen.send_signal(signal.SIGTERM)
    output = parent.wait()
    assert 'b did not end within 1 s: killed' in output
    assert '[a] a stops' in output
    assert parent.children() == []


def test_a_required_one_that_dies_ends_all_and_its_last_words_are_kept(
    supervise: Callable[..., Parent],
) -> None:
    parent = supervise('a,runs,0,1', 'b,dies,0,1')
    output = parent.wait()
    assert '[b] line 1999\n' in output
    assert '[b] the reason\n' in output
    assert output.endswith('RESULT b ended with exit code 1\n')
    assert 'the reason' in (parent.folder / 'logs' / 'b.log').read_text()
    assert parent.children() == []


def test_one_that_is_not_required_may_die(supervise: Callable[..., Parent]) -> None:
    parent = supervise('a,runs,0,1', 'b,dies,0,0')
    parent.await_output('[a] a up', '[wam] b ended with exit code 1')
    parent.popen.send_signal(signal.SIGTERM)
    assert parent.wait().endswith('RESULT \n')


def test_a_killed_one_is_started_again(supervise: Callable[..., Parent]) -> None:
    parent = supervise('a,runs,1,1')
    parent.await_output('[a] a up')
    parent.children()[0].kill()
    parent.await_output('[wam] a was ended by SIGKILL', '[wam] started a again')
    wait(lambda: parent.output.count('[a] a up') == 2, parent)
    parent.popen.send_signal(signal.SIGTERM)
    assert parent.wait().endswith('RESULT \n')
    assert parent.children() == []


def test_one_that_keeps_dying_is_given_up(supervise: Callable[..., Parent]) -> None:
    parent = supervise('a,runs,0,1', 'b,dies,1,1')
    output = parent.wait()
    assert output.count('[b] the reason') == 4
    assert 'RESULT b ended 4 times within 30 s' in output
    assert parent.children() == []


def test_one_that_refuses_to_start_is_given_up_at_once(supervise: Callable[..., Parent]) -> None:
    parent = supervise('a,runs,0,1', 'b,refuses,1,1')
    output = parent.wait()
    assert output.count('[b] what is wrong') == 1
    assert 'RESULT b refused to start' in output
    assert parent.children() == []


def test_a_killed_supervisor_leaves_no_process(supervise: Callable[..., Parent]) -> None:
    parent = supervise('a,runs,1,1', 'b,stubborn,0,1')
    parent.await_output('[a] a up', '[b] b up')
    assert len(parent.children()) == 2
    parent.popen.kill()
    wait(lambda: parent.children() == [], parent)


# What runs at the end stands between a and c: it runs when c has ended and a has not.
AT_END = ('a,runs,0,1', 'b,{},0,0,end', 'c,runs,0,1')


def at_end(supervise: Callable[..., Parent], kind: str) -> Parent:
    parent = supervise(*(word.format(kind) for word in AT_END))
    parent.await_output('[a] a up', '[c] c up', 'started c')
    return parent


def in_order(output: str, *texts: str) -> bool:
    places = [output.find(text) for text in texts]
    return -1 not in places and places == sorted(places)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_what_is_to_run_at_the_end_runs_when_its_turn_comes(
    supervise: Callable[..., Parent], number: signal.Signals
) -> None:
    parent = at_end(supervise, 'ends')
    assert 'b up' not in parent.output
    parent.popen.send_signal(number)
    output = parent.wait()
    assert in_order(
        output, '[c] c stops', '[wam] b runs', '[b] b ends', '[wam] b is done', '[a] a stops'
    ), output
    assert output.endswith('RESULT \n')
    assert parent.children() == []


def test_it_may_fail(supervise: Callable[..., Parent]) -> None:
    parent = at_end(supervise, 'dies')
    parent.popen.send_signal(signal.SIGINT)
    output = parent.wait()
    assert in_order(output, '[b] the reason', '[wam] b ended with exit code 1', '[a] a stops')
    assert output.endswith('RESULT \n')


def test_a_second_signal_cuts_it_short(supervise: Callable[..., Parent]) -> None:
    parent = at_end(supervise, 'runs')
    parent.popen.send_signal(signal.SIGINT)
    parent.await_output('[b] b up')
    parent.popen.send_signal(signal.SIGINT)
    output = parent.wait()
    assert in_order(output, '[wam] b is cut short', '[b] b stops', '[a] a stops'), output
    assert output.endswith('RESULT \n')
    assert parent.children() == []


@pytest.mark.parametrize('number', [signal.SIGHUP, signal.SIGQUIT])
def test_without_anybody_who_watches_it_does_not_run(
    supervise: Callable[..., Parent], number: signal.Signals
) -> None:
    parent = at_end(supervise, 'ends')
    parent.popen.send_signal(number)
    output = parent.wait()
    assert '[wam] no b: told to stop at once' in output
    assert '[b]' not in output
    assert output.endswith('RESULT \n')


def test_after_a_failure_it_does_not_run(supervise: Callable[..., Parent]) -> None:
    parent = at_end(supervise, 'ends')
    next(child for child in parent.children() if 'c' in child.cmdline()).kill()
    output = parent.wait()
    assert '[wam] no b: c was ended by SIGKILL' in output
    assert '[b]' not in output
    assert 'RESULT c was ended by SIGKILL' in output
