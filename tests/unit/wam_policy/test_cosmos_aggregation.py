"""Numbers worked out by hand from the formulas; parity with the official code: tests/parity."""

import numpy as np
import pytest
import torch

from wam_core.errors import WamError
from wam_policy.cosmos.options import PlanningOptions
from wam_policy.cosmos.planning import aggregation


@pytest.mark.parametrize(
    ('scheme', 'values', 'expected'),
    [
        ('average', [0.2, 0.4, 0.9], 0.5),
        ('lcb', [0.2, 0.4, 0.9], 0.5 - 0.36055513),  # deviation with ddof 1
        ('lcb', [0.0, 1.0], 0.0),  # below 0 before clipping
        ('success_vote', [0.2, 0.05, 0.9, 0.0], 0.5),  # exactly 0.05 is no success
        ('majority_mean', [0.6, 0.8, 0.01], 0.7),
        ('majority_mean', [0.6, 0.01], 0.6),  # half is a majority
        ('majority_mean', [0.9, 0.01, 0.02], 0.0),
        ('majority_mean', [0.05, 0.05], 0.0),
        ('majority_mean', [0.0], 0.0),
        ('average', [1.5], 1.0),
    ],
)
def test_aggregate(scheme: str, values: list[float], expected: float) -> None:
    assert aggregation.aggregate(torch.tensor(values), scheme).item() == pytest.approx(expected)


def test_aggregates_each_column_of_a_batch_alone() -> None:
    values = torch.tensor([[0.6, 0.0], [0.8, 0.9], [0.01, 0.02]])
    result = aggregation.aggregate(values, 'majority_mean')
    assert result.tolist() == pytest.approx([0.7, 0.0])


@pytest.mark.parametrize('scheme', ['average', 'lcb', 'success_vote', 'majority_mean'])
def test_no_members(scheme: str) -> None:
    with pytest.raises(WamError, match=f'{scheme} of 0 values'):
        aggregation.aggregate(torch.empty(0), scheme)


def test_lcb_of_one_is_refused_with_the_options_named() -> None:
    with pytest.raises(WamError, match='lcb of 1 values, expected at least 2'):
        aggregation.aggregate(torch.tensor([0.5]), 'lcb')
    with pytest.raises(WamError, match=r'options\.planning\.aggregation .lcb. needs at least 2'):
        aggregation.check_members(PlanningOptions(aggregation='lcb'), 1)
    aggregation.check_members(PlanningOptions(aggregation='lcb'), 2)
    aggregation.check_members(PlanningOptions(aggregation='average'), 1)


def test_unknown_scheme() -> None:
    with pytest.raises(WamError, match='majority_mean'):
        aggregation.aggregate(torch.tensor([0.5]), 'median')
    with pytest.raises(WamError, match='use_last_value'):
        aggregation.along_depth([0.5], 'median')


def test_along_depth() -> None:
    assert aggregation.along_depth([0.25, 0.75], 'use_last_value') == 0.75
    assert aggregation.along_depth([0.25, 0.75], 'average') == 0.5
    with pytest.raises(WamError, match='no values'):
        aggregation.along_depth([], 'average')


def test_average_of_images_rounds_half_to_even() -> None:
    first = np.array([[[0, 1, 255]]], np.uint8)
    second = np.array([[[1, 2, 255]]], np.uint8)
    average = aggregation.average_images([first, second])
    assert average.dtype == np.uint8
    assert average.tolist() == [[[0, 2, 255]]]
    with pytest.raises(WamError, match='no images'):
        aggregation.average_images([])


def test_select_prefers_the_first_of_equals() -> None:
    assert aggregation.select([0.5, 0.7, 0.7]) == 1
    assert aggregation.select([0.0, 0.0]) == 0


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_select_refuses_what_is_no_number(bad: float) -> None:
    with pytest.raises(WamError, match='candidate 1'):
        aggregation.select([0.5, bad])
    with pytest.raises(WamError, match='no values'):
        aggregation.select([])
