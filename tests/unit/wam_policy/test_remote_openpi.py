"""The policy openpi against servers that are slow, dead, wrong or hostile."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from remote_peers import (
    ACTIONS,
    REQUEST,
    FakeTime,
    drip,
    infer,
    make_config,
    make_observation,
    make_spec,
    openpi_client,
    raw_server,
    silence,
)
from websockets.sync.server import ServerConnection, serve

from wam_core.errors import WamError
from wam_core.policy import PolicyConfig
from wam_policy.remote.msgpack_arrays import packb, unpackb
from wam_policy.remote.openpi import OpenpiPolicy


class Websocket:
    """A websocket server whose n-th connection is treated by the n-th script."""

    def __init__(self, *scripts: Callable[[ServerConnection], None]) -> None:
        self._scripts = iter(scripts)
        self.headers: list[Any] = []

    def __enter__(self) -> int:
        self._server = serve(self._play, '127.0.0.1', 0, compression=None, max_size=None)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        port: int = self._server.socket.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def _play(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers.append(connection.request.headers)
        next(self._scripts)(connection)


def replying(*replies: Any, metadata: Any = None, seen: list[Any] | None = None) -> Any:
    """Metadata, then each reply to a request; texts as they are, all else packed."""

    def script(connection: ServerConnection) -> None:
        connection.send(packb({} if metadata is None else metadata))
        for reply in replies:
            request = connection.recv()
            if seen is not None:
                assert isinstance(request, bytes)
                seen.append(unpackb(request, 'request'))
            connection.send(reply if isinstance(reply, str | bytes) else packb(reply))

    return script


def test_an_openpi_request_has_the_keys_of_the_aloha_policies() -> None:
    seen: list[Any] = []
    timing = {'server_timing': {'infer_ms': 12.5, 'bad': 'x'}, 'policy_timing': 'x'}
    with Websocket(replying({'actions': ACTIONS, **timing}, seen=seen)) as port:
        policy = openpi_client(port, gripper={'state': 'angle'})
        policy.reset('fold shirt')
        prediction = infer(policy)
    observation = make_observation()
    assert seen[0].keys() == {'prompt', 'state', 'images'}
    assert np.array_equal(seen[0]['state'], observation.position)
    assert np.array_equal(seen[0]['images']['cam_high'], observation.images[0].transpose(2, 0, 1))
    assert np.array_equal(prediction.actions, ACTIONS)
    assert prediction.stage_ms['server_timing infer_ms'] == 12.5
    assert len(prediction.stage_ms) == 4


def test_keys_parts_of_the_state_layout_and_padding_are_options() -> None:
    seen: list[Any] = []
    observation = {
        'prompt': 'task.text',
        'layout': 'hwc',
        'pad': {'height': 16, 'width': 16},
        'images': {'cam_high': 'observation/image', 'cam_left_wrist': 'w.l',
                   'cam_right_wrist': 'w.r'},
        'state': {'observation/left': [0, 7], 'observation/right': [7, 14]},
    }  # fmt: skip
    with Websocket(replying({'action': ACTIONS, 'v': 0.5}, seen=seen)) as port:
        options = {'observation': observation, 'reply': {'actions': 'action', 'value': 'v'}}
        prediction = infer(openpi_client(port, **options))
    sent, made = seen[0], make_observation()
    assert prediction.value == 0.5
    assert sent['task'] == {'text': 'fold shirt'}
    assert sent['observation/right'].shape == (7,)
    assert sent['w'].keys() == {'l', 'r'}
    picture = sent['observation/image']
    assert picture.shape == (16, 16, 3)
    assert np.array_equal(picture[2:14], made.images[0])
    assert not picture[:2].any() and not picture[14:].any()


OPENPI_REPLIES = {
    'traceback': ('Traceback\n  x\nKeyError: prompt', 'answered with an error.*KeyError: prompt'),
    'garbage': (b'\xc1', 'no MessagePack'),
    'a list': ([1], 'reply is list'),
    'other key': ({'action': ACTIONS}, r"no key 'actions'.*\['action'\]"),
    'shape': ({'actions': ACTIONS[:3]}, r'actions has shape \(3, 14\), expected \(5, 14\)'),
    'NaN': ({'actions': ACTIONS * np.nan}, 'not finite'),
    'too large': ({'actions': np.zeros((50_000, 14))}, 'too big|1009'),
}


@pytest.mark.parametrize(('reply', 'said'), OPENPI_REPLIES.values(), ids=OPENPI_REPLIES.keys())
def test_a_wrong_openpi_reply_names_the_server(reply: Any, said: str) -> None:
    with Websocket(replying(reply)) as port, pytest.raises(WamError) as refusal:
        infer(openpi_client(port, server={'reply_limit_mb': 1}))
    refusal.match(said)
    refusal.match(f'server ws://127.0.0.1:{port}')


def test_a_late_reply_is_not_taken_for_the_next_ones() -> None:
    asked = threading.Event()

    def late(connection: ServerConnection) -> None:
        connection.send(packb({}))
        connection.recv()
        asked.wait()
        connection.send(packb({'actions': ACTIONS + 1}))

    with Websocket(late, replying({'actions': ACTIONS})) as port:
        policy = openpi_client(port, server={'reply_timeout_s': 0.1})
        with pytest.raises(WamError, match=r'no reply within 0\.1 s'):
            infer(policy)
        asked.set()
        assert np.array_equal(infer(policy).actions, ACTIONS)


def test_a_server_that_does_not_read_is_cut_off() -> None:
    def deaf(connection: ServerConnection) -> None:
        connection.send(packb({}))
        connection.recv_bufsize = 1
        stop.wait()

    stop = threading.Event()
    spec = make_spec(image_height=2000, image_width=2000)
    with Websocket(deaf) as port:
        config = make_config(f'ws://127.0.0.1:{port}', spec, server={'reply_timeout_s': 0.2})
        policy = OpenpiPolicy(config, FakeTime().backoff())
        with pytest.raises(WamError, match=r'no reply within 0\.2 s'):
            policy.infer(make_observation(spec), REQUEST)
        stop.set()


def test_a_connection_that_was_closed_meanwhile_is_made_again() -> None:
    with Websocket(*[replying({'actions': ACTIONS})] * 2) as port:
        policy = openpi_client(port)
        for _ in range(2):
            assert np.array_equal(infer(policy).actions, ACTIONS)


@pytest.mark.parametrize('script', [silence, drip])
def test_what_is_no_websocket_is_an_error_within_bounds(
    script: Callable[[socket.socket], None],
) -> None:
    with raw_server(script) as port, pytest.raises(WamError, match='no connection'):
        infer(openpi_client(port, server={'connect_timeout_s': 0.2}))


@pytest.mark.parametrize('metadata', [[1], 'text', b'\xc1'])
def test_metadata_are_a_mapping(metadata: Any) -> None:
    def script(connection: ServerConnection) -> None:
        connection.send(metadata if isinstance(metadata, str | bytes) else packb(metadata))

    with Websocket(script) as port, pytest.raises(WamError, match=f'server ws://127.0.0.1:{port}'):
        openpi_client(port).reset('fold shirt')


def test_a_token_is_read_beside_the_policy_file_and_sent(tmp_path: Path) -> None:
    (tmp_path / 'token').write_text('0123456789abcdef\nsecond line\n')
    websocket = Websocket(replying())
    with websocket as port:
        made = make_config(f'ws://127.0.0.1:{port}', server={'token_file': 'token'})
        config = PolicyConfig(made.entry_point, made.spec, made.options, directory=str(tmp_path))
        OpenpiPolicy(config, FakeTime().backoff()).reset('fold shirt')
    assert websocket.headers[0]['Authorization'] == 'Api-Key 0123456789abcdef'
