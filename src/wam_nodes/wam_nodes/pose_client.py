"""Has the executor take the arms to a named pose, and waits until they are there."""

import time
from typing import Final

from rclpy.node import Node
from wam_msgs.msg import ExecutorState
from wam_msgs.srv import GoToPose

from wam_core.errors import WamError
from wam_nodes.link import Link
from wam_nodes.qos import EVERY

_SERVICE: Final = '/executor/go_to_pose'


class PoseClient:
    """The executor is the only writer to the arms; this asks it.

    link: of the same node. silence_timeout_s: wall time without a word from the executor.
    margin_s: ROS time beyond what the executor expects to need.
    """

    def __init__(self, node: Node, link: Link, silence_timeout_s: float, margin_s: float) -> None:
        self._link = link
        self._silence_timeout_s = silence_timeout_s
        self._margin_s = margin_s
        self._state: ExecutorState | None = None
        self._heard_s = 0.0
        link.connect(GoToPose, _SERVICE)
        node.create_subscription(ExecutorState, '/executor_state', self._executor_state, EVERY)

    def at(self, pose: str) -> bool:
        """Whether the executor says that the arms are at the pose and that nothing moves them."""
        state = self._state
        return state is not None and not self._silent() and arrived(state, pose)

    async def go_to(self, pose: str) -> None:
        """Comes back when the arms are there. Raises WamError with what happened instead."""
        answer = await self._link.call(_SERVICE, GoToPose.Request(pose=pose), repeatable=True)
        if not answer.accepted:
            raise WamError(f'the executor refuses to take the arms to {pose}: {answer.message}')
        self._heard_s = time.monotonic()
        await self._link.until(
            lambda: self._reached(pose, answer.generation),
            answer.duration_s + self._margin_s,
            f'{pose} pose reached (slew_margin_s of config/arms.yaml)',
            lambda: self._interruption(pose, answer.generation),
        )

    def _executor_state(self, message: ExecutorState) -> None:
        self._state = message
        self._heard_s = time.monotonic()

    def _reached(self, pose: str, generation: int) -> bool:
        state = self._state
        return state is not None and state.generation == generation and arrived(state, pose)

    def _interruption(self, pose: str, generation: int) -> str:
        if self._silent():
            return (
                f'on the way to {pose}: nothing on /executor_state for '
                f'{self._silence_timeout_s:g} s (silence_timeout_s of config/arms.yaml): does '
                'the executor run?'
            )
        return '' if self._state is None else interruption(self._state, pose, generation)

    def _silent(self) -> bool:
        return time.monotonic() - self._heard_s > self._silence_timeout_s


def arrived(state: ExecutorState, pose: str) -> bool:
    """Whether the executor has ended a run at that pose."""
    return bool(state.state == ExecutorState.IDLE and state.pose == pose)


def interruption(state: ExecutorState, pose: str, generation: int) -> str:
    """Why run ``generation`` won't arrive at the pose; empty: it may."""
    if state.state == ExecutorState.STOPPED:
        return (
            f'the executor stopped on the way to {pose}: {state.stop_reason}. '
            'Remove the cause, call /executor/reset, and ask again'
        )
    if state.generation > generation:
        return f'another run ({state.source}) took the arms on the way to {pose}'
    if state.generation == generation and state.state == ExecutorState.IDLE:
        faults = '; '.join(state.faults)
        return f'the executor ended its run to {pose} on the way{f": {faults}" if faults else ""}'
    return ''
