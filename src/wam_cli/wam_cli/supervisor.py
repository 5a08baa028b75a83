"""Runs the processes of a graph: restarts, an orderly stop, and an end when a required one dies.

Circus does the work (docs/decisions/0003-process-manager.md). Here is what a robot needs on top:
processes stop one after the other, the last words of a dead one are kept, one that can't live is
given up, and none outlives this process, not even when it is killed.
"""

import asyncio
import logging
import shlex
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import zmq
from circus.arbiter import Arbiter
from circus.exc import ConflictError
from circus.process import DEAD_OR_ZOMBIE, UNEXISTING
from circus.watcher import Watcher
from tornado.ioloop import IOLoop

from wam_bringup.node_spec import REFUSED
from wam_cli.death_signal import dying_with_parent
from wam_cli.node_log import DrainingRedirector, NodeLog

GRACE_S: Final = (
    10.0  # from the signal to stop until a process is killed; a recorder syncs its file
)
_CHECK_S: Final = 0.1  # period of looking for dead processes
_STARTS: Final = 4  # a process that is started more often than this ...
_STARTS_WITHIN_S: Final = 30.0  # ... in this time can't live
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_HURRY_SIGNALS: Final = (signal.SIGHUP, signal.SIGQUIT)  # nobody watches the arms any more


@dataclass(frozen=True)
class Process:
    """command: program and arguments. respawn: start it again when it dies.

    required: when it dies, and is not started again, everything ends. at_end: not started with
    the others; when they are stopped in order, it is run to its end as soon as its turn comes.
    """

    name: str
    command: tuple[str, ...]
    respawn: bool = False
    required: bool = True
    at_end: bool = False


class _Watcher(Watcher):
    def reap_dead(self) -> None:
        for process in list(self.processes.values()):
            if process.status in (DEAD_OR_ZOMBIE, UNEXISTING):
                self.reap_process(process.pid)

    async def manage_processes(self) -> None:
        # In place of circus's own, which drops a dead process without a look at how it ended.
        if self.is_stopped():
            return
        self.reap_dead()
        if self.processes or self.is_stopping():
            return
        await (self.spawn_processes() if self.respawn else self._stop())

    @property
    def _redirector_class(self) -> type[DrainingRedirector]:
        return DrainingRedirector


class Supervisor:
    """Runs processes until a signal, or until one that is required dies."""

    def __init__(
        self,
        processes: Sequence[Process],
        log: NodeLog,
        environment: Mapping[str, str],
        grace_s: float = GRACE_S,
    ) -> None:
        self._processes = processes
        self._log = log
        self._environment = dict(environment)
        self._grace_s = grace_s
        self._failure = ''
        self._starts: dict[str, deque[float]] = {
            process.name: deque(maxlen=_STARTS) for process in processes
        }

    async def run(self) -> str:
        """Starts them in order, and stops them in the opposite order. Returns why it failed.

        Empty: it was asked to stop, by SIGINT, SIGTERM, SIGHUP or SIGQUIT. A second signal, or one
        of the last two, leaves out what is to run at the end.
        """
        # Circus's warnings are about hooks that say no, which is their purpose here.
        logging.getLogger('circus').setLevel(logging.CRITICAL)
        self._over, self._hurry = asyncio.Event(), asyncio.Event()
        self._hurry.set()  # nothing to end in order before all have started
        watchers = [self._watcher(process) for process in self._processes]
        context = zmq.Context()
        arbiter = Arbiter(
            watchers,
            'inproc://control',
            'inproc://events',
            check_delay=_CHECK_S,
            context=context,
            loop=IOLoop.current(),
            proc_name='wam up',
        )
        # Instead of circus's handlers, which stop all at once.
        for number in (*_STOP_SIGNALS, *_HURRY_SIGNALS):
            asyncio.get_running_loop().add_signal_handler(number, self._asked, number)
        await arbiter.start()
        # Looking for dead processes would be refused while others start, and pointless at the end.
        looking = arbiter.ctrl.caller
        looking.stop()
        for process, watcher in zip(self._processes, watchers, strict=True):
            if not (self._over.is_set() or process.at_end):
                await _exclusively(watcher.start)
        if not self._over.is_set():
            self._hurry.clear()
        looking.start()
        await self._over.wait()
        looking.stop()
        await self._stop(watchers)
        await _exclusively(arbiter.stop)
        context.destroy(linger=0)
        return self._failure

    async def _stop(self, watchers: Sequence[Watcher]) -> None:
        names = [process.name for process in reversed(self._processes) if not process.at_end]
        self._log.say(f'stopping {", ".join(names)}')
        for process, watcher in zip(reversed(self._processes), reversed(watchers), strict=True):
            if process.at_end:
                await self._run_at_end(process, watcher)
            await _exclusively(watcher.stop)
        self._log.say('stopped')

    async def _run_at_end(self, process: Process, watcher: Watcher) -> None:
        """Runs it to its end, if this is an orderly one and nobody is in a hurry."""
        if self._failure:
            self._log.say(f'no {process.name}: {self._failure}')
            return
        if self._hurry.is_set():
            self._log.say(f'no {process.name}: told to stop at once')
            return
        self._log.say(f'{process.name} runs first; Ctrl-C again stops at once')
        await _exclusively(watcher.start)
        while watcher.processes and not self._hurry.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), _CHECK_S)
            watcher.reap_dead()
        if watcher.processes:
            self._log.say(f'{process.name} is cut short: told to stop at once')

    def _asked(self, number: int) -> None:
        if self._over.is_set() or number in _HURRY_SIGNALS:
            self._hurry.set()
        self._over.set()

    def _watcher(self, process: Process) -> Watcher:
        program, *arguments = dying_with_parent(process.command, 'KILL')
        stream = self._log.stream
        return _Watcher(
            process.name,
            shlex.quote(program),
            args=arguments,
            env=self._environment,
            respawn=process.respawn,
            max_retry=1,
            autostart=False,
            stop_signal=signal.SIGTERM,
            graceful_timeout=self._grace_s,
            stdout_stream={'stream': stream(process.name)},
            stderr_stream={'stream': stream(process.name)},
            hooks={
                'before_spawn': (partial(self._before_spawn, process), False),
                'after_spawn': (partial(self._after_spawn, process), False),
                'before_reap': (self._before_reap, True),
                'after_reap': (partial(self._after_reap, process), True),
                'after_stop': (partial(self._after_stop, process), True),
                'before_signal': (partial(self._before_signal, process), True),
            },
        )

    def _before_spawn(self, process: Process, **_: Any) -> bool:
        """Whether to start it: not while stopping, and not if it keeps dying."""
        starts, now = self._starts[process.name], time.monotonic()
        if len(starts) == _STARTS and now - starts[0] < _STARTS_WITHIN_S:
            self._fail(f'{process.name} ended {_STARTS} times within {_STARTS_WITHIN_S:g} s')
        starts.append(now)
        return process.at_end or not self._over.is_set()

    def _after_spawn(self, process: Process, pid: int, **_: Any) -> bool:
        again = ' again' if len(self._starts[process.name]) > 1 else ''
        self._log.say(f'started {process.name}{again} (process {pid})')
        return True

    def _before_reap(self, watcher: Watcher, process_pid: int, **_: Any) -> bool:
        watcher.stream_redirector.remove_redirections(watcher.processes[process_pid])
        return True

    def _after_reap(self, process: Process, exit_code: int | None, **_: Any) -> bool:
        how = _ending(exit_code)
        if process.at_end:
            self._log.say(f'{process.name} {how if exit_code else "is done"}')
        elif self._over.is_set():
            return True
        elif process.respawn and exit_code == REFUSED and len(self._starts[process.name]) == 1:
            # It may take minutes to find out, so it isn't given the other starts to do so again.
            self._fail(f'{process.name} refused to start')
        elif process.respawn or not process.required:
            self._log.say(f'{process.name} {how}')
        else:
            self._fail(f'{process.name} {how}')
        return True

    def _after_stop(self, process: Process, **_: Any) -> bool:
        """The watcher is done with it. Unless that was asked for, it is the end."""
        if process.required and not self._over.is_set():
            self._fail(f'{process.name} ended or could not be started')
        return True

    def _before_signal(self, process: Process, signum: int, **_: Any) -> bool:
        if signum == signal.SIGKILL:
            self._log.say(f'{process.name} did not end within {self._grace_s:g} s: killed')
        return True

    def _fail(self, reason: str) -> None:
        if not self._over.is_set():
            self._failure = reason
            self._log.say(f'{reason}: stopping everything')
            self._over.set()


def _ending(exit_code: int | None) -> str:
    if exit_code is None:
        return 'ended'
    if exit_code < 0:
        return f'was ended by {signal.Signals(-exit_code).name}'
    return f'ended with exit code {exit_code}'


async def _exclusively(call: Callable[[], Awaitable[object]]) -> None:
    """Circus refuses a command while it runs another one, such as its own periodic check."""
    while True:
        try:
            await call()
        except ConflictError:
            await asyncio.sleep(_CHECK_S / 10)
        else:
            return
