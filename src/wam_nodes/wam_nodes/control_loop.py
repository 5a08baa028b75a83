"""A thread that does nothing but a node's tick, on time."""

import ctypes
import errno
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Final

from rclpy.clock import Clock, ClockType, JumpThreshold
from rclpy.duration import Duration
from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from wam_core.errors import WamError
from wam_nodes.deadlines import Deadlines
from wam_nodes.realtime import Realtime, collect, freeze_heap

# How long before a deadline the thread wakes up, to read and to have the interpreter's lock.
_LEAD_NS: Final = 2_000_000
_JOIN_S: Final = 5.0
_LOOK_S: Final = 0.5
_TIMER_ABSTIME: Final = 1  # time.h
_PYTHON: Final = ctypes.PyDLL(None)  # its calls keep the interpreter's lock
_CONTEXT_ERRORS: Final = (rclpy_implementation.RCLError, InvalidHandle)


class ControlLoop:
    """Calls ``tick(now_ns, deadline_ns)`` once per period, both times on the node's ROS clock, and
    before it ``take()``, which reads what the tick needs.

    Deadlines are absolute, so they never drift: on CLOCK_MONOTONIC from the first multiple of the
    period on the ROS clock; with use_sim_time the multiples on /clock, which may start late, stand
    still and jump. now_ns - deadline_ns is how late the tick is on CLOCK_MONOTONIC or /clock. A
    period that passes without a tick is counted and skipped.

    A tick that raises ends the process: its error is raised where the node spins, as WamError.
    """

    def __init__(
        self,
        node: Node,
        period_ns: int,
        take: Callable[[], None],
        tick: Callable[[int, int], None],
        realtime: Realtime,
    ) -> None:
        self._node = node
        self._clock = node.get_clock()
        self._period_ns = period_ns
        self._take = take
        self._tick = tick
        self._realtime = realtime
        self._simulated = False
        self._deadlines = Deadlines(period_ns, may_jump=False)
        self._missed_before = 0  # on the clocks before this one
        self._error = ''
        self._closing = False
        self._wake = threading.Event()  # /clock moved, or the end
        self._jumps = self._clock.create_jump_callback(
            JumpThreshold(
                min_forward=Duration(nanoseconds=1),
                min_backward=Duration(nanoseconds=-1),
                on_clock_change=True,
            ),
            post_callback=lambda _: self._wake.set(),
        )
        node.context.on_shutdown(self._wake.set)
        self._thread = threading.Thread(target=self._run, name='control', daemon=True)
        self._begin = node.create_guard_condition(self._start_thread)
        self._end = node.create_guard_condition(self._raise)
        # rmw_fastrtps may lose a trigger (see worker.py): a dead loop must not go unnoticed.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_LOOK_S, self._raise, clock=steady)

    def start(self) -> None:
        """Begins as soon as the node spins: one that refuses to start has then sent nothing."""
        self._begin.trigger()

    def close(self) -> None:
        """Ends the thread and waits for it. From any thread, any number of times."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)

    @property
    def missed(self) -> int:
        """Periods that passed without a tick."""
        return self._missed_before + self._deadlines.missed

    @property
    def scheduling(self) -> str:
        """Of the thread: 'fifo' or 'normal'."""
        return self._realtime.scheduling

    def _start_thread(self) -> None:
        if not self._thread.is_alive() and not self._closing:
            self._thread.start()

    def _run(self) -> None:
        with _Ending(self._ended):
            self._realtime.enter()
            freeze_heap()
            self._align()
            while not self._closing and self._node.context.ok():
                if self._clock.ros_time_is_active is not self._simulated:
                    self._align()
                if self._simulated:
                    self._turn_on_clock()
                else:
                    self._turn_in_wall_time()

    def _align(self) -> None:
        """Begins the deadlines anew, on the clock that the node has now."""
        self._missed_before += self._deadlines.missed
        self._simulated = self._clock.ros_time_is_active
        self._deadlines = Deadlines(self._period_ns, may_jump=self._simulated)
        if not self._simulated:
            self._deadlines.align(time.monotonic_ns(), self._now_ns())

    def _turn_on_clock(self) -> None:
        """One tick, or a wait for /clock to move. It reads 0 until its first message."""
        self._wake.clear()
        now_ns = self._now_ns()
        deadline_ns = self._deadlines.take(now_ns) if now_ns > 0 else None
        if deadline_ns is not None:
            self._take()
            self._call(now_ns, deadline_ns)
        elif not self._closing:
            self._wake.wait()

    def _turn_in_wall_time(self) -> None:
        """Waits for the deadline and ticks; less when it is woken before."""
        early_ns = self._deadlines.due_ns - _LEAD_NS - time.monotonic_ns()
        if early_ns > 0 and self._wake.wait(early_ns / 1e9):
            self._wake.clear()
            return
        self._take()
        _sleep_until(self._deadlines.due_ns)
        monotonic_ns = time.monotonic_ns()
        now_ns = self._now_ns()
        deadline_ns = self._deadlines.take(monotonic_ns)
        if deadline_ns is not None:
            self._call(now_ns, now_ns - (monotonic_ns - deadline_ns))

    def _call(self, now_ns: int, deadline_ns: int) -> None:
        self._tick(now_ns, deadline_ns)
        collect()

    def _now_ns(self) -> int:
        return int(self._clock.now().nanoseconds)

    def _ended(self, error: BaseException) -> None:
        """The thread's last act. A publisher fails when the context ends, which is no fault."""
        if isinstance(error, _CONTEXT_ERRORS) and not self._node.context.ok():
            return
        self._error = ''.join(traceback.format_exception(error))
        self._end.trigger()

    def _raise(self) -> None:
        if not self._error:
            return
        raise WamError(f'{self._node.get_name()}: the control loop failed:\n{self._error}')


class _Ending:
    """Hands over what its block raised, of whatever class."""

    def __init__(self, ended: Callable[[BaseException], None]) -> None:
        self._ended = ended

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._ended(error)
        return True


class _Timespec(ctypes.Structure):
    _fields_ = (('seconds', ctypes.c_long), ('nanoseconds', ctypes.c_long))


def _sleep_until(monotonic_ns: int) -> None:
    """Sleeps with the interpreter's lock held: no other thread can be in the way at the end."""
    until = _Timespec(*divmod(monotonic_ns, 1_000_000_000))
    while (
        _PYTHON.clock_nanosleep(time.CLOCK_MONOTONIC, _TIMER_ABSTIME, ctypes.byref(until), None)
        == errno.EINTR
    ):
        pass
