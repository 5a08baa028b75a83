"""Our server of Cosmos Policy's protocol, asked as its official client asks."""

import json
from typing import Any

import json_numpy  # type: ignore[import-untyped]
import numpy as np
import pytest
from remote_peers import (
    HORIZON,
    REQUEST,
    FakeTime,
    ServedPolicy,
    act,
    make_config,
    make_observation,
    official_request,
    serving,
)

from wam_core.policy import Candidate, Observation, Prediction
from wam_policy.remote.cosmos_http import CosmosHttpPolicy


def test_the_official_clients_request_is_answered_with_its_keys() -> None:
    policy = ServedPolicy()
    with serving('cosmos', policy, gripper='angle') as server:
        reply = json_numpy.loads(act(server.url, official_request()).text)
    assert reply.keys() == {
        'actions', 'future_image_predictions', 'value_prediction', 'value_predictions'
    }  # fmt: skip
    observation = make_observation()
    assert len(reply['actions']) == HORIZON
    assert np.array_equal(reply['actions'], np.tile(observation.position, (HORIZON, 1)))
    assert reply['future_image_predictions'] is None
    assert np.array_equal(policy.observations[0].images, observation.images)


def test_the_encoded_form_and_lists_of_numbers_are_answered_too() -> None:
    policy = ServedPolicy()
    with serving('cosmos', policy) as server:
        wrapped = json.dumps({'encoded': json_numpy.dumps(official_request())})
        reply = json_numpy.loads(json.loads(act(server.url, wrapped).text))
        assert len(reply['actions']) == HORIZON
        lists = {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in official_request().items()
        }
        assert act(server.url, json.dumps(lists)).status_code == 200
    one, other = policy.observations
    assert np.array_equal(one.images, other.images)


def planned(observation: Observation) -> Prediction:
    chunks = [np.full((HORIZON, 14), float(index)) for index in range(2)]
    pictures = np.arange(2 * 3, dtype=np.uint8).reshape(2, 3, 1, 1, 1) + np.zeros(
        (2, 3, 8, 8, 3), np.uint8
    )
    candidates = (Candidate(chunks[0], 0.25), Candidate(chunks[1], 0.5))
    return Prediction(chunks[1], None, 0.5, candidates, chosen=1, decode_images=lambda: pictures)


def test_a_plan_goes_through_server_and_client_unchanged() -> None:
    observation = make_observation()
    expected = planned(observation)
    with serving('cosmos', ServedPolicy(planned)) as server:
        policy = CosmosHttpPolicy(make_config(server.url), FakeTime().backoff())
        policy.reset('fold shirt')
        prediction = policy.infer(observation, REQUEST)
    assert np.array_equal(prediction.actions, expected.actions)
    assert (prediction.value, prediction.chosen) == (0.5, 1)
    assert [item.value for item in prediction.candidates] == [0.25, 0.5]
    assert prediction.decode_images is not None and expected.decode_images is not None
    assert np.array_equal(prediction.decode_images(), expected.decode_images())


def test_without_candidates_all_results_are_the_one() -> None:
    body = {**official_request(), 'return_all_query_results': True}
    with serving('cosmos', ServedPolicy()) as server:
        reply = json_numpy.loads(act(server.url, body).text)
    assert np.array_equal(reply['all_actions'][0], reply['actions'])
    assert reply['all_value_predictions'] == [None]
    assert reply['all_future_image_predictions'] == [None]


BAD_BODIES: dict[str, tuple[Any, str]] = {
    'empty': (b'', 'request is no JSON'),
    'not JSON': (b'{', 'request is no JSON'),
    'a list': (b'[]', 'request is list'),
    'deep': (b'[' * 100_000, 'request is no JSON'),
    'no camera': ({'proprio': [0]}, "no key 'left_wrist_image'"),
    'state': ({**official_request(), 'proprio': np.zeros(8)}, 'proprio has shape (8,)'),
    'image': ({**official_request(), 'primary_image': [[1]]}, 'primary_image has shape'),
    'task': ({**official_request(), 'task_description': None}, 'task_description: expected text'),
    'all': ({**official_request(), 'return_all_query_results': [1]}, 'expected true or false'),
    'encoded': ({'encoded': 7}, 'encoded is no text'),
    'pickled': (b'{"x": {"__numpy__": "gASVAA==", "dtype": "|O", "shape": [1]}}', 'dtype'),
}  # fmt: skip


def test_bad_requests_are_errors_and_the_server_goes_on() -> None:
    with serving('cosmos', ServedPolicy()) as server:
        for body, said in BAD_BODIES.values():
            reply = act(server.url, body)
            assert reply.status_code == 400
            assert said in reply.json()['error']
        assert act(server.url, official_request()).status_code == 200


def test_a_body_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('wam_policy.remote.cosmos_server.BODY_LIMIT', 1000)
    with serving('cosmos', ServedPolicy()) as server:
        assert 'larger than' in act(server.url, bytes(2000)).json()['error']
