"""The policy cosmos_http against servers that are slow, dead, wrong or hostile."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from remote_peers import (
    ACTIONS,
    CAMERAS,
    GOOD,
    HORIZON,
    answering,
    cosmos_client,
    drip,
    http_reply,
    infer,
    make_observation,
    raw_server,
    read_request,
    silence,
)

from wam_core.errors import WamError
from wam_policy.remote.json_arrays import dumps, loads


def test_a_request_has_the_official_keys() -> None:
    seen: list[Any] = []
    with raw_server(answering(dumps(GOOD).encode(), seen=seen)) as port:
        prediction = infer(cosmos_client(port, gripper={'state': 'angle'}))
    observation = make_observation()
    sent = loads(json.dumps(seen[0]), 'request')
    assert sent.keys() == {
        'primary_image', 'left_wrist_image', 'right_wrist_image', 'proprio', 'task_description',
        'return_all_query_results',
    }  # fmt: skip
    assert np.array_equal(sent['left_wrist_image'], observation.images[1])
    assert np.array_equal(sent['proprio'], observation.position)
    assert sent['task_description'] == 'fold shirt'
    assert np.array_equal(prediction.actions, ACTIONS)
    assert (prediction.value, prediction.candidates, prediction.decode_images) == (0.25, (), None)
    assert set(prediction.stage_ms) == {'encode', 'server', 'decode'}


def test_the_encoded_form_is_json_in_a_text_both_ways() -> None:
    seen: list[Any] = []
    reply = json.dumps(dumps(GOOD)).encode()
    with raw_server(answering(reply, seen=seen)) as port:
        prediction = infer(cosmos_client(port, request={'form': 'encoded'}))
    assert seen[0].keys() == {'encoded'}
    assert 'primary_image' in loads(seen[0]['encoded'], 'request')
    assert np.array_equal(prediction.actions, ACTIONS)


def test_a_list_of_actions_alone_is_an_answer() -> None:
    with raw_server(answering(dumps(list(ACTIONS)).encode())) as port:
        prediction = infer(cosmos_client(port))
    assert np.array_equal(prediction.actions, ACTIONS)
    assert prediction.value is None


def test_candidates_and_their_pictures_come_in_the_order_of_the_cameras() -> None:
    def views(shade: int) -> dict[str, Any]:
        keys = ('future_image', 'future_wrist_image', 'future_wrist_image2')
        return {key: np.full((8, 8, 3), shade + i, np.uint8) for i, key in enumerate(keys)}

    reply = {
        'actions': list(ACTIONS + 1),
        'future_image_predictions': views(20),
        'value_prediction': 0.75,
        'all_actions': [list(ACTIONS), list(ACTIONS + 1)],
        'all_future_image_predictions': [views(10), views(20)],
        'all_value_predictions': [0.5, 0.75],
    }
    with raw_server(answering(dumps(reply).encode())) as port:
        prediction = infer(cosmos_client(port))
    assert [item.value for item in prediction.candidates] == [0.5, 0.75]
    assert prediction.chosen == 1
    pictures = prediction.decode_images()
    assert pictures.shape == (2, len(CAMERAS), 8, 8, 3)
    assert pictures[:, :, 0, 0, 0].tolist() == [[10, 11, 12], [20, 21, 22]]


def with_(**fields: object) -> bytes:
    return dumps({**GOOD, **fields}).encode()


REPLIES = {
    'the text error': (b'"error"', "answered 'error'"),
    'not JSON': (b'<html>', 'no JSON'),
    'a number': (b'7', 'reply is int'),
    'no actions': (b'{"detail": "x"}', r"no key actions, but \['detail'\]"),
    'other length': (with_(actions=list(ACTIONS[:-1])), r'actions has shape \(4, 14\).*\(5, 14\)'),
    'other dimension': (with_(actions=ACTIONS[:, :8]), r'shape \(5, 8\)'),
    'NaN': (with_(actions=ACTIONS * np.nan), 'not finite'),
    'JSON NaN': (b'{"actions": NaN}', 'shape'),
    'texts': (with_(actions=[['a'] * 14] * HORIZON), 'expected numbers'),
    'objects': (b'{"actions": {"__numpy__": "AAAA", "dtype": "|O", "shape": [1]}}', 'dtype'),
    'value': (with_(value_prediction=1.5), 'value_prediction = 1.5, allowed 0 to 1'),
    'values': (with_(all_actions=[ACTIONS], all_value_predictions=[0.1, 0.2]), '2 all_value_'),
    'candidates': (with_(all_actions=7), 'all_actions is int'),
    'candidate': (with_(all_actions=[ACTIONS[:2]]), r'all_actions\[0\] has shape'),
    'pictures': (with_(future_image_predictions=[1]), 'future_image_predictions is list'),
    'picture': (with_(future_image_predictions={'future_image': ACTIONS}), 'future_image has'),
}


@pytest.mark.parametrize(('reply', 'said'), REPLIES.values(), ids=REPLIES.keys())
def test_a_wrong_reply_names_server_and_field(reply: bytes, said: str) -> None:
    with raw_server(answering(reply)) as port, pytest.raises(WamError) as refusal:
        infer(cosmos_client(port))
    refusal.match(said)
    refusal.match(f'server http://127.0.0.1:{port}/act')


@pytest.mark.parametrize('status', ['404 Not Found', '500 Oops', '301 Moved', '401 Who'])
def test_another_status_is_repeated_with_the_text(status: str) -> None:
    def script(connection: socket.socket) -> None:
        for _ in range(2):
            read_request(connection)
            connection.sendall(http_reply(b'the\nreason', status, 'Location: http://[::1]:1/\r\n'))

    with raw_server(script) as port:
        policy = cosmos_client(port)
        for call in (lambda: policy.reset('fold shirt'), lambda: infer(policy)):
            with pytest.raises(WamError, match=f'HTTP status {status[:3]}: the reason'):
                call()


def test_reset_takes_a_resource_that_is_for_post_only() -> None:
    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(http_reply(b'{}', '405 Method Not Allowed'))

    with raw_server(script) as port:
        cosmos_client(port).reset('fold shirt')


def half(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')


def endless(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n')
    while True:
        connection.sendall(b' ' * 100_000)


def babble(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b'\x00' * 100 + b'\n')


SCRIPTS = {
    'never answers': (silence, {'reply_timeout_s': 0.05}, 'no reply within 0.05 s'),
    'header without end': (drip, {}, 'LineTooLong'),
    'half a reply': (half, {}, 'ended 96 bytes too early'),
    'reply without end': (endless, {'reply_limit_mb': 1}, 'larger than 1 MB'),
    'no HTTP': (babble, {}, 'BadStatusLine'),
    'closes': (lambda connection: None, {}, 'server http'),
}


@pytest.mark.parametrize(('script', 'server', 'said'), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_hostile_http_server_is_an_error_within_bounds(
    script: Callable[[socket.socket], None], server: dict[str, Any], said: str
) -> None:
    with raw_server(script) as port, pytest.raises(WamError, match=said):
        infer(cosmos_client(port, server=server))


def test_a_body_that_drips_is_cut_off() -> None:
    go_on = threading.Event()

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n')
        while not go_on.wait(0.01):
            connection.sendall(b' ')

    with raw_server(script) as port, pytest.raises(WamError, match=r'no reply within 0\.2 s'):
        infer(cosmos_client(port, server={'reply_timeout_s': 0.2}))
    go_on.set()


def test_a_kept_connection_that_was_closed_meanwhile_is_made_again() -> None:
    one = answering(dumps(GOOD).encode())
    with raw_server(one, one) as port:
        policy = cosmos_client(port)
        for _ in range(2):
            assert np.array_equal(infer(policy).actions, ACTIONS)
