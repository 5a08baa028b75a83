"""Our openpi server, asked by openpi's own client, by ours, and by nobody's friend."""

from typing import Any

import numpy as np
import pytest
import requests
from remote_peers import CAMERAS, HORIZON, TOKEN, ServedPolicy, aloha_example, serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from wam_core.policy import Prediction
from wam_policy.remote.msgpack_arrays import packb


def test_the_real_openpi_client_gets_its_actions() -> None:
    client = pytest.importorskip('openpi_client.websocket_client_policy')
    policy = ServedPolicy()
    example = aloha_example()
    with serving('openpi', policy, gripper='angle') as server:
        host, port = server.url.removeprefix('ws://').split(':')
        peer = client.WebsocketClientPolicy(host, int(port))
        stated = peer.get_server_metadata()['wam_policy']
        replies = [peer.infer(example) for _ in range(2)]
    assert (stated['horizon'], stated['cameras']) == (HORIZON, list(CAMERAS))
    for reply in replies:
        assert np.allclose(reply['actions'], np.tile(example['state'], (HORIZON, 1)))
        assert reply['server_timing']['infer_ms'] >= 0.0
    assert 'prev_total_ms' in replies[1]['server_timing']
    assert policy.tasks == ['do something']
    assert policy.observations[0].images.shape == (3, 12, 16, 3)


def test_openpis_chunk_broker_can_take_the_reply_apart() -> None:
    pytest.importorskip('tree')
    client = pytest.importorskip('openpi_client.websocket_client_policy')
    broker = pytest.importorskip('openpi_client.action_chunk_broker')
    rows = np.arange(HORIZON * 14.0).reshape(HORIZON, 14)
    policy = ServedPolicy(lambda observation: Prediction(rows, value=0.5, note='cut short'))
    with serving('openpi', policy) as server:
        peer = client.WebsocketClientPolicy(server.url)
        chunk = broker.ActionChunkBroker(peer, HORIZON)
        taken = [chunk.infer(aloha_example())['actions'] for _ in range(HORIZON)]
    assert np.array_equal(taken, rows)


def test_an_error_is_a_text_and_the_connection_stays() -> None:
    client = pytest.importorskip('openpi_client.websocket_client_policy')
    with serving('openpi', ServedPolicy()) as server:
        peer = client.WebsocketClientPolicy(server.url)
        with pytest.raises(RuntimeError, match="no key 'prompt'"):
            peer.infer({'state': np.zeros(14), 'images': {}})
        assert peer.infer(aloha_example())['actions'].shape == (HORIZON, 14)


def without(example: dict[str, Any], camera: str) -> dict[str, Any]:
    images = {name: value for name, value in example['images'].items() if name != camera}
    return {**example, 'images': images}


FLOATS = np.zeros((3, 8, 8))
BAD_MESSAGES: dict[str, tuple[Any, str]] = {
    'text': ('hello', 'request is text'),
    'garbage': (b'\xc1', 'no MessagePack'),
    'a list': (packb([1, 2]), 'request is list'),
    'no camera': (packb(without(aloha_example(), 'cam_high')), "images has no camera 'cam_high'"),
    'no mapping': (packb({**aloha_example(), 'images': 1}), 'images is int'),
    'state': (packb({**aloha_example(), 'state': np.zeros(8)}), r'state has shape \(8,\)'),
    'NaN': (packb({**aloha_example(), 'state': np.full(14, np.nan)}), 'state is not finite'),
    'prompt': (packb({**aloha_example(), 'prompt': 7}), 'prompt: expected text'),
    'pixels': (packb({**aloha_example(), 'images': {name: FLOATS for name in CAMERAS}}),
               'cam_high is float64'),
}  # fmt: skip


def test_bad_messages_are_errors_and_the_server_goes_on() -> None:
    with serving('openpi', ServedPolicy()) as server, connect(server.url) as peer:
        peer.recv()
        for message, said in BAD_MESSAGES.values():
            peer.send(message)
            reply = peer.recv()
            assert isinstance(reply, str)
            with pytest.raises(AssertionError, match=said):
                raise AssertionError(reply)
        peer.send(packb(aloha_example()))
        assert isinstance(peer.recv(), bytes)


def test_a_message_that_is_too_large_ends_only_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('wam_policy.remote.serving.MESSAGE_LIMIT', 1_000_000)
    with serving('openpi', ServedPolicy()) as server:
        with connect(server.url) as peer:
            peer.recv()
            with pytest.raises(ConnectionClosed, match='1009'):
                peer.send(bytes(2_000_000))
                peer.recv()
        with connect(server.url) as peer:
            assert isinstance(peer.recv(), bytes)


def test_the_servers_say_that_they_are_well() -> None:
    for protocol in ('openpi', 'cosmos'):
        with serving(protocol, ServedPolicy(), TOKEN) as server:
            base = server.url.replace('ws:', 'http:').removesuffix('/act')
            assert requests.get(f'{base}/healthz', timeout=20).text == 'OK\n'


def test_a_new_connection_is_a_new_episode_and_a_new_task_too() -> None:
    policy = ServedPolicy()
    with serving('openpi', policy) as server:
        for prompts in (('a', 'a', 'b'), ('b',)):
            with connect(server.url) as peer:
                peer.recv()
                for prompt in prompts:
                    peer.send(packb({**aloha_example(), 'prompt': prompt}))
                    peer.recv()
    assert policy.tasks == ['a', 'b', 'b']
