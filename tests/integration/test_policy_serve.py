"""``./wam policy serve`` as people start and end it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import json_numpy  # type: ignore[import-untyped]
import numpy as np
import pytest
import requests

from wam_policy.remote.access import reserve

WAM = Path(__file__).resolve().parents[2] / 'wam'
INSTALLED = WAM.parent / 'install' / 'bin' / 'wam'  # as which WAM runs, without PYTHONPATH
CONFIG = WAM.parent / 'config'
FAULT_POLICY = Path(__file__).parent / 'fault_policy'
TOKEN = '0123456789abcdef'


@contextmanager
def start(*words: str, program: Path = WAM) -> Iterator['subprocess.Popen[str]']:
    """Ended at the end, whatever happened."""
    path = os.pathsep.join([str(FAULT_POLICY), os.environ.get('PYTHONPATH', '')])
    command = [str(program), 'policy', 'serve', *words]
    with subprocess.Popen(
        ['bash', '-c', 'trap "" INT; exec "$@"', 'background', *command],  # as `&` in a script
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': path},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def fault_file(folder: Path, *options: str) -> list[Path]:
    """The file of the policy `fault`, and the files beside it that the options name."""
    text = (CONFIG / 'policies' / 'hold.yaml').read_text().replace('policy: hold', 'policy: fault')
    named = {option: folder / option for option in options}
    path = folder / 'slow.yaml'
    lines = [f'  {option}: {file}' for option, file in named.items()]
    path.write_text('\n'.join([text, 'options:', *lines, '']))
    return [path, *named.values()]


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


def official_request(task: str) -> str:
    """Of Cosmos Policy's client."""
    keys = ('primary_image', 'left_wrist_image', 'right_wrist_image')
    images = {key: np.zeros((256, 256, 3), np.uint8) for key in keys}
    text: str = json_numpy.dumps({**images, 'proprio': np.zeros(14), 'task_description': task})
    return text


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
    body = official_request('fold shirt')
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


def test_clients_are_refused_until_the_policy_is_loaded(tmp_path: Path) -> None:
    path, release = fault_file(tmp_path, 'load_release')
    with reserve('127.0.0.1', 0, '') as free:
        port = free.getsockname()[1]
    words = (str(path), '--protocol', 'cosmos', '--port', str(port))
    with start(*words, program=INSTALLED) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == 'loading policy slow\n'
        with pytest.raises(requests.exceptions.ConnectionError, match='refused'):
            requests.get(f'http://127.0.0.1:{port}/healthz', timeout=60)
        with start('hold', '--protocol', 'openpi', '--port', str(port)) as second:
            _, errors = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f'cannot listen on 127.0.0.1 port {port}' in errors
        release.touch()
        assert process.stdout is not None
        assert process.stdout.readline().startswith('ready: policy slow at ')
        assert requests.get(f'http://127.0.0.1:{port}/healthz', timeout=60).status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, 'stopping\n')


def test_a_request_that_is_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    path, log, release = fault_file(tmp_path, 'log', 'release')
    os.mkfifo(log)
    words = (str(path), '--protocol', 'cosmos', '--port', '0')
    with start(*words, program=INSTALLED) as process, ThreadPoolExecutor() as pool:
        assert process.stdout is not None and process.stderr is not None
        url = process.stdout.readline().split()[-1]
        ask = pool.submit(requests.post, url, data=official_request('wait'), timeout=60)
        assert log.read_text() == 'reset wait\n'
        process.send_signal(signal.SIGINT)
        lines = [process.stderr.readline() for _ in range(2)]
        assert lines[-1] == 'stopping\n'
        release.touch()
        assert len(json_numpy.loads(ask.result().text)['actions']) == 50
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, '')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_loading_can_be_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    path, _ = fault_file(tmp_path, 'load_release')
    words = (str(path), '--protocol', 'cosmos', '--port', '0')
    with start(*words, program=INSTALLED) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == 'loading policy slow\n'
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, '')
    assert 'Traceback' not in errors


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
