"""One arm's motors, on a thread of its own: an arm that does not answer holds up nobody."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from threading import Event
from typing import Final, TypeVar

from interbotix_xs_modules.xs_robot.core import InterbotixRobotXSCore
from rclpy.node import Node
from rclpy.task import Future

from wam_core.errors import WamError
from wam_nodes.motor_node import MotorNode, Motors, SilentError
from wam_nodes.worker import Worker

Result = TypeVar('Result')

# By which the package only labels what it logs.
_MODEL: Final = 'vx300s'
_POLL_S: Final = 0.25  # of the graph, while the arm's xs_sdk is absent
_RETRY_S: Final = 1.0  # after a failure to connect


class ArmConnection:
    """Finds the arm's xs_sdk, and runs one job on its motors after the other.

    timeout_s: wall time for an answer of the arm, set in ``settings``. silences: jobs that it left
    without one. jobs: how many it was given so far.
    """

    def __init__(
        self, node: Node, robot: str, timeout_s: float, settings: str = 'config/arms.yaml'
    ) -> None:
        self.robot = robot
        self._settings = settings
        self.silences = 0
        self.jobs = 0
        self._node = node
        self._timeout_s = timeout_s
        self._motors: Motors | None = None
        self._motor_node: MotorNode | None = None
        self._unfinished = 0
        self._activity = ('', 0.0)
        self._fault = ''
        self._waiting_for = 'its xs_sdk'
        self._stopped = Event()
        self._worker = Worker(node)
        self._attempt()

    @property
    def fault(self) -> str:
        """Why the arm can't be used right now; empty: it can."""
        if self._motors is None:
            return f'waiting for {self.robot}: {self._waiting_for}'
        return self._fault

    @property
    def found(self) -> bool:
        """Whether its xs_sdk was there once: jobs can be given to it."""
        return self._motors is not None

    @property
    def idle(self) -> bool:
        """Whether its motors are there and nobody is at them: no opening, no poll that waits."""
        return self._motors is not None and not self._unfinished

    @property
    def activity(self) -> str:
        """What its thread is at, and since when, in words for people."""
        what, since = self._activity
        return f'{what} for {time.monotonic() - since:.1f} s' if what else 'nothing'

    def close(self) -> None:
        """Ends what it waits for, and its thread."""
        self._stopped.set()
        self._worker.close()
        if self._motor_node is not None:
            self._motor_node.destroy_node()

    async def run(self, job: Callable[[Motors], Result], what: str) -> Result:
        """The job's result. Raises WamError in words, whatever the package raised.

        what: the job, for people.
        """
        if self._motors is None:
            raise WamError(self.fault)
        self.jobs += 1
        self._unfinished += 1
        outcome = await self._worker.run(partial(self._work, job, self._motors, what))
        self._unfinished -= 1
        if not self._unfinished:
            self._activity = ('', 0.0)
        error = outcome.exception()
        self.silences += isinstance(error, SilentError)
        self._fault = str(error) if isinstance(error, SilentError) else ''
        if error is None:
            result: Result = outcome.result()
            return result
        raise WamError(self._text(error)) from error

    def _work(self, job: Callable[[Motors], Result], motors: Motors, what: str) -> Result:
        """On the arm's thread."""
        self._activity = (what, time.monotonic())
        try:
            return job(motors)
        finally:
            self._activity = (f'{what}: over, but not handed back', time.monotonic())

    # -- finding the arm

    def _attempt(self, delay_s: float = 0.0) -> None:
        job = partial(self._connect, delay_s)
        self._worker.run(job).add_done_callback(self._connected)

    def _connected(self, future: Future) -> None:
        outcome = future.result()
        error = outcome.exception()
        if error is None:
            self._motors = outcome.result()
            self._node.get_logger().info(f'{self.robot}: found')
        elif not self._stopped.is_set():
            self._waiting_for = self._text(error)
            self._node.get_logger().warning(self.fault)
            self._attempt(_RETRY_S)

    def _connect(self, delay_s: float) -> Motors:
        """On the arm's thread; takes as long as the arm needs to appear."""
        if self._stopped.wait(delay_s):
            raise SilentError(f'{self.robot}: the node ends')
        node = MotorNode(self.robot, self._timeout_s, self._stopped, self._settings)
        with ExitStack() as undo:
            undo.callback(node.destroy_node)
            # The package logs an error every 5 s while it waits; it isn't one here.
            while missing := node.missing_services():
                self._waiting_for = f'its xs_sdk (nobody offers {", ".join(missing)})'
                if self._stopped.wait(_POLL_S) or not node.context.ok():
                    raise SilentError(f'{self.robot}: the node ends')
            core = InterbotixRobotXSCore(_MODEL, self.robot, node=node)
            undo.pop_all()
        self._motor_node = node
        return Motors(self.robot, core, self._timeout_s, self._stopped)

    def _text(self, error: BaseException) -> str:
        if isinstance(error, WamError):
            return str(error)
        return f'{self.robot}: interbotix_xs_modules: {type(error).__name__}: {error}'
