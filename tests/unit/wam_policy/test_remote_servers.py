"""What both of our servers have in common, asked by our clients."""

import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from remote_peers import (
    CAMERAS,
    CLIENTS,
    HORIZON,
    REQUEST,
    TOKEN,
    FakeTime,
    ServedPolicy,
    act,
    make_config,
    make_observation,
    make_spec,
    official_request,
    serving,
)
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from wam_core.errors import WamError
from wam_core.gripper_scale import to_scale
from wam_core.policy import Candidate, Observation, Prediction
from wam_policy.remote.access import is_loopback, listen, reserve
from wam_policy.remote.openpi import OpenpiPolicy
from wam_policy.remote.service import Service


@pytest.mark.parametrize('protocol', CLIENTS)
def test_our_clients_get_from_our_servers_what_the_policy_would_say(protocol: str) -> None:
    policy = ServedPolicy()
    observation = make_observation()
    with serving(protocol, policy) as server:
        client = CLIENTS[protocol](server.url)
        client.reset('fold shirt')
        prediction = client.infer(observation, REQUEST)
    seen = policy.observations[0]
    assert np.array_equal(seen.images, observation.images)
    # By way of the fingers' positions and back.
    assert np.allclose(seen.position, observation.position, atol=1e-9)
    assert np.allclose(prediction.actions[0], observation.position, atol=1e-9)


def test_states_arrive_in_the_scale_that_the_clients_have() -> None:
    policy = ServedPolicy()
    observation = make_observation()
    with serving('openpi', policy, gripper='angle') as server:
        CLIENTS['openpi'](server.url).infer(observation, REQUEST)
    assert np.array_equal(
        policy.observations[0].position, to_scale(observation.position, 'finger')
    )


@pytest.mark.parametrize('protocol', CLIENTS)
def test_a_policy_is_asked_on_one_thread_only(protocol: str) -> None:
    policies: list[ServedPolicy] = []

    def load() -> ServedPolicy:
        policies.append(ServedPolicy())
        return policies[0]

    with serving(protocol, load) as server, ThreadPoolExecutor(4) as pool:
        asks = [
            pool.submit(CLIENTS[protocol](server.url).infer, make_observation(), REQUEST)
            for _ in range(4)
        ]
        assert all(ask.result().actions.shape == (HORIZON, 14) for ask in asks)
    assert len(policies[0].threads) == 1
    assert threading.get_ident() not in policies[0].threads


def failing(error: BaseException) -> Callable[[Observation], Prediction]:
    def answer(observation: Observation) -> Prediction:
        raise error

    return answer


HELD = np.zeros((HORIZON, 14))
FAILURES: list[tuple[Callable[[Observation], Prediction], str]] = [
    (failing(RuntimeError('CUDA out of memory')), 'RuntimeError: CUDA out of memory'),
    (failing(SystemExit(3)), 'SystemExit'),
    (failing(WamError('unknown instruction')), 'unknown instruction'),
    (lambda _: Prediction(np.full((HORIZON, 14), np.nan)), r'actions with .* not finite \(70 of'),
    (lambda _: Prediction(HELD, value=np.inf), 'a value with numbers that are not finite'),
    (lambda _: Prediction(HELD, np.full(14, np.nan)), 'a future proprioception with numbers'),
    (lambda _: Prediction(HELD, np.zeros(3)), r'proprioception of shape \(3,\), expected \(14,\)'),
    (
        lambda _: Prediction(HELD, candidates=(Candidate(HELD), Candidate(HELD, np.nan))),
        'a value with numbers that are not finite',
    ),
    (lambda _: Prediction(np.zeros((2, 14))), r'actions of shape \(2, 14\), expected \(5, 14\)'),
]


@pytest.mark.parametrize('protocol', CLIENTS)
def test_a_policy_that_fails_is_an_error_and_the_server_goes_on(protocol: str) -> None:
    policy = ServedPolicy()
    with serving(protocol, policy) as server:
        client = CLIENTS[protocol](server.url)
        for answer, said in FAILURES:
            policy.answer = answer
            with pytest.raises(WamError, match=said):
                client.infer(make_observation(), REQUEST)
        policy.answer = policy.hold
        client.infer(make_observation(), REQUEST)


def test_a_policy_that_fails_is_status_500_and_on_the_terminal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy = ServedPolicy()
    with serving('cosmos', policy) as server:
        client = CLIENTS['cosmos'](server.url)
        for answer, said in FAILURES:
            policy.answer = answer
            caplog.clear()
            with pytest.raises(WamError, match='500'):
                client.infer(make_observation(), REQUEST)
            assert re.search(f'failed.*{said}', caplog.text, re.DOTALL)


@pytest.mark.parametrize('protocol', CLIENTS)
def test_more_requests_than_may_wait_are_told_so(protocol: str) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def answer(observation: Observation) -> Prediction:
        inside.set()
        go_on.wait()
        return Prediction(np.zeros((HORIZON, 14)))

    with (
        serving(protocol, ServedPolicy(answer), waiting=0) as server,
        ThreadPoolExecutor() as pool,
    ):
        first = pool.submit(CLIENTS[protocol](server.url).infer, make_observation(), REQUEST)
        inside.wait()
        with pytest.raises(WamError, match='busy: one request is being answered and 0 wait'):
            CLIENTS[protocol](server.url).infer(make_observation(), REQUEST)
        go_on.set()
        assert first.result().actions.shape == (HORIZON, 14)


@pytest.mark.parametrize('protocol', CLIENTS)
def test_stopping_answers_what_is_under_way(protocol: str) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def answer(observation: Observation) -> Prediction:
        inside.set()
        go_on.wait()
        return Prediction(np.zeros((HORIZON, 14)))

    with ThreadPoolExecutor() as pool:
        with serving(protocol, ServedPolicy(answer)) as server:
            ask = pool.submit(CLIENTS[protocol](server.url).infer, make_observation(), REQUEST)
            inside.wait()
            stopping = pool.submit(server.stop)
            go_on.set()
            stopping.result()
        assert ask.result().actions.shape == (HORIZON, 14)


@pytest.mark.parametrize('protocol', CLIENTS)
def test_without_the_token_nobody_comes_in(protocol: str, tmp_path: Any) -> None:
    (tmp_path / 'good').write_text(TOKEN)
    (tmp_path / 'bad').write_text(TOKEN[::-1])
    policy = ServedPolicy()
    with serving(protocol, policy, TOKEN) as server:
        for options in ({}, {'server': {'token_file': str(tmp_path / 'bad')}}):
            for name in ('reset', 'infer'):
                client = CLIENTS[protocol](server.url, **options)
                words = ('fold shirt',) if name == 'reset' else (make_observation(), REQUEST)
                with pytest.raises(WamError, match='401'):
                    getattr(client, name)(*words)
        assert policy.observations == []
        client = CLIENTS[protocol](server.url, server={'token_file': str(tmp_path / 'good')})
        client.reset('fold shirt')
        client.infer(make_observation(), REQUEST)


def test_web_pages_are_kept_out() -> None:
    page = {'Origin': 'http://example.org'}
    with serving('cosmos', ServedPolicy()) as server:
        assert act(server.url, official_request(), headers=page).status_code == 403
    with (
        serving('openpi', ServedPolicy()) as server,
        pytest.raises(InvalidStatus, match='403'),
        connect(server.url, additional_headers=page),
    ):
        pass


@pytest.mark.parametrize('protocol', CLIENTS)
@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'horizon': 50}, "policy 'remote' has horizon 5, .* says 50"),
        ({'dt_ns': 20_000_000}, 'has dt_s 0.04, .* says 0.02'),
        ({'cameras': CAMERAS[:2]}, "needs camera 'cam_right_wrist'"),
    ],
)
def test_a_server_with_another_policy_is_refused_at_the_reset(
    protocol: str, changes: dict[str, Any], said: str
) -> None:
    spec = make_spec(**changes)
    with serving(protocol, ServedPolicy()) as server:
        options: dict[str, Any] = {}
        if protocol == 'cosmos' and 'cameras' in changes:
            options = {'cameras': {'primary_image': CAMERAS[0], 'left_wrist_image': CAMERAS[1]}}
        client = CLIENTS[protocol](server.url, spec=spec, **options)
        with pytest.raises(WamError, match=said):
            client.reset('fold shirt')


@pytest.mark.parametrize('protocol', CLIENTS)
@pytest.mark.parametrize('data', [b'\x00' * 5000, b'GET / HTTP/9.9\r\n\r\n', b'GET /act HTT', b''])
def test_what_is_no_http_leaves_the_server_running(protocol: str, data: bytes) -> None:
    with serving(protocol, ServedPolicy()) as server:
        host, port = server.url.split('/')[2].split(':')
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        CLIENTS[protocol](server.url).infer(make_observation(), REQUEST)


def test_what_cannot_be_served_is_refused_at_the_start() -> None:
    with (
        pytest.raises(WamError, match='object poses'),
        serving('openpi', ServedPolicy(privileged=True)),
    ):
        pass
    with (
        pytest.raises(WamError, match="needs camera 'cam_low', the protocol has"),
        serving('cosmos', ServedPolicy(cameras=('cam_high', 'cam_low'))),
    ):
        pass


def test_pictures_of_other_sizes_are_resized_only_as_the_policy_was_trained() -> None:
    spec = make_spec(resampling='opencv_area', image_height=24)
    with serving('openpi', ServedPolicy(resampling='opencv_area')) as server:
        client = OpenpiPolicy(make_config(server.url, spec), FakeTime().backoff())
        with pytest.raises(WamError, match="24x16 pixels, policy 'remote' needs 12x16"):
            client.infer(make_observation(spec), REQUEST)


@pytest.mark.parametrize(
    ('host', 'loopback'),
    [('127.0.0.1', True), ('127.8.8.8', True), ('::1', True), ('localhost', True),
     ('0.0.0.0', False), ('::', False), ('192.168.1.2', False), ('', False), ('robot', False)],
)  # fmt: skip
def test_other_machines_are_let_in_with_a_token_only(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    if not loopback:
        with pytest.raises(WamError, match='no token: add --token-file'):
            reserve(host, 0, '')


def test_a_port_that_is_taken_is_an_error() -> None:
    with reserve('127.0.0.1', 0, '') as taken:
        port = taken.getsockname()[1]
        for step in (lambda: None, lambda: listen(taken)):  # reserved, and in use
            step()
            with pytest.raises(WamError, match=f'cannot listen on 127.0.0.1 port {port}'):
                reserve('127.0.0.1', port, '')


def test_what_listens_without_having_reserved_is_noticed() -> None:
    with reserve('127.0.0.1', 0, '') as ours:
        port = ours.getsockname()[1]
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(('127.0.0.1', port))
            other.listen()
            with pytest.raises(WamError, match=f'cannot listen on 127.0.0.1 port {port}'):
                listen(ours)


@pytest.mark.parametrize('protocol', CLIENTS)
def test_a_port_can_be_reserved_again_after_a_server(protocol: str) -> None:
    with serving(protocol, ServedPolicy()) as server:
        port = int(server.url.split(':')[2].split('/')[0])
        client = CLIENTS[protocol](server.url)
        client.reset('fold shirt')
    with serving(protocol, ServedPolicy(), port=port):
        client.reset('fold shirt')


@pytest.mark.parametrize('protocol', CLIENTS)
def test_a_server_that_loads_refuses_connections(protocol: str) -> None:
    scheme, path = ('http', '/act') if protocol == 'cosmos' else ('ws', '')
    with reserve('127.0.0.1', 0, '') as reserved:
        url = f'{scheme}://127.0.0.1:{reserved.getsockname()[1]}{path}'
        with pytest.raises(WamError, match=r'Connection refused: .* may still be loading its'):
            CLIENTS[protocol](url).reset('fold shirt')


def test_a_policy_that_cannot_be_loaded_is_an_error() -> None:
    def load() -> ServedPolicy:
        raise ZeroDivisionError('no weights')

    with pytest.raises(WamError, match='cannot be loaded: ZeroDivisionError: no weights'):
        Service(load)


@pytest.mark.parametrize('protocol', CLIENTS)
def test_what_an_answer_says_of_itself_arrives(protocol: str) -> None:
    rows = np.zeros((HORIZON, 14))
    policy = ServedPolicy(lambda _: Prediction(rows, note='0.20 s later\nthan the deadline'))
    with serving(protocol, policy) as server:
        prediction = CLIENTS[protocol](server.url).infer(make_observation(), REQUEST)
    assert prediction.note == '0.20 s later than the deadline'
