"""Options, tokens and back-off of the remote policies."""

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from remote_peers import (
    ACTIONS,
    GOOD,
    FakeTime,
    answering,
    cosmos_client,
    infer,
    openpi_client,
    raw_server,
)

from wam_bringup.config import load_policy
from wam_core.errors import WamError
from wam_policy.registry import load
from wam_policy.remote.backoff import Backoff
from wam_policy.remote.json_arrays import dumps


@pytest.mark.parametrize('name', ['cosmos_http', 'openpi'])
def test_the_shipped_files_are_accepted(name: str) -> None:
    config = load_policy(name)
    assert load(config).spec == config.spec


def test_attempts_wait_longer_and_longer_up_to_the_limit_and_success_ends_it() -> None:
    time = FakeTime()
    backoff = Backoff(0.1, 1.0, time.clock, time.sleep)

    def fail() -> None:
        raise WamError('no')

    for _ in range(7):
        with pytest.raises(WamError, match='no'):
            backoff.attempt(fail)
    assert time.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    time.now += 0.75
    assert backoff.attempt(lambda: 7) == 7
    assert time.slept[6:] == pytest.approx([0.25])
    assert backoff.attempt(lambda: 8) == 8
    assert len(time.slept) == 7


@pytest.mark.parametrize('make', [cosmos_client, openpi_client])
def test_a_server_that_is_not_there_is_asked_at_growing_distances(make: Any) -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
    time = FakeTime()
    policy = make(port, time)
    for call in (lambda: policy.reset('x'), lambda: infer(policy), lambda: infer(policy)):
        with pytest.raises(WamError, match=f'127.0.0.1:{port}.*no connection.*[Rr]efused'):
            call()
    assert time.slept == pytest.approx([0.1, 0.2])


def test_a_server_that_comes_back_is_found() -> None:
    good = answering(dumps(GOOD).encode())
    with raw_server(lambda connection: None, good) as port:
        policy = cosmos_client(port)
        with pytest.raises(WamError):
            infer(policy)
        assert np.array_equal(infer(policy).actions, ACTIONS)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'server': {'url': 'ftp://x'}}, "url 'ftp://x'"),
        ({'server': {'url': 'http://me:secret@x/act'}}, 'expected http'),
        ({'server': {'url': 'http://x:99999999/act'}}, 'url'),
        ({'server': {'reply_timeout_s': 0}}, 'reply_timeout_s'),
        ({'server': {'timeout': 1}}, "unknown key 'timeout'"),
        ({'speed': 1}, "unknown key 'speed'"),
        ({'request': {'form': 'xml'}}, "'plain', 'encoded'"),
        ({'gripper': {'state': 'open'}}, "'finger', 'angle'"),
        ({'cameras': {'primary_image': 'cam_low'}}, r"cam_low.*\['cam_high'"),
    ],
)
def test_wrong_cosmos_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(WamError, match=said):
        cosmos_client(1, **options)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'server': {'url': 'http://x'}}, "url 'http://x', expected ws"),
        ({'server': {'url': 'ws://me:secret@x'}}, 'expected ws'),
        ({'server': {'url': 'ws://x:99999999'}}, 'url'),
        ({'observation': {'images': {'cam_high': 'a'}}}, 'each camera'),
        ({'observation': {'state': {'a': [0, 15]}}}, r'\[0, 15\], expected'),
        ({'observation': {'state': {'a': [0.5, 7]}}}, 'expected the first joint'),
        ({'observation': {'pad': {'height': 1, 'width': 16}}}, 'height = 1'),
        ({'observation': {'layout': 'whc'}}, "'chw', 'hwc'"),
        ({'observation': {'camera': 'x'}}, "unknown key 'camera'"),
        ({'reply': {'chunk': 'x'}}, "unknown key 'chunk'"),
    ],
)
def test_wrong_openpi_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(WamError, match=said):
        openpi_client(1, **options)


@pytest.mark.parametrize('text', ['', 'short', 'two words of a token', 'tab\tin-it-00000000000'])
def test_a_bad_token_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / 'token').write_text(text)
    with pytest.raises(WamError, match=r'token file .*/token'):
        cosmos_client(1, server={'token_file': str(tmp_path / 'token')})
    with pytest.raises(WamError, match=r'token file .*/none'):
        cosmos_client(1, server={'token_file': str(tmp_path / 'none')})
