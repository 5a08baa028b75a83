"""Statistics files: the official scaling, and every way to be wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_policy.cosmos.sequence.normaliser import (
    KEYS,
    parse_statistics,
    read_statistics,
    unit_statistics,
)


def content(actions: int = 2, states: int = 3) -> dict[str, Any]:
    numbers = {'min': -2.0, 'max': 1.0, 'mean': 0.0, 'std': 0.5, 'median': -0.1}
    return {
        f'{prefix}_{measure}': [number + 0.3 * index for index in range(size)]
        for prefix, size in (('actions', actions), ('proprio', states))
        for measure, number in numbers.items()
    }


def test_the_range_of_the_training_data_becomes_minus_1_to_1() -> None:
    statistics = parse_statistics(content(), 'here')
    assert (statistics.action_dim, statistics.state_dim) == (2, 3)
    states = np.array([[-2.0, -1.7, -1.4], [1.0, 1.3, 1.6], [-0.5, -0.2, 2.5]])
    expected = np.array([[-1, -1, -1], [1, 1, 1], [0, 0, 1.6]])  # unclipped
    np.testing.assert_allclose(statistics.normalise_state(states), expected, atol=1e-15)
    np.testing.assert_allclose(statistics.unnormalise_state(expected), states)
    actions = np.array([[[-1.0, 0.0], [1.0, 3.0]]])
    np.testing.assert_allclose(
        statistics.unnormalise_action(actions), [[[-2.0, -0.2], [1.0, 4.3]]]
    )


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=2))
def test_normalising_undoes_unnormalising(row: list[float]) -> None:
    statistics = parse_statistics(content(), 'here')
    actions = np.array([row, row])
    back = statistics.normalise_action(statistics.unnormalise_action(actions))
    np.testing.assert_allclose(back, actions, atol=1e-13)


def test_the_networks_float32_is_kept_until_the_range_comes_in() -> None:
    statistics = parse_statistics(content(), 'here')
    low, high = (np.array(statistics.values[f'actions_{end}']) for end in ('min', 'max'))
    actions = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    half = (np.float32(0.5) * (actions + np.float32(1))).astype(np.float64)
    found = statistics.unnormalise_action(actions)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, half * (high - low) + low)
    assert (found != statistics.unnormalise_action(actions.astype(np.float64))).any()


def test_a_file_reads_as_it_was_written_and_keeps_its_hash(tmp_path: Path) -> None:
    path = tmp_path / 'statistics.json'
    statistics = parse_statistics(content(), 'here')
    path.write_text(statistics.text())
    assert read_statistics(path) == statistics
    path.write_text(json.dumps(dict(reversed(content().items())), indent=7))
    assert read_statistics(path).hash == statistics.hash
    changed = content()
    changed['proprio_median'][2] += 1e-9
    assert parse_statistics(changed, 'here').hash != statistics.hash


def test_unit_statistics_leave_everything_as_it_is() -> None:
    statistics = unit_statistics(14, 13)
    assert (statistics.action_dim, statistics.state_dim) == (14, 13)
    assert parse_statistics(json.loads(statistics.text()), 'here') == statistics
    rows = np.random.default_rng(0).uniform(-1, 1, (5, 14))
    np.testing.assert_allclose(statistics.unnormalise_action(rows), rows, atol=1e-15)
    np.testing.assert_allclose(statistics.normalise_state(rows[:, :13]), rows[:, :13], atol=1e-15)


def test_another_dimension_is_refused_naming_both() -> None:
    statistics = parse_statistics(content(), 'here')
    for given_, call in (
        (np.zeros(2), statistics.normalise_state),
        (np.zeros((2, 3)), statistics.unnormalise_action),
        (np.zeros(()), statistics.normalise_action),
    ):
        with pytest.raises(WamError, match=r'of shape \(.*\), the statistics .* have \d numbers'):
            call(given_)


def broken(key: str, value: object) -> dict[str, Any]:
    return content() | {key: value}


@pytest.mark.parametrize(
    ('given_', 'message'),
    [
        ([], r'expected the keys .* got list'),
        (broken('actions_q01', [0, 0]), r"unknown key 'actions_q01', expected"),
        ({key: content()[key] for key in KEYS[1:]}, r'actions_min: expected a list .* got None'),
        (broken('actions_std', 1.0), r'actions_std: expected a list of numbers, got 1.0'),
        (broken('actions_std', 'ab'), r"actions_std: expected a list of numbers, got 'ab'"),
        (broken('actions_std', []), r'actions_std: expected a list of numbers'),
        (broken('actions_max', [1.0, True]), r'actions_max\[1\] = True, expected a finite'),
        (broken('actions_max', [1.0, None]), r'actions_max\[1\] = None, expected a finite'),
        (broken('proprio_mean', [0, 0, np.inf]), r'proprio_mean\[2\] = inf, expected a finite'),
        (broken('proprio_mean', [0, 0, np.nan]), r'proprio_mean\[2\] = nan, expected a finite'),
        (broken('proprio_mean', [0, 0, 10**400]), r'proprio_mean\[2\] = 1000'),
        (broken('proprio_std', [1, 1]), r'proprio_std has 2 numbers, proprio_min has 3'),
        (broken('actions_min', [0, 2]), r'actions_max\[1\] = 1.3, expected more than .* = 2'),
        (broken('proprio_max', [-2.0, 1, 1]), r'proprio_max\[0\] = -2, .* divides by'),
    ],
)
def test_impossible_statistics_are_refused_naming_source_and_key(
    given_: object, message: str
) -> None:
    with pytest.raises(WamError, match=f'^a file: {message}'):
        parse_statistics(given_, 'a file')


@pytest.mark.parametrize('text', [b'{', b'\xff\xfe', b'', b'[' * 100_000])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / 'statistics.json'
    path.write_bytes(text)
    with pytest.raises(WamError, match=r'statistics\.json: not JSON'):
        read_statistics(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WamError, match=r'gone\.json: No such file'):
        read_statistics(tmp_path / 'gone.json')
