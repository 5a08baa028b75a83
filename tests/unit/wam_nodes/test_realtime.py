"""What is asked of the operating system, and what is said when it says no."""

import os
import resource
import subprocess
import sys

import pytest

from wam_nodes import realtime

# In a process of its own: it changes the whole process.
GRANTED = """
import os, threading
from pathlib import Path
from wam_nodes.realtime import prepare
end = threading.Event()
threads = [threading.Thread(target=end.wait) for _ in range(3)]
for thread in threads[:2]: thread.start()
granted = prepare(10)
threads[2].start()
scheduled = [
    (os.sched_getscheduler(int(task.name)), os.sched_getparam(int(task.name)).sched_priority)
    for task in Path('/proc/self/task').iterdir()
]
def control():
    granted.enter()
    print(os.sched_getparam(0).sched_priority)
control_thread = threading.Thread(target=control)
control_thread.start(); control_thread.join()
end.set()
print(granted.scheduling, sorted(set(scheduled)), len(scheduled))
"""
COLLECTOR = """
import gc
from wam_nodes.realtime import collect, freeze_heap
freeze_heap()
class Cycle:
    def __init__(self): self.me = self
    def __del__(self): print('freed')
for _ in range(10): Cycle()
print(gc.isenabled(), gc.get_freeze_count() > 1000)
collect()
"""


def output_of(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def may_be_fifo() -> bool:
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] >= 11


@pytest.mark.skipif(not may_be_fifo(), reason='SCHED_FIFO is not permitted here')
def test_every_thread_is_scheduled_first_in_first_out_and_the_control_thread_before_all() -> None:
    control, rest = output_of(GRANTED)
    assert control == '11'
    assert rest.startswith(f'fifo [({os.SCHED_FIFO}, 10)] '), rest


def test_the_collector_runs_only_when_it_is_called() -> None:
    assert output_of(COLLECTOR) == ['False True', *['freed'] * 10]


def test_nothing_is_asked_with_priority_zero() -> None:
    before = sys.getswitchinterval()
    try:
        granted = realtime.prepare(0)
    finally:
        sys.setswitchinterval(before)
    assert (granted.priority, granted.scheduling, granted.refusals) == (0, 'normal', ())


def test_a_refusal_says_what_why_and_what_permits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: int, policy: int, parameters: os.sched_param) -> None:
        if policy == os.SCHED_FIFO:
            raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(os, 'sched_setscheduler', refuse)
    monkeypatch.setattr(resource, 'getrlimit', lambda _: (65536, 65536))
    monkeypatch.setattr(realtime, '_may_lock_memory', lambda: False)
    monkeypatch.setattr(sys, 'setswitchinterval', lambda _: None)
    granted = realtime.prepare(40)
    assert granted.scheduling == 'normal'
    schedule, memory = granted.refusals
    for text in ('SCHED_FIFO', '41', 'Operation not permitted', 'rtprio', 'SYS_NICE', '65536'):
        assert text in schedule
    for text in ('65536 bytes', 'memlock', 'IPC_LOCK', 'limits.d'):
        assert text in memory


def test_a_cpu_that_the_process_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'setswitchinterval', lambda _: None)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: {0, 2})
    granted = realtime.prepare(0, cpu=1)
    assert granted.cpu == -1
    assert 'CPU 1' in granted.refusals[0]
    assert '0, 2' in granted.refusals[0]
    assert realtime.prepare(0, cpu=2) == realtime.Realtime(0, 2)
