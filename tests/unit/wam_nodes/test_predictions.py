"""Answers of policies as messages: what is refused, and what a planner's candidates become."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from wam_msgs.srv import PredictChunk

from wam_core.errors import WamError
from wam_core.policy import Candidate, PolicySpec, Prediction
from wam_nodes.predictions import (
    action_chunk,
    check,
    check_images,
    foresees,
    predicted_future,
)

SPEC = PolicySpec('mine', ('cam_high', 'cam_low'), 8, 6, 'none', 5, 40_000_000)
ACTIONS = np.arange(70.0).reshape(5, 14)
STATE = np.arange(14.0)
PLAIN = Prediction(ACTIONS)
PLANNED = Prediction(
    ACTIONS,
    STATE,
    0.5,
    (Candidate(ACTIONS + 1.0), Candidate(ACTIONS, 0.5, STATE), Candidate(ACTIONS, 0.0)),
    chosen=1,
    note='deadline',
)


def bad(values: Any, at: tuple[int, ...], value: float) -> Any:
    copy = np.array(values)
    copy[at] = value
    return copy


@pytest.mark.parametrize('prediction', [PLAIN, PLANNED])
def test_what_is_whole_passes(prediction: Prediction) -> None:
    check(prediction, SPEC)


@pytest.mark.parametrize(
    ('fields', 'text'),
    [
        ({'actions': ACTIONS[1:]}, 'actions: shape (4, 14), expected (5, 14)'),
        ({'actions': bad(ACTIONS, (2, 3), np.inf)}, 'actions: not finite: inf at row 2, column 3'),
        ({'value': float('nan')}, 'value: not finite: nan, 1 in all'),
        ({'value': np.zeros(1)}, 'value: shape (1,), expected ()'),
        ({'future_proprioception': STATE[1:]}, 'future_proprioception: shape (13,)'),
        ({'future_proprioception': bad(STATE, (4,), np.nan)}, 'not finite: nan at index 4'),
        ({'prefix_rows': 6}, 'prefix_rows = 6, allowed 0 to 5'),
        ({'chosen': 3}, 'chosen = 3, allowed 0 to 2'),
        ({'chosen': -1}, 'chosen = -1, allowed 0 to 2'),
        (
            {'candidates': (Candidate(ACTIONS), Candidate(bad(ACTIONS, (0, 0), np.nan)))},
            'candidates[1].actions: not finite: nan at row 0, column 0',
        ),
        (
            {'candidates': (Candidate(ACTIONS, np.inf), Candidate(ACTIONS))},
            'candidates[0].value: not finite: inf',
        ),
    ],
)
def test_what_is_not_is_refused_with_its_place(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(WamError) as error:
        check(replace(PLANNED, **fields), SPEC)
    assert text in str(error.value)


@pytest.mark.parametrize('prediction', [PLAIN, PLANNED])
def test_images_have_one_set_for_each_candidate(prediction: Prediction) -> None:
    count = max(1, len(prediction.candidates))
    images = np.zeros((count, 2, 4, 3, 3), np.uint8)
    check_images(images, prediction, SPEC)
    for wrong in (
        images[0],
        np.concatenate([images, images]),
        images[:, 1:],
        images[..., :2],
        images.astype(np.float32),
        None,
    ):
        with pytest.raises(WamError, match=rf'expected uint8, \({count}, 2, height, width, 3\)'):
            check_images(wrong, prediction, SPEC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({}, False),
        ({'stage_ms': {'denoise': 1.0}}, False),
        ({'value': 0.0}, True),
        ({'future_proprioception': STATE}, True),
        ({'note': 'cut short'}, True),
        ({'candidates': (Candidate(ACTIONS),)}, True),
        ({'decode_images': lambda: None}, True),
    ],
)
def test_only_what_foresees_something_is_published(fields: dict[str, Any], expected: bool) -> None:
    assert foresees(replace(PLAIN, **fields)) == expected


def test_what_was_not_judged_is_not_a_number() -> None:
    images = np.arange(3 * 2 * 4 * 3 * 3, dtype=np.uint8).reshape(3, 2, 4, 3, 3)
    future = predicted_future(7, SPEC, 1_500_000_000, PLANNED, images, 12.5)
    assert (future.header.stamp.sec, future.header.stamp.nanosec) == (1, 500_000_000)
    assert (future.request_id, future.offset.nanosec) == (7, 200_000_000)
    assert (future.candidates, future.chosen, future.note) == (3, 1, 'deadline')
    assert list(future.values) == pytest.approx([np.nan, 0.5, 0.0], nan_ok=True)
    states = np.reshape(future.proprioception, (3, 14))
    assert np.isnan(states[[0, 2]]).all()
    assert np.array_equal(states[1], STATE)
    assert (future.horizon, future.action_dim) == (5, 14)
    actions = np.reshape(future.actions, (3, 5, 14))
    assert np.array_equal(actions, [ACTIONS + 1.0, ACTIONS, ACTIONS])
    assert (future.cameras, future.height, future.width) == (['cam_high', 'cam_low'], 4, 3)
    assert np.array_equal(np.reshape(future.data, images.shape), images)
    assert future.decode_ms == 12.5


def test_without_a_plan_the_answer_is_the_only_candidate() -> None:
    future = predicted_future(7, SPEC, 0, replace(PLAIN, value=0.25))
    assert (future.candidates, future.chosen) == (1, 0)
    assert list(future.values) == [0.25]
    assert np.array_equal(future.actions, ACTIONS.ravel())
    assert (len(future.proprioception), len(future.cameras), len(future.data)) == (0, 0, 0)


def test_a_chunk_without_a_prediction_has_no_rows_but_a_reason() -> None:
    chunk = action_chunk(PredictChunk.Request(request_id=3), SPEC, 0, None, {}, 'out of memory')
    assert (chunk.horizon, len(chunk.actions), chunk.error) == (0, 0, 'out of memory')
