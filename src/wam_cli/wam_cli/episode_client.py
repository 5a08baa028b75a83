"""Asks a running graph for episodes: the client of an action."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wam_cli.executor_client import StopSwitch
from wam_cli.status import Status
from wam_core.errors import WamError
from wam_data.layout import is_partial

_PERIOD_S: Final = 0.05
_CANCEL_S: Final = 20.0
_OURS: Final = frozenset(('sim', 'executor', 'rollout', 'demonstration'))
_DISCOVERY_S: Final = 1.0  # takes 0.1 to 0.5 s on one machine


@dataclass(frozen=True)
class Episode:
    """How an episode ended. episode: directory; empty: not recorded. ran: whether it began."""

    episode: str
    outcome: str
    score: float
    stages: tuple[str, ...]
    steps: int
    sim_s: float
    wall_s: float
    seed: int
    message: str = ''
    ran: bool = field(default=True)

    @property
    def lost(self) -> bool:
        """Whether the recording broke off: `wam episodes recover` saves what there is of it."""
        return is_partial(Path(self.episode))

    def line(self) -> str:
        """The line that other programs read."""
        return (
            f'episode={self.episode or "none"} outcome={self.outcome} score={self.score:g} '
            f'steps={self.steps} sim_s={self.sim_s:.1f} wall_s={self.wall_s:.1f}'
        )


class EpisodeClient:
    """Asks for episodes, one after the other, and keeps the status up to date.

    kind, name: of the action. tick: called several times a second while waiting; what it raises
    ends the wait.
    """

    def __init__(self, kind: Any, name: str, status: Status, tick: Callable[[], None]) -> None:
        self._name = name
        self.status = status
        self._tick = tick
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(f'wam_client_{os.getpid()}', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._switch = StopSwitch(self.node)
        self._client = ActionClient(self.node, kind, name)
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnostics, 10)
        self._running_since: tuple[float, float] | None = None

    def close(self) -> None:
        """Leaves the ROS graph."""
        self._executor.shutdown()
        self._client.destroy()
        self.node.destroy_node()
        self._context.try_shutdown()

    def stop(self, reason: str) -> bool:
        """Stops the arms, latched, and says whether an executor listens."""
        return self._switch.press(reason)

    def find(self, within_s: float, command: str) -> None:
        """Waits until somebody offers the action. command: what starts those who do.

        Raises WamError when nobody does within that time.
        """
        if not self.until(self._client.server_is_ready, within_s):
            raise WamError(f'{self._name}: nobody offers it; `{command}` starts what does')
        # We know of the server; Fast DDS drops its answers as long as it doesn't know of us.
        self.until(lambda: False, _DISCOVERY_S)

    def refuse_foreign(self) -> None:
        """Raises WamError when a graph runs already: its episodes would be taken for our own."""
        found: set[str] = set()

        def seen() -> bool:
            found.update(_OURS.intersection(self.node.get_node_names()))
            return bool(found)

        if self.until(seen, _DISCOVERY_S):
            raise WamError(
                f'a graph runs in ROS domain {self._context.get_domain_id()} already (node '
                f'{sorted(found)[0]}): stop it, use it with --attach, or set another ROS_DOMAIN_ID'
            )

    def request(self, goal: Any, seed: int) -> Episode:
        """Runs one episode of a goal of the action. seed: of its scene.

        Raises WamError when the graph does not answer.
        """
        self._running_since = self.status.factor = None
        started = time.monotonic()
        sent = self._client.send_goal_async(goal, feedback_callback=self._feedback)
        if not self.until(sent.done, 30.0):
            raise WamError(f'{self._name}: no answer to the goal within 30 s')
        handle = sent.result()
        if not handle.accepted:
            raise WamError(f'{self._name}: the goal was rejected')
        result = handle.get_result_async()
        try:
            self.until(result.done)
        except KeyboardInterrupt:
            self._cancel(handle, result)
            raise
        answer = result.result().result
        return Episode(
            episode=answer.episode,
            outcome=answer.outcome,
            score=answer.score,
            stages=tuple(answer.stages),
            steps=answer.steps,
            sim_s=answer.duration_s,
            wall_s=time.monotonic() - started,
            seed=seed,
            message=answer.message,
            ran=answer.duration_s > 0.0,
        )

    def take(self, feedback: Any) -> None:
        """What of the feedback only this kind of episode has."""

    def report(self, entry: Any) -> None:
        """What of a DiagnosticStatus only this kind of episode shows."""

    def _cancel(self, handle: Any, result: Any) -> None:
        """So that the arms hold and the recording is closed before the graph goes."""
        self.status.phase = 'cancelling'
        handle.cancel_goal_async()
        self.until(result.done, _CANCEL_S)

    def until(self, condition: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Waits; False: it was not within that wall time. Raises what ``tick`` raises."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not condition():
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._executor.spin_once(timeout_sec=_PERIOD_S)
            self._tick()
        return True

    def _feedback(self, message: Any) -> None:
        feedback, status = message.feedback, self.status
        status.phase, status.stage = feedback.phase, feedback.stage
        status.score, status.elapsed_s = feedback.score, feedback.elapsed_s
        self.take(feedback)
        if feedback.phase != 'running':
            return
        now = time.monotonic()
        if self._running_since is None:
            self._running_since = (now, feedback.elapsed_s)
        wall, elapsed = self._running_since
        if now - wall > 1.0:
            status.factor = (feedback.elapsed_s - elapsed) / (now - wall)

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for entry in message.status:
            values = {item.key: item.value for item in entry.values}
            if entry.name == 'camera_sync':
                self.status.camera_hz = _float(values.get('rate_hz'))
                self.status.spread_ms = _float(values.get('spread_ms_p50'))
            elif entry.name == 'recorder':
                self.status.recorder_hz = _float(values.get('rate_hz'))
                lost = [_float(values.get(key)) or 0.0 for key in ('dropped', 'missing')]
                self.status.recorder_lost = round(sum(lost))
                self.status.recorder_worst = values.get('worst', '')
            elif entry.name == 'policy':
                self.status.loading_s = _float(values.get('loading_s'))
            self.report(entry)


def _float(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
