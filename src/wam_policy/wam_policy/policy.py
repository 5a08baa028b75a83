"""The interface of every policy, and the values that cross it."""

from typing import Protocol, runtime_checkable

from wam_core.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction

__all__ = [
    'InferenceRequest',
    'Observation',
    'Policy',
    'PolicyConfig',
    'PolicySpec',
    'Prediction',
]


@runtime_checkable
class Policy(Protocol):
    """Turns an observation into a chunk of actions.

    A package adds one by an entry point in the group ``wam.policies``, called with the
    PolicyConfig. Decorators (recording, latency, remote, ensembling) have this interface too.
    """

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and what it answers with; constant."""

    def reset(self, task: str) -> None:
        """Forgets the past and prepares for the language instruction.

        Raises WamError for a task that the policy can't do, naming those that it can.
        """

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """One chunk: row k is due at ``observation.stamp_ns + k * spec.dt_ns``.

        May take long; never called twice at once. Raises WamError when it can't answer.
        """
