"""What rollouts and demonstrations have in common: one episode, step after step."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from std_srvs.srv import Trigger
from wam_msgs.msg import EpisodeEvent, ExecutorState, Proprioception, TaskState
from wam_msgs.srv import (
    GoToPose,
    StartEpisode,
    StartExecution,
    StopEpisode,
)

from wam_core.errors import WamError
from wam_core.rollout import Ending, RolloutMonitor
from wam_core.status import State
from wam_core.task import TaskSpec
from wam_nodes.conversions import nanoseconds, time_message
from wam_nodes.episode_arms import EpisodeArms
from wam_nodes.episode_parameters import EpisodeParameters
from wam_nodes.episode_recording import EpisodeRecording
from wam_nodes.episode_scene import EpisodeScene
from wam_nodes.link import Link

SERVICES: Final[Mapping[str, Any]] = {
    '/executor/hold': Trigger,
    '/arms/open': Trigger,
    '/executor/start': StartExecution,
    '/executor/go_to_pose': GoToPose,
    '/recorder/start_episode': StartEpisode,
    '/recorder/stop_episode': StopEpisode,
}
_STATES: Final = frozenset(State)


class EpisodeSequence:
    """Runs one episode. The node hands it the messages that it listens to.

    name: of the node. time_limit_s: ROS clock. seed: -1 on a real rig. tell: publishes an
    EpisodeEvent. cancelled: whether the caller gave up. complaints: what other nodes complain of;
    empty: nothing.
    """

    def __init__(
        self,
        name: str,
        link: Link,
        parameters: EpisodeParameters,
        task: TaskSpec,
        time_limit_s: float,
        seed: int,
        tell: Callable[[EpisodeEvent], None],
        cancelled: Callable[[], bool],
        complaints: Callable[[], str],
    ) -> None:
        self._name = name
        self._link = link
        self._parameters = parameters
        self._limits = parameters.limits(time_limit_s)
        self._task = task
        self._seed = seed
        self._tell = tell
        self._cancelled = cancelled
        self._complaints = complaints
        self._simulated = seed >= 0
        self._arms = EpisodeArms(link, parameters.settle_timeout_s, self._interrupted)
        self._scene = EpisodeScene(
            link,
            parameters.settle_s,
            parameters.settle_rad_s,
            parameters.settle_timeout_s,
            self._interrupted,
        )
        self._monitor: RolloutMonitor | None = None
        self._recording = EpisodeRecording(
            link,
            parameters.recorder_timeout_s,
            parameters.recorder_silence_s,
            self._interrupted,
        )
        self.phase = 'resetting'

    # -- what is heard

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
        self._scene.task_state(message)
        if self._monitor is not None:
            stages = self._monitor.truth(nanoseconds(message.header.stamp), message.stage)
            for stage in stages:
                self._event('stage', stage, stage=stage, score=self._monitor.score)

    def proprioception(self, message: Proprioception) -> None:
        """Notes since when the arms have been still."""
        self._scene.proprioception(message)

    def diagnostics(self, message: DiagnosticArray) -> None:
        """Takes what the nodes say of themselves: the recorder among them."""
        self._recording.diagnostics(message)

    # -- what is known

    @property
    def elapsed_s(self) -> float:
        """ROS clock, since the arms follow what they shall."""
        return self._monitor.elapsed_ns(self._link.now_ns()) / 1e9 if self._monitor else 0.0

    @property
    def stages(self) -> list[str]:
        """Names of the stages reached, in order."""
        return list(self._monitor.stages) if self._monitor else []

    @property
    def score(self) -> float:
        """0..100, so far."""
        return self._monitor.score if self._monitor else 0.0

    # -- the steps

    async def prepare(self) -> None:
        """Everything until the arms are where they shall begin. Raises WamError."""
        raise NotImplementedError

    async def start(self) -> None:
        """Until the executor runs and ``watch`` can begin. Raises WamError."""
        raise NotImplementedError

    async def conclude(self) -> None:
        """What is left to do when the recording is closed. Raises WamError."""

    def report(self) -> None:
        """Sends the feedback of this moment."""
        raise NotImplementedError

    async def run(self) -> dict[str, Any]:
        """The whole episode: the fields of its action's result.

        What goes wrong on the way is an outcome, not an exception.
        """
        try:
            await self.prepare()
            await self.start()
            ending = await self._watch()
        except WamError as error:
            ending = Ending('aborted', str(error))
        self.phase = 'closing'
        duration_s = self.elapsed_s
        problems = [ending.message]
        for close in (self._arms.hold, partial(self._close_recording, ending)):
            try:
                await close()
            except WamError as error:
                problems.append(str(error))
                ending = Ending('aborted', '')
        for after in (self.conclude, self._home):
            try:
                await after()
            except WamError as error:  # the outcome of the episode stands
                problems.append(str(error))
        return {
            'outcome': ending.outcome,
            'score': self.score,
            'stages': self.stages,
            'episode': self._recording.episode,
            'steps': self._monitor.steps if self._monitor else 0,
            'duration_s': duration_s,
            'message': '; '.join(problems),
        }

    async def reset(self) -> None:
        """The scene of a simulated rig, or the arms of a real one. Raises WamError."""
        self.phase = 'resetting'
        if self._simulated:
            await self._scene.reset(self._task.name, self._seed)
        else:
            await self._arms.open()
        self._scene.renew()

    async def settle(self) -> None:
        """Waits for arms that are still. Raises WamError."""
        await self._scene.settle()

    async def record(self, request: StartEpisode.Request) -> None:
        """Starts the recorder. Raises WamError."""
        await self._recording.start(request)

    async def execute(self, source: str, mode: str) -> RolloutMonitor:
        """Starts a run of the executor, and watches it. Raises WamError."""
        run = await self.accepted(
            '/executor/start',
            StartExecution.Request(source=source, mode=mode, task=self._task.language),
        )
        self._monitor = self.monitor(run.generation)
        self.phase = 'running'
        return self._monitor

    def finish(self, text: str) -> str:
        """A person ends it, when it runs. text: how. Returns why not; empty: it ends."""
        if self.phase != 'running' or self._monitor is None:
            return f'the {self._name} is {self.phase}'
        self._monitor.finish(text)
        return ''

    def monitor(self, generation: int) -> RolloutMonitor:
        """What watches a run of the executor from now on."""
        return RolloutMonitor(
            self._task, self._limits, generation, self._link.now_ns(), simulated=self._simulated
        )

    async def accepted(self, name: str, request: Any, **patience: Any) -> Any:
        """The answer of a service that accepts. Raises WamError for one that doesn't."""
        answer = await self._link.call(name, request, **patience)
        if not answer.accepted:
            raise WamError(f'{name}: {answer.message}')
        return answer

    # -- inside

    async def _watch(self) -> Ending:
        monitor = self._monitor
        assert monitor is not None
        endings: list[Ending] = []

        def over() -> bool:
            ending = monitor.ending(self._link.now_ns())
            if ending is None and (lost := self._recording.lost()):
                ending = Ending('aborted', lost)
            if ending is not None:
                endings.append(ending)
            return bool(endings)

        # Its own limits end it sooner than any of these sums.
        limits = self._limits
        longest_ns = limits.first_chunk_ns + limits.time_limit_ns + limits.success_hold_ns
        what = f'the end of the {self._name}'
        await self._link.until(over, longest_ns / 1e9 + 60.0, what, self._interrupted)
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
                score=self.score,
                stages=self.stages,
                note=ending.message,
                by='sim' if judged else self._name,
            )
        )

    async def _home(self) -> None:
        if self._parameters.home_after:
            await self._arms.home()

    def _interrupted(self) -> str:
        return 'cancelled' if self._cancelled() else ''

    def _event(self, kind: str, text: str, **data: object) -> None:
        event = EpisodeEvent(node=self._name, kind=kind, text=text, data=json.dumps(data))
        event.header.stamp = time_message(self._link.now_ns())
        self._tell(event)
