"""Chunks that disagree, and a policy that conditions on a prefix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_bringup.config import load_policy
from wam_core.joints import ARM_SLICES, DIM, GRIPPERS
from wam_core.policy import InferenceRequest, Matrix, Observation, Prediction
from wam_sim.disagreement import DisagreeingPolicy, Disagreement, conditioned

DT_S, H = 0.04, 50
DT_NS = 40_000_000
ARMS = np.r_[ARM_SLICES['left'], ARM_SLICES['right']]
STAMP_NS = 9_000_000_000


def line() -> Matrix:
    """(50, 14) rows that go on evenly."""
    return np.arange(H)[:, None] * np.linspace(0.001, 0.02, DIM)


@given(seed=st.integers(0, 2**32 - 1), chunk=st.integers(0, 1000))
def test_an_offset_is_small_smooth_and_on_the_arms_alone(seed: int, chunk: int) -> None:
    amplitude = 0.02
    curve = Disagreement(amplitude, seed=seed).curve(chunk, H, DT_S)
    assert curve.shape == (H, DIM)
    assert not curve[:, GRIPPERS].any()
    assert np.abs(curve).max() <= 2.5 * amplitude
    fastest = 2.0 * np.pi * 0.5  # rad/s, of the band's upper end
    for order in (1, 2, 3):
        bound = 2.5 * amplitude * (fastest * DT_S) ** order
        assert np.abs(np.diff(curve, n=order, axis=0)).max() <= bound


def test_over_many_chunks_offsets_have_no_mean_and_the_stated_deviation() -> None:
    disagreement = Disagreement(0.02, seed=1)
    curves = np.stack([disagreement.curve(chunk, H, DT_S) for chunk in range(2000)])[:, 0, ARMS]
    assert curves.std() == pytest.approx(0.02, rel=0.05)
    assert np.abs(curves.mean(axis=0)).max() < 0.002


def test_a_seed_and_a_chunk_are_one_offset() -> None:
    curve = Disagreement(seed=4).curve(2, H, DT_S)
    np.testing.assert_array_equal(curve, Disagreement(seed=4).curve(2, H, DT_S))
    for other in (Disagreement(seed=5).curve(2, H, DT_S), Disagreement(seed=4).curve(3, H, DT_S)):
        assert np.abs(curve - other).max() > 1e-3


@given(count=st.integers(1, H), seed=st.integers(0, 1000), fade=st.integers(1, 40))
def test_after_a_prefix_the_way_is_smooth_and_ends_at_the_own_opinion(
    count: int, seed: int, fade: int
) -> None:
    curve = Disagreement(0.02, seed=seed).curve(0, H, DT_S)
    earlier = Disagreement(0.02, seed=seed).curve(1, H, DT_S)
    frozen = (line() + earlier)[:count]
    rows = conditioned(line(), curve, frozen, fade)
    np.testing.assert_array_equal(rows[:count], frozen)
    np.testing.assert_allclose(rows[count - 1 + fade :], (line() + curve)[count - 1 + fade :])
    if count > 1 and fade >= 10:
        before = rows[count - 1] - rows[count - 2]
        after = rows[count : count + 1] - rows[count - 1]
        # At most what a fade of 0.1 rad in 10 rows makes of its first step.
        assert np.abs(after - before).max(initial=0.0) < 3e-3


def test_without_a_prefix_the_offset_is_all_there_is() -> None:
    curve = Disagreement(seed=2).curve(0, H, DT_S)
    np.testing.assert_array_equal(conditioned(line(), curve, line()[:0], 9), line() + curve)


class _Line:
    """Always the same rows."""

    spec = load_policy('hold').spec

    def reset(self, task: str) -> None:
        pass

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        return Prediction(line(), value=0.5)


def infer(policy: DisagreeingPolicy, prefix: Matrix, start_ns: int) -> Prediction:
    zero = np.zeros(DIM)
    none = np.zeros((0, 0, 0, 3), np.uint8)
    request = InferenceRequest(1, 'task', 'rtc', prefix, start_ns)
    return policy.infer(Observation(STAMP_NS, none, zero, zero, zero), request)


def test_a_prefix_is_repeated_from_the_observation_on() -> None:
    policy = DisagreeingPolicy(_Line(), Disagreement(0.02))
    prefix = line()[:20] + 0.01
    got = infer(policy, prefix, STAMP_NS - 5 * DT_NS)
    assert got.prefix_rows == 15 and got.value == 0.5
    np.testing.assert_array_equal(got.actions[:15], prefix[5:])


@pytest.mark.parametrize('start_ns', [STAMP_NS + 1, STAMP_NS - 30 * DT_NS])
def test_a_prefix_of_another_time_is_not_repeated(start_ns: int) -> None:
    got = infer(DisagreeingPolicy(_Line(), Disagreement(0.02)), line()[:20], start_ns)
    assert got.prefix_rows == 0


def test_chunks_differ_and_a_reset_begins_again() -> None:
    policy = DisagreeingPolicy(_Line(), Disagreement(0.02))
    first, second = (infer(policy, line()[:0], 0).actions for _ in range(2))
    assert np.abs(first - second).max() > 0.01
    policy.reset('task')
    np.testing.assert_array_equal(infer(policy, line()[:0], 0).actions, first)
