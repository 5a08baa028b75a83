"""``./wam policy serve`` as people start and end it."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import json_numpy  # type: ignore[import-untyped]
import numpy as np
import pytest
import requests

WAM = Path(__file__).resolve().parents[2] / 'wam'
TOKEN = '0123456789abcdef'


def start(*words: str) -> 'subprocess.Popen[str]':
    command = [str(WAM), 'policy', 'serve', *words]
    return subprocess.Popen(
        ['bash', '-c', 'trap "" INT; exec "$@"', 'background', *command],  # as `&` in a script
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ready(process: 'subprocess.Popen[str]') -> str:
    """The URL that the server prints once it serves."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith('ready: policy hold at '), line
    return line.split()[-1]


def example() -> dict[str, Any]:
    cameras = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
    return {
        'state': np.linspace(0.0, 1.0, 14),
        'images': {name: np.zeros((3, 224, 224), np.uint8) for name in cameras},
        'prompt': 'do something',
    }


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_openpis_client_is_served_until_a_signal(number: signal.Signals) -> None:
    client = pytest.importorskip('openpi_client.websocket_client_policy')
    words = ('hold', '--protocol', 'openpi', '--port', '0', '--gripper-state', 'angle')
    with start(*words) as process:
        peer = client.WebsocketClientPolicy(ready(process))
        actions = peer.infer(example())['actions']
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert np.allclose(actions, np.tile(example()['state'], (50, 1)))
    assert (process.returncode, output) == (0, '')
    assert errors.splitlines() == ['loading policy hold', 'stopping']


def test_the_official_request_is_served_to_who_has_the_token(tmp_path: Path) -> None:
    (tmp_path / 'token').write_text(TOKEN)
    keys = ('primary_image', 'left_wrist_image', 'right_wrist_image')
    body = json_numpy.dumps(
        {
            **{key: np.zeros((256, 256, 3), np.uint8) for key in keys},
            'proprio': np.zeros(14),
            'task_description': 'fold shirt',
        }
    )
    words = ('hold', '--protocol', 'cosmos', '--host', '0.0.0.0', '--port', '0')
    with start(*words, '--token-file', str(tmp_path / 'token')) as process:
        url = ready(process).replace('0.0.0.0', '127.0.0.1')
        assert requests.post(url, data=body, timeout=60).status_code == 401
        headers = {'Authorization': f'Bearer {TOKEN}'}
        reply = requests.post(url, data=body, headers=headers, timeout=60)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert len(json_numpy.loads(reply.text)['actions']) == 50
    assert process.returncode == 0


@pytest.mark.parametrize(
    ('words', 'code', 'said'),
    [
        (('hold',), 2, '--protocol'),
        (('hold', '--protocol', 'grpc'), 2, "'cosmos', 'openpi'"),
        (('none', '--protocol', 'openpi'), 1, "unknown policy 'none'"),
        (('hold', '--protocol', 'openpi', '--host', '0.0.0.0'), 1, 'add --token-file'),
        (('hold', '--protocol', 'openpi', '--token-file', '/none'), 1, 'token file /none'),
        (('scripted', '--protocol', 'openpi', '--port', '0'), 1, 'object poses'),
        (('hold', '--protocol', 'openpi', '--port', '70000'), 1, 'port 70000'),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    words: tuple[str, ...], code: int, said: str
) -> None:
    with start(*words) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert said in errors
    assert 'Traceback' not in errors
