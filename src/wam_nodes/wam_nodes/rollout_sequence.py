"""One rollout from the reset of the scene to the labelled recording, step after step."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from std_srvs.srv import Trigger
from wam_msgs.action import RunRollout
from wam_msgs.msg import EpisodeEvent, ExecutorState, Proprioception, TaskState
from wam_msgs.srv import (
    GoToPose,
    ResetPolicy,
    ResetScene,
    StartEpisode,
    StartExecution,
    StopEpisode,
)

from wam_core.errors import WamError
from wam_core.joints import GRIPPERS
from wam_core.rollout import Ending, RolloutMonitor
from wam_core.status import State
from wam_nodes.conversions import nanoseconds, time_message
from wam_nodes.rollout_arms import RolloutArms
from wam_nodes.rollout_link import RolloutLink
from wam_nodes.rollout_plan import Parameters, Plan
from wam_nodes.rollout_recording import RolloutRecording

SERVICES: Final = {
    '/policy/reset': ResetPolicy,
    '/executor/hold': Trigger,
    '/arms/open': Trigger,
    '/executor/start': StartExecution,
    '/executor/go_to_pose': GoToPose,
    '/recorder/start_episode': StartEpisode,
    '/recorder/stop_episode': StopEpisode,
}
RESET_SCENE: Final = '/sim/reset_scene'
_STATES: Final = frozenset(State)
POLICY_RESET: Final = '/policy/reset'
RESETS: Final = (RESET_SCENE, POLICY_RESET)


class RolloutSequence:
    """Runs one plan. The node hands it the messages that it listens to.

    tell: publishes an EpisodeEvent. feedback: sends the action's feedback. cancelled: whether the
    caller gave up. complaints: what other nodes complain of; empty: nothing.
    """

    def __init__(
        self,
        link: RolloutLink,
        parameters: Parameters,
        plan: Plan,
        tell: Callable[[EpisodeEvent], None],
        feedback: Callable[[RunRollout.Feedback], None],
        cancelled: Callable[[], bool],
        complaints: Callable[[], str],
    ) -> None:
        self._link = link
        self._parameters = parameters
        self._plan = plan
        self._tell = tell
        self._feedback = feedback
        self._cancelled = cancelled
        self._complaints = complaints
        self._simulated = plan.seed >= 0
        self._phase = 'resetting'
        self._arms = RolloutArms(link, parameters.settle_timeout_s, self._interrupted)
        self._truth: TaskState | None = None
        self._reset_ns = link.now_ns()
        self._still_ns: int | None = None  # since when the arms have been still, and ...
        self._seen_ns = 0  # ... until when that is known
        self._monitor: RolloutMonitor | None = None
        self._policy: ResetPolicy.Response | None = None
        self._recording = RolloutRecording(link, parameters.recorder_timeout_s, self._interrupted)

    def executor_state(self, message: ExecutorState) -> None:
        """Takes the executor's newest state."""
        if message.state not in _STATES:
            return
        self._arms.state = message
        if self._monitor is not None:
            self._monitor.executor(
                nanoseconds(message.header.stamp),
                State(message.state),
                message.generation,
                message.stop_reason,
            )

    def task_state(self, message: TaskState) -> None:
        """Takes the simulator's newest truth."""
        self._truth = message
        if self._monitor is not None:
            stages = self._monitor.truth(nanoseconds(message.header.stamp), message.stage)
            for stage in stages:
                self._event('stage', stage, stage=stage, score=self._monitor.score)

    def proprioception(self, message: Proprioception) -> None:
        """Notes since when the arms have been still."""
        stamp_ns = self._seen_ns = nanoseconds(message.header.stamp)
        speed = np.abs(np.delete(message.velocity, GRIPPERS)).max()
        still = speed <= self._parameters.settle_rad_s  # false for NaN
        if stamp_ns < self._reset_ns or not still:
            self._still_ns = None
        elif self._still_ns is None:
            self._still_ns = stamp_ns

    def report(self) -> None:
        """Sends the feedback of this moment."""
        message = RunRollout.Feedback(phase=self._phase)
        state = self._arms.state
        if self._monitor is not None and state is not None:
            message.elapsed_s = self._monitor.elapsed_ns(self._link.now_ns()) / 1e9
            message.chunks = state.chunks_merged
            message.underruns = state.underruns
            message.stage = self._monitor.stages[-1] if self._monitor.stages else ''
            message.score = self._monitor.score
        self._feedback(message)

    async def run(self) -> RunRollout.Result:
        """The whole rollout. What goes wrong on the way is an outcome, not an exception."""
        try:
            await self._prepare()
            await self._start()
            ending = await self._watch()
        except WamError as error:
            ending = Ending('aborted', str(error))
        self._phase = 'closing'
        duration_s = self._monitor.elapsed_ns(self._link.now_ns()) / 1e9 if self._monitor else 0.0
        problems = [ending.message]
        for close in (self._arms.hold, partial(self._close_recording, ending)):
            try:
                await close()
            except WamError as error:
                problems.append(str(error))
                ending = Ending('aborted', '')
        if self._parameters.home_after:
            try:
                await self._arms.home()
            except WamError as error:  # the outcome of the rollout stands
                problems.append(str(error))
        return self._result(ending.outcome, duration_s, '; '.join(problems))

    async def _prepare(self) -> None:
        await self._arms.come_to_rest()
        # First of all: it may take minutes to load, for which no arm need hold itself up.
        self._phase = 'loading'
        await self._link.served(
            POLICY_RESET, 'policy', self._parameters.policy_timeout_s, self._interrupted
        )
        self._phase = 'resetting'
        if self._simulated:
            await self._reset_scene()
        else:
            await self._arms.open()
        self._reset_ns = self._link.now_ns()
        self._still_ns = None
        self._phase = 'waiting'
        plan = self._plan
        self._policy = await self._accepted(
            POLICY_RESET,
            ResetPolicy.Request(
                task=plan.task.language,
                task_name=plan.task.name,
                policy=plan.policy,
                seed=plan.seed,
            ),
            timeout_s=self._parameters.policy_timeout_s,
            interrupted=self._interrupted,
        )
        await self._until(self._settled, 'arms that are still')

    async def _reset_scene(self) -> None:
        task, seed = self._plan.task.name, self._plan.seed
        before = self._truth.episode if self._truth is not None else None
        await self._accepted(RESET_SCENE, ResetScene.Request(task=task, seed=seed))
        await self._until(
            lambda: (
                self._truth is not None
                and self._truth.episode != before
                and (self._truth.task, self._truth.seed) == (task, seed)
            ),
            f'/task_state of {task!r}, seed {seed}',
        )

    async def _start(self) -> None:
        plan, policy = self._plan, self._policy
        assert policy is not None
        if plan.record:
            await self._recording.start(plan, policy)
        self._event('start', plan.task.language, policy=policy.policy, seed=plan.seed)
        run = await self._accepted(
            '/executor/start',
            StartExecution.Request(source='policy', mode=plan.mode, task=plan.task.language),
        )
        self._phase = 'running'
        self._monitor = RolloutMonitor(
            plan.task,
            self._parameters.limits(plan.time_limit_s),
            run.generation,
            self._link.now_ns(),
            simulated=self._simulated,
        )

    async def _watch(self) -> Ending:
        monitor = self._monitor
        assert monitor is not None
        endings: list[Ending] = []

        def over() -> bool:
            ending = monitor.ending(self._link.now_ns())
            if ending is not None:
                endings.append(ending)
            return bool(endings)

        # Its own limits end it sooner than any of these sums.
        limits = self._parameters
        longest_s = limits.first_chunk_timeout_s + self._plan.time_limit_s + limits.success_hold_s
        await self._until(over, 'the end of the rollout', longest_s + 60.0)
        ending = endings[0]
        if ending.starved and (complaints := self._complaints()):
            return Ending(ending.outcome, f'{ending.message} ({complaints})')
        return ending

    async def _close_recording(self, ending: Ending) -> None:
        if not self._recording.running:
            return
        self._event('stop', ending.message, outcome=ending.outcome)
        judged = self._simulated and ending.outcome in ('success', 'failure')
        await self._recording.stop(
            StopEpisode.Request(
                outcome=ending.outcome,
                score=self._monitor.score if self._monitor else 0.0,
                stages=list(self._monitor.stages) if self._monitor else [],
                note=ending.message,
                by='sim' if judged else 'rollout',
            )
        )

    async def _accepted(self, name: str, request: Any, **patience: Any) -> Any:
        answer = await self._link.call(name, request, repeatable=name in RESETS, **patience)
        if not answer.accepted:
            raise WamError(f'{name}: {answer.message}')
        return answer

    async def _until(
        self, condition: Callable[[], bool], what: str, timeout_s: float | None = None
    ) -> None:
        timeout_s = self._parameters.settle_timeout_s if timeout_s is None else timeout_s
        await self._link.until(condition, timeout_s, what, self._interrupted)

    def _interrupted(self) -> str:
        return 'cancelled' if self._cancelled() else ''

    def _settled(self) -> bool:
        settle_ns = self._parameters.settle_s * 1e9
        return self._still_ns is not None and self._seen_ns - self._still_ns >= settle_ns

    def _event(self, kind: str, text: str, **data: object) -> None:
        event = EpisodeEvent(node='rollout', kind=kind, text=text, data=json.dumps(data))
        event.header.stamp = time_message(self._link.now_ns())
        self._tell(event)

    def _result(self, outcome: str, duration_s: float, message: str) -> RunRollout.Result:
        monitor = self._monitor
        return RunRollout.Result(
            outcome=outcome,
            score=monitor.score if monitor else 0.0,
            stages=list(monitor.stages) if monitor else [],
            episode=self._recording.episode,
            steps=monitor.steps if monitor else 0,
            duration_s=duration_s,
            message=message,
        )
