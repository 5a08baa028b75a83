"""The control loop in a real node, with the test as its /clock, and its ends."""

import os
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ros_domain import Process, Ros
from std_msgs.msg import Int64, Int64MultiArray

P = 40_000_000


class Loop:
    """loop_node.py as a process, and what it says."""

    def __init__(self, ros: Ros, **parameters: Any) -> None:
        self.ros = ros
        self.messages: list[Any] = ros.collect(Int64MultiArray, '/tick', 1000)
        self.seen: list[Any] = ros.collect(Int64, '/seen', 1000)
        arguments = [
            word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')
        ]
        self.process = Process(
            [
                sys.executable,
                str(Path(__file__).with_name('loop_node.py')),
                '--ros-args',
                *arguments,
            ],
            {**os.environ, 'ROS_DOMAIN_ID': str(ros.domain)},
        )
        ros.processes.append(self.process)

    def at(self, now_ns: int) -> None:
        """Sets /clock, and waits until the node has it."""
        del self.seen[:]

        def arrived() -> bool:
            self.ros.set_time(now_ns)
            return bool(self.seen) and self.seen[-1].data == now_ns

        self.ros.wait(arrived, what=f'/clock at {now_ns}')

    def tick_at(self, now_ns: int) -> None:
        """The same, and waits for a tick at that time."""
        self.at(now_ns)
        self.ros.wait(
            lambda: self.ticks and self.ticks[-1][0] == now_ns, what=f'a tick at {now_ns}'
        )

    @property
    def ticks(self) -> list[list[int]]:
        """(now, deadline, missed) of each tick so far."""
        return [list(message.data) for message in self.messages]


def test_ticks_follow_the_clock_through_pauses_and_jumps(ros: Ros) -> None:
    loop = Loop(ros, use_sim_time=True)
    ros.wait(lambda: loop.seen, what='the node')
    # The first messages of a new publisher may be lost: warm up at a time long before.
    ros.wait(lambda: loop.at(P) or loop.ticks, what='the first tick')
    del loop.messages[:]
    loop.at(1000 * P - 1)  # a jump forward: nothing until the next multiple
    loop.at(1000 * P - 1)  # the clock stands still
    loop.tick_at(1000 * P)
    loop.at(1000 * P)
    loop.at(1000 * P + P // 2)
    loop.tick_at(1001 * P + 7)  # a coarse clock: late, on the grid
    loop.tick_at(1004 * P)  # two slots passed
    loop.at(500 * P + 1)  # back
    loop.tick_at(501 * P)
    assert loop.ticks == [
        [1000 * P, 1000 * P, 0],
        [1001 * P + 7, 1001 * P, 0],
        [1004 * P, 1004 * P, 2],
        [501 * P, 501 * P, 2],
    ]
    assert loop.process.terminate_and_wait() == 0, loop.process.output


def test_wall_time_ticks_are_on_one_grid(ros: Ros) -> None:
    loop = Loop(ros)
    ros.wait(lambda: len(loop.ticks) >= 20, what='ticks')
    assert all(now >= deadline for now, deadline, _ in loop.ticks)
    assert all(later[1] - earlier[1] > P // 2 for earlier, later in pairwise(loop.ticks))
    assert loop.process.terminate_and_wait() == 0, loop.process.output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('simulated', [False, True])
def test_a_signal_ends_it_quietly(ros: Ros, number: signal.Signals, simulated: bool) -> None:
    loop = Loop(ros, use_sim_time=simulated)
    ros.wait(lambda: loop.seen if simulated else loop.ticks, what='the node')
    loop.process.send(number)
    assert loop.process.wait() == 0, loop.process.output
    assert loop.process.output == ''


def test_a_tick_that_raises_ends_the_process(ros: Ros) -> None:
    loop = Loop(ros, fail_at=3)
    assert loop.process.wait() == 1
    output = loop.process.output
    assert output.count('ZeroDivisionError: a bug') == 1
    assert 'loop: the control loop failed:' in output
    assert 'in _tick' in output
