"""One demonstration from the reset of the scene to the labelled recording, step after step."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from wam_msgs.action import RunDemonstration
from wam_msgs.msg import DemonstrationState, EpisodeEvent
from wam_msgs.srv import SetLeaders, StartEpisode

from wam_core.gesture import Gesture
from wam_core.rollout import RolloutMonitor
from wam_nodes import episode_sequence
from wam_nodes.conversions import nanoseconds, time_message
from wam_nodes.demonstration_plan import Parameters, Plan
from wam_nodes.episode_sequence import EpisodeSequence
from wam_nodes.leader_arms import FOLLOW, LEAD, READY
from wam_nodes.link import Link
from wam_nodes.teleop import GESTURE, SOURCE

SET_LEADERS: Final = '/teleop/set_leaders'
SERVICES: Final[Mapping[str, Any]] = {SET_LEADERS: SetLeaders, **episode_sequence.SERVICES}
_BY_GESTURE: Final = 'ended by the person (grippers wide open)'


class DemonstrationSequence(EpisodeSequence):
    """Runs one plan. The node hands it the messages that it listens to.

    tell: publishes an EpisodeEvent. show: publishes the phase. feedback: sends the action's
    feedback. cancelled: whether the caller gave up. complaints: what other nodes complain of;
    empty: nothing.
    """

    def __init__(
        self,
        link: Link,
        parameters: Parameters,
        plan: Plan,
        tell: Callable[[EpisodeEvent], None],
        show: Callable[[DemonstrationState], None],
        feedback: Callable[[RunDemonstration.Feedback], None],
        cancelled: Callable[[], bool],
        complaints: Callable[[], str],
    ) -> None:
        self._show = show
        self._phase = ''
        super().__init__(
            'demonstration',
            link,
            parameters,
            plan.task,
            plan.time_limit_s,
            plan.seed,
            tell,
            cancelled,
            complaints,
        )
        self._plan = plan
        self._gesture_timeout_s = parameters.gesture_timeout_s
        self._leaders_timeout_s = parameters.leaders_timeout_s
        self._feedback = feedback
        self._waiting_ns: int | None = None  # since when the person may begin
        self._begun = False
        self._aligned = False

    @property
    def phase(self) -> str:
        """One of DemonstrationState's."""
        return self._phase

    @phase.setter
    def phase(self, phase: str) -> None:
        self._phase = phase
        self.show()

    def show(self) -> None:
        """Publishes the phase of this moment."""
        message = DemonstrationState(phase=self._phase, task=self._task.name)
        message.header.stamp = time_message(self._link.now_ns())
        message.elapsed_s, message.score = self.elapsed_s, self.score
        message.stage = self.stages[-1] if self.stages else ''
        self._show(message)

    def report(self) -> None:
        """See ``EpisodeSequence``."""
        self._feedback(
            RunDemonstration.Feedback(
                phase=self._phase,
                elapsed_s=self.elapsed_s,
                stage=self.stages[-1] if self.stages else '',
                score=self.score,
            )
        )
        self.show()

    def event(self, message: EpisodeEvent) -> None:
        """Takes what happens: the person's gestures among it."""
        if message.kind != GESTURE:
            return
        if message.text == Gesture.BEGIN.value:
            # One that was made before the arms were ready begins nothing.
            waiting_ns = self._waiting_ns
            self._begun |= waiting_ns is not None and (
                nanoseconds(message.header.stamp) >= waiting_ns
            )
        elif message.text == Gesture.END.value:
            self.finish(_BY_GESTURE)

    def begin(self) -> str:
        """The person begins, by request. Returns why not; empty: it does."""
        if self._phase != 'waiting':
            return f'the demonstration is {self._phase}, it begins while waiting'
        self._begun = True
        return ''

    async def prepare(self) -> None:
        """See ``EpisodeSequence``."""
        await self._arms.come_to_rest()
        await self.reset()
        await self.settle()
        self.phase = 'aligning'
        await self._set_leaders(READY)
        self._aligned = True
        self._waiting_ns = self._link.now_ns()
        self.phase = 'waiting'
        await self._link.until(
            lambda: self._begun,
            self._gesture_timeout_s,
            'the gesture that begins (gesture_timeout_s of config/demonstration.yaml)',
            self._interrupted,
        )

    async def start(self) -> None:
        """See ``EpisodeSequence``."""
        plan = self._plan
        if plan.record:
            await self.record(
                StartEpisode.Request(
                    task=plan.task.language,
                    task_name=plan.task.name,
                    kind='demonstration',
                    operator_name=plan.operator,
                    seed=plan.seed,
                )
            )
        self._event('start', plan.task.language, operator=plan.operator, seed=plan.seed)
        # Not before the recorder: whoever can't begin needn't hold the arms up meanwhile.
        await self._set_leaders(LEAD)
        await self.execute(SOURCE, '')

    async def conclude(self) -> None:
        """The leaders hold themselves up again, where the followers are."""
        if self._aligned:
            await self._set_leaders(FOLLOW)

    def monitor(self, generation: int) -> RolloutMonitor:
        """See ``EpisodeSequence``."""
        return RolloutMonitor(
            self._task,
            self._limits,
            generation,
            self._link.now_ns(),
            simulated=self._simulated,
            feed='target',
        )

    async def _set_leaders(self, state: str) -> None:
        await self.accepted(
            SET_LEADERS,
            SetLeaders.Request(state=state),
            timeout_s=self._leaders_timeout_s,
            interrupted=self._interrupted if state != FOLLOW else lambda: '',
        )
