"""One rollout from the reset of the scene to the labelled recording, step after step."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from wam_msgs.action import RunRollout
from wam_msgs.msg import EpisodeEvent
from wam_msgs.srv import ResetPolicy, StartEpisode

from wam_nodes import episode_sequence
from wam_nodes.episode_sequence import EpisodeSequence
from wam_nodes.link import Link
from wam_nodes.rollout_plan import Parameters, Plan

POLICY_RESET: Final = '/policy/reset'
SERVICES: Final[Mapping[str, Any]] = {POLICY_RESET: ResetPolicy, **episode_sequence.SERVICES}


class RolloutSequence(EpisodeSequence):
    """Runs one plan. The node hands it the messages that it listens to.

    tell: publishes an EpisodeEvent. feedback: sends the action's feedback. cancelled: whether the
    caller gave up. complaints: what other nodes complain of; empty: nothing.
    """

    def __init__(
        self,
        link: Link,
        parameters: Parameters,
        plan: Plan,
        tell: Callable[[EpisodeEvent], None],
        feedback: Callable[[RunRollout.Feedback], None],
        cancelled: Callable[[], bool],
        complaints: Callable[[], str],
    ) -> None:
        super().__init__(
            'rollout',
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
        self._patience_s = parameters.policy_timeout_s
        self._feedback = feedback
        self._policy: ResetPolicy.Response | None = None

    def report(self) -> None:
        """See ``EpisodeSequence``."""
        message = RunRollout.Feedback(phase=self.phase)
        state = self._arms.state
        if self._monitor is not None and state is not None:
            message.elapsed_s = self.elapsed_s
            message.chunks = state.chunks_merged
            message.underruns = state.underruns
            message.stage = self.stages[-1] if self.stages else ''
            message.score = self.score
        self._feedback(message)

    async def prepare(self) -> None:
        """See ``EpisodeSequence``."""
        await self._arms.come_to_rest()
        # First of all: it may take minutes to load, for which no arm need hold itself up.
        self.phase = 'loading'
        await self._link.served(POLICY_RESET, 'policy', self._patience_s, self._interrupted)
        await self.reset()
        self.phase = 'waiting'
        plan = self._plan
        self._policy = await self.accepted(
            POLICY_RESET,
            ResetPolicy.Request(
                task=plan.task.language,
                task_name=plan.task.name,
                policy=plan.policy,
                seed=plan.seed,
            ),
            repeatable=True,
            timeout_s=self._patience_s,
            interrupted=self._interrupted,
        )
        await self.settle()

    async def start(self) -> None:
        """See ``EpisodeSequence``."""
        plan, policy = self._plan, self._policy
        assert policy is not None
        if plan.record:
            await self.record(
                StartEpisode.Request(
                    task=plan.task.language,
                    task_name=plan.task.name,
                    kind='rollout',
                    operator_name=plan.operator,
                    policy=policy.policy,
                    policy_specification=policy.specification,
                    policy_options=policy.options,
                    mode=plan.mode,
                    seed=plan.seed,
                )
            )
        self._event('start', plan.task.language, policy=policy.policy, seed=plan.seed)
        await self.execute('policy', plan.mode)
