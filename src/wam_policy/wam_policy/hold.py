"""A policy that keeps the arms where they are."""

import numpy as np

from wam_core.errors import WamError
from wam_policy.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec, Prediction


class HoldPolicy:
    """Every row of the chunk is the observed position. Accepts any task."""

    def __init__(self, config: PolicyConfig) -> None:
        if config.options:
            raise WamError(
                f'policy {config.spec.name!r}: hold has no options, got {config.options}'
            )
        self._spec = config.spec

    @property
    def spec(self) -> PolicySpec:
        """As configured."""
        return self._spec

    def reset(self, task: str) -> None:
        """Nothing to forget."""

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """(horizon, 14) rows, all equal to ``observation.position``."""
        return Prediction(actions=np.tile(observation.position, (self._spec.horizon, 1)))
