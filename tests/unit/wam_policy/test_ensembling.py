"""Averaging overlapping chunks, against values of ACT's own evaluation loop."""

from dataclasses import replace

import numpy as np
import pytest

from wam_bringup.config import load_policy
from wam_core.errors import WamError
from wam_core.joints import DIM
from wam_core.policy import (
    Ensembling,
    InferenceRequest,
    Matrix,
    Observation,
    PolicySpec,
    Prediction,
    parse_policy,
)
from wam_policy.ensembling import EnsemblingPolicy
from wam_policy.policy import Policy
from wam_policy.registry import load

DT_NS = 40_000_000
# One joint's predictions of six steps, four rows each, and what the loop of ACT's evaluation
# (imitate_episodes.py: a table of all predictions, per step the column of those that reach it,
# weights exp(-k i) from the oldest on, normalised) executed at each step for two values of k.
CHUNKS = [
    [-0.802, -1.324, -0.248, 0.42],
    [1.136, 0.11, -0.553, -0.785],
    [0.749, 1.635, 0.273, -1.233],
    [-0.958, 1.6, 0.203, -1.732],
    [-0.084, -1.163, -0.629, -0.488],
    [-0.713, 0.553, -0.063, -0.589],
]
EXECUTED = {
    0.01: [-0.802, -0.100149949, 0.20034495, 0.138412281, 0.246678389, -0.726754875],
    0.5: [-0.802, -0.395249955, 0.047740879, 0.214927911, -0.022549283, -0.772140516],
}


class _Told:
    """Answers with the chunks that it was given, one after the other."""

    def __init__(self, chunks: list[Matrix], prefix_rows: int = 0) -> None:
        self.spec: PolicySpec = replace(load_policy('hold').spec, horizon=len(chunks[0]))
        self.chunks = list(chunks)
        self.prefix_rows = prefix_rows
        self.tasks: list[str] = []

    def reset(self, task: str) -> None:
        self.tasks.append(task)

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        return Prediction(self.chunks.pop(0), value=0.25, prefix_rows=self.prefix_rows)


def observed(stamp_ns: int) -> Observation:
    zero = np.zeros(DIM)
    return Observation(stamp_ns, np.zeros((0, 0, 0, 3), np.uint8), zero, zero, zero)


def ask(policy: Policy, stamp_ns: int) -> Prediction:
    request = InferenceRequest(1, 'task', 'async', np.zeros((0, DIM)))
    return policy.infer(observed(stamp_ns), request)


def spread(column: list[float]) -> Matrix:
    """(H, 14) whose joints are the column times 1..14."""
    return np.outer(column, np.arange(1.0, DIM + 1))


@pytest.mark.parametrize('decay', EXECUTED)
def test_row_0_of_a_policy_asked_at_every_step_is_what_act_executes(decay: float) -> None:
    policy = EnsemblingPolicy(_Told([spread(chunk) for chunk in CHUNKS]), Ensembling(decay))
    for step, expected in enumerate(EXECUTED[decay]):
        first = ask(policy, 10**18 + step * DT_NS).actions[0]
        np.testing.assert_allclose(first, expected * np.arange(1, DIM + 1), atol=1e-7)


def test_later_rows_average_what_is_known_of_them_now() -> None:
    policy = EnsemblingPolicy(_Told([spread(chunk) for chunk in CHUNKS]), Ensembling(0.5))
    ask(policy, 0)
    second = ask(policy, DT_NS).actions[:, 0]
    old, new = np.array(CHUNKS[0][1:]), np.array(CHUNKS[1])
    weight = np.exp(-0.5)
    np.testing.assert_allclose(second[:3], (old + weight * new[:3]) / (1.0 + weight))
    assert second[3] == new[3], 'only the new chunk reaches so far'


def test_chunks_on_different_grids_are_matched_by_time() -> None:
    line = np.linspace(0.0, 7.0, 8)  # value = time in rows of the first chunk
    policy = EnsemblingPolicy(_Told([spread(list(line)), spread(list(line + 2.5))]), Ensembling(1))
    ask(policy, 0)
    second = ask(policy, round(2.5 * DT_NS))
    np.testing.assert_allclose(second.actions, spread(list(line + 2.5)), atol=1e-12)


@pytest.mark.parametrize('how', ['reset', 'time went back', 'too long ago'])
def test_chunks_of_before_are_forgotten(how: str) -> None:
    told = _Told([spread(chunk) for chunk in CHUNKS])
    policy = EnsemblingPolicy(told, Ensembling(0.01))
    ask(policy, 10 * DT_NS)
    stamp_ns = {'reset': 11, 'time went back': 9, 'too long ago': 14}[how] * DT_NS
    if how == 'reset':
        policy.reset('another task')
        assert told.tasks == ['another task']
    np.testing.assert_array_equal(ask(policy, stamp_ns).actions, spread(CHUNKS[1]))


def test_a_mean_does_not_pose_as_conditioned_on_the_prefix_and_keeps_the_rest() -> None:
    policy = EnsemblingPolicy(_Told([spread(c) for c in CHUNKS], prefix_rows=2), Ensembling(0.01))
    assert ask(policy, 0).prefix_rows == 2, 'a first chunk is the policy itself'
    second = ask(policy, DT_NS)
    assert second.prefix_rows == 0 and second.value == 0.25


def test_the_policys_own_arrays_are_not_written_to() -> None:
    chunks = [spread(chunk) for chunk in CHUNKS[:2]]
    policy = EnsemblingPolicy(_Told(chunks), Ensembling(0.01))
    ask(policy, 0)
    ask(policy, DT_NS)
    np.testing.assert_array_equal(chunks[0], spread(CHUNKS[0]))
    np.testing.assert_array_equal(chunks[1], spread(CHUNKS[1]))


def test_it_is_off_unless_the_policy_file_asks_for_it() -> None:
    config = load_policy('hold')
    assert config.ensembling is None
    assert not isinstance(load(config), EnsemblingPolicy)
    wrapped = load(replace(config, ensembling=Ensembling(0.01)))
    assert isinstance(wrapped, EnsemblingPolicy) and isinstance(wrapped, Policy)
    assert wrapped.spec == config.spec


def policy_file(**more: object) -> dict[str, object]:
    image = {'height': 8, 'width': 8, 'resampling': 'area'}
    return {'policy': 'hold', 'cameras': [], 'image': image, 'horizon': 4, 'dt_s': 0.04, **more}


def test_the_policy_file_says_how_fast_weights_fall() -> None:
    config = parse_policy('x', policy_file(ensembling={'decay': 0.01}), 'x.yaml')
    assert config.ensembling == Ensembling(0.01)


@pytest.mark.parametrize(
    ('ensembling', 'text'),
    [
        ({}, 'decay'),
        ({'decay': -0.1}, 'allowed 0 to 10'),
        ({'decay': 0.1, 'wieght': 1}, 'wieght'),
        (0.01, 'mapping'),
    ],
)
def test_a_wrong_ensembling_is_refused(ensembling: object, text: str) -> None:
    with pytest.raises(WamError, match=rf'x\.yaml: ensembling.*{text}'):
        parse_policy('x', policy_file(ensembling=ensembling), 'x.yaml')
