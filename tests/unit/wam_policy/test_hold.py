"""The policy that keeps the arms where they are."""

from dataclasses import replace

import numpy as np
import pytest

from wam_bringup.config import load_policy
from wam_core.errors import WamError
from wam_core.policy import InferenceRequest, Observation
from wam_policy.hold import HoldPolicy


def test_every_row_is_the_observed_position() -> None:
    policy = HoldPolicy(load_policy('hold'))
    position = np.linspace(-1.0, 1.0, 14)
    observation = Observation(
        stamp_ns=0,
        images=np.zeros((3, 224, 224, 3), np.uint8),
        position=position,
        velocity=np.zeros(14),
        effort=np.zeros(14),
    )
    policy.reset('anything')
    request = InferenceRequest(1, 'anything', 'async', np.zeros((0, 14)))
    actions = policy.infer(observation, request).actions
    assert actions.shape == (policy.spec.horizon, 14)
    assert np.array_equal(actions, np.broadcast_to(position, actions.shape))


def test_an_option_is_refused() -> None:
    with pytest.raises(WamError, match='no options'):
        HoldPolicy(replace(load_policy('hold'), options={'speed': 1}))
