"""Every way in which a chunk can be bad is refused with the value and what is allowed."""

import math
from array import array
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.chunk import Chunk, ChunkFields, Refusal, RefusalReason, check

GOOD = ChunkFields(
    request_id=3,
    generation=1,
    task='fold',
    t_obs_ns=10**9,
    dt_ns=40_000_000,
    horizon=2,
    action_dim=14,
    actions=[float(number) for number in range(28)],
)


def test_a_good_chunk_becomes_rows_that_nobody_can_change() -> None:
    chunk = check(GOOD)
    assert isinstance(chunk, Chunk)
    assert (chunk.request_id, chunk.generation, chunk.task) == (3, 1, 'fold')
    assert np.array_equal(chunk.actions, np.arange(28.0).reshape(2, 14))
    assert chunk.last_ns == 40_000_000
    assert chunk.curve.at(1.0).position == pytest.approx(np.arange(14.0, 28.0))
    with pytest.raises(ValueError, match='read-only'):
        chunk.actions[0, 0] = 1.0


def test_the_rows_are_a_copy_of_what_came() -> None:
    actions = array('d', range(28))
    chunk = check(replace(GOOD, actions=actions))
    actions[0] = 99.0
    assert isinstance(chunk, Chunk)
    assert chunk.actions[0, 0] == 0.0


@pytest.mark.parametrize(
    ('change', 'reason', 'text'),
    [
        ({'error': 'out of memory'}, 'policy_error', 'the policy failed: out of memory'),
        ({'horizon': 0, 'actions': []}, 'empty', 'horizon = 0, allowed 1 to 1000'),
        ({'action_dim': 7}, 'wrong_dimension', 'action_dim = 7, allowed 14'),
        ({'horizon': 3}, 'malformed', 'actions has shape (28,), expected 3 x 14 = 42'),
        ({'horizon': -1}, 'malformed', 'horizon = -1, allowed 1 to 1000'),
        ({'horizon': 1001}, 'malformed', 'horizon = 1001, allowed 1 to 1000'),
        ({'actions': np.zeros((2, 14))}, 'malformed', 'actions has shape (2, 14)'),
        ({'dt_ns': 0}, 'malformed', 'dt = 0 s, allowed 0.001 to 1 s'),
        ({'dt_ns': -1_000_000}, 'malformed', 'dt = -0.001 s'),
        ({'dt_ns': 2 * 10**9}, 'malformed', 'dt = 2 s'),
        ({'prefix_rows': 3}, 'malformed', 'prefix_rows = 3, allowed 0 to the horizon 2'),
    ],
)
def test_a_bad_chunk_is_refused(change: dict[str, object], reason: str, text: str) -> None:
    refusal = check(replace(GOOD, **change))  # type: ignore[arg-type]
    assert isinstance(refusal, Refusal)
    assert refusal.reason.value == reason
    assert text in refusal.text


@given(
    st.integers(0, 27),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1000.5]),
)
def test_a_value_that_nobody_could_follow_is_named(index: int, value: float) -> None:
    actions = [0.0] * 28
    actions[index] = value
    refusal = check(replace(GOOD, actions=actions))
    assert isinstance(refusal, Refusal)
    expected = RefusalReason.OUT_OF_RANGE if math.isfinite(value) else RefusalReason.NOT_FINITE
    assert refusal.reason is expected
    assert refusal.text.startswith(f'row {index // 14}, ')
    assert f'= {value:g}, ' in refusal.text
