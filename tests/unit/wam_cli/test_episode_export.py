import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import export_blocked
import psutil
import pytest
from export_episodes import FAILURE, Script, record

from wam_cli import episode_export, episode_filters
from wam_cli.main import main
from wam_data.export.format_options import names
from wam_data.export.formats import FORMATS

DOCUMENT = Path(__file__).resolve().parents[3] / 'docs' / 'exporting.md'
PATIENCE_S = 120


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / 'episodes'
    for number in range(1, 4):
        record(folder, number, Script(seconds=0.4))
    return folder


def wam(root: Path, *words: str) -> list[str]:
    """Of an export to <root>/../out."""
    command = ['episodes', 'export', '--root', str(root), '--out', str(root.parent / 'out')]
    return [*command, *words]


def test_a_data_set_and_what_the_grid_did(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wam(root, '--format', 'cosmos', '--jobs', '1', '--json')) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told['episodes'], told['rows'], told['format']) == (3, 30, 'cosmos')
    assert set(told['streams']) == {
        'state', 'action', 'cam_high', 'cam_left_wrist', 'cam_right_wrist',
    }  # fmt: skip
    assert told['streams']['cam_high']['holds'] == 0
    assert 0 < told['streams']['cam_high']['max_age_ms'] < 34
    assert len(list((root.parent / 'out').rglob('*.hdf5'))) == 3


def test_options_filters_and_the_table(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(root, 4, Script(outcome=FAILURE, camera_hz=10.0))
    words = ('--format', 'aloha_hdf5', '--option', 'images=jpeg', '--rate', '20', '--jobs', '1')
    assert main(wam(root, *words, '--outcome', 'failure', '--cameras', 'cam_high')) == 0
    text = capsys.readouterr().out
    assert '1 episodes, 12 rows' in text
    row = next(line.split() for line in text.splitlines() if line.split()[:1] == ['cam_high'])
    assert row[1:3] == ['6', '1'], 'each frame of 10 Hz is in two rows of 20 Hz'
    assert 'move-the-cube/20250101T000000Z-0004' in text


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--rate', '0'], 'rate 0 Hz, allowed 1 to 200'),
        (['--option', 'images'], "--option 'images', expected NAME=VALUE"),
        (['--option', 'images=png'], "images 'png', expected one of"),
        (['--jobs', '0'], '0 jobs, expected at least 1'),
        (['--max-hold', '0'], 'hold of 0 s'),
        (['--gripper-state', 'finger', '--rate', '500'], 'rate 500 Hz'),
    ],
)
def test_a_bad_command_line_is_a_usage_error(
    root: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(wam(root, '--format', 'aloha_hdf5', *words)) == 2
    assert message in capsys.readouterr().err
    assert not (root.parent / 'out.partial').exists()


def test_a_refusal_names_the_episodes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(root, 4, Script(task='fold the shirt'))
    assert main(wam(root, '--format', 'aloha_hdf5', '--jobs', '1')) == 1
    assert "tasks are mixed: move-the-cube/20250101T000000Z-0001 is 'move the cube'" in (
        capsys.readouterr().err
    )


def test_the_document_has_every_option() -> None:
    text = DOCUMENT.read_text()
    parser = argparse.ArgumentParser()
    episode_export.declare(parser)
    ours = parser._option_string_actions.keys() - {'-h', '--help', '--format', '--out', '--json'}
    filters = argparse.ArgumentParser()
    episode_filters.add(filters)
    for option in ours - filters._option_string_actions.keys():
        assert f'| `{option}` |' in text, option
    for name, (module, kind) in FORMATS.items():
        for option in names(getattr(import_module(module), kind)):
            assert f'`{option}`' in text, f'{name}: {option}'


@pytest.fixture
def running(root: Path) -> Iterator['subprocess.Popen[str]']:
    """An export in two processes: the first episode is done, each process is at another one."""
    (root.parent / 'blocked').touch()
    script = Path(export_blocked.__file__)
    words = wam(root, '--format', export_blocked.NAME, '--jobs', '2')
    process = subprocess.Popen(
        [sys.executable, str(script), *words],
        env={**os.environ, 'PYTHONPATH': f'{script.parent}:{os.environ.get("PYTHONPATH", "")}'},
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    awaited = ('out.partial/.export/000000.json', 'begun_1', 'begun_2')
    try:
        while not all((root.parent / name).exists() for name in awaited):
            assert process.poll() is None, process.communicate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> bool:
    """Whether the same export ends well, with the first episode not written again."""
    (root.parent / 'blocked').unlink()
    capsys.readouterr()
    monkeypatch.setitem(FORMATS, export_blocked.NAME, export_blocked.ENTRY)
    assert main(wam(root, '--format', export_blocked.NAME, '--jobs', '1', '--json')) == 0
    assert {path.name for path in (root.parent / 'out').glob('*.txt')} == {
        '0.txt', '1.txt', '2.txt',
    }  # fmt: skip
    return bool(json.loads(capsys.readouterr().out)['resumed'] == 1)


def test_an_interrupt_leaves_what_can_go_on(
    root: Path,
    running: 'subprocess.Popen[str]',
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, error
    assert 'the same command goes on from there' in error
    assert 'Traceback' not in error
    _, alive = psutil.wait_procs(children, PATIENCE_S)
    assert not alive
    assert not (root.parent / 'out').exists()
    assert goes_on(root, monkeypatch, capsys)


def test_a_killed_export_goes_on_and_leaves_no_process(
    root: Path,
    running: 'subprocess.Popen[str]',
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    children = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    running.wait(PATIENCE_S)
    _, alive = psutil.wait_procs(children, PATIENCE_S)
    assert not alive
    assert goes_on(root, monkeypatch, capsys)


def test_a_killed_worker_is_told(
    root: Path,
    running: 'subprocess.Popen[str]',
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    workers = [
        child
        for child in psutil.Process(running.pid).children()
        if any('spawn_main' in word for word in child.cmdline())
    ]
    assert len(workers) == 2
    workers[0].kill()
    _, error = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 1, error
    assert 'a worker process was killed' in error
    assert goes_on(root, monkeypatch, capsys)
