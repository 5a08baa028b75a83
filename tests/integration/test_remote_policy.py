"""The policy node with a policy that runs elsewhere."""

from functools import partial
from typing import Any

import numpy as np
import policy_bench
import pytest
from policy_bench import CAMERAS, POSITION, Bench, policy_file
from remote_peers import ServedPolicy, serving

PATHS = {'cosmos': 'http://{}/act', 'openpi': 'ws://{}'}
POLICIES = {'cosmos': 'cosmos_http', 'openpi': 'openpi'}
KEYS = '{primary_image: cam_high, left_wrist_image: cam_left_wrist}'


def served() -> ServedPolicy:
    return ServedPolicy(cameras=CAMERAS, image_height=8, image_width=6, horizon=10)


@pytest.mark.parametrize('protocol', POLICIES)
def test_a_server_that_goes_and_comes_back(
    protocol: str, ros: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        policy_bench, 'policy_file', partial(policy_file, policy=POLICIES[protocol])
    )
    cameras = f', cameras: {KEYS}' if protocol == 'cosmos' else ''
    with serving(protocol, served()) as server:
        address = server.url.split('/')[2]
        url = PATHS[protocol].format(address)
        options = f"{{server: {{url: '{url}', backoff_limit_s: 0.1}}{cameras}}}"
        b = Bench(ros, options, watched=False)
        answer = b.reset('wave')
        assert answer.accepted, answer.message
        chunk = b.predict(1, 'wave')
        assert np.allclose(np.reshape(chunk.actions, (10, 14)), POSITION)
        assert chunk.stage_names[:3] == ['encode', 'server', 'decode']
    for request in (2, 3):
        chunk = b.predict(request, 'wave')
        assert (chunk.horizon, len(chunk.actions)) == (0, 0)
        assert f'server {url}' in chunk.error
    with serving(protocol, served(), port=int(address.split(':')[1])):
        chunk = b.predict(4, 'wave')
        assert chunk.error == ''
        assert np.allclose(np.reshape(chunk.actions, (10, 14)), POSITION)
    assert not b.reset('wave').accepted
    assert b.process.terminate_and_wait() == 0
