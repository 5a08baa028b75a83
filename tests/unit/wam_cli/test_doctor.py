"""What the doctor says about settings that are wrong."""

import json
from pathlib import Path

import pytest

from wam_cli import doctor, finding
from wam_cli.finding import BAD, GOOD, NOTE, Finding
from wam_cli.main import main


def test_this_machine_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(['doctor', '--json'])
    report = json.loads(capsys.readouterr().out)
    assert report['ok'] == (code == 0)
    names = {found['name'] for found in report['findings']}
    assert names >= {'python', 'ros', 'rmw', 'image transport', 'rendering', 'gpu', 'disk'}
    assert all(found['meaning'] and found['found'] for found in report['findings'])


def test_something_missing_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Finding('rendering', BAD, 'nothing', 'install it')
    monkeypatch.setattr(doctor, 'CHECKS', (finding.python, lambda: missing))
    assert main(['doctor']) == 1
    text = capsys.readouterr().out
    assert 'install it' in text


def test_a_missing_profile_loses_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', str(tmp_path / 'nowhere.xml'))
    assert finding.image_transport().level == BAD
    own = tmp_path / 'own.xml'
    own.touch()
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', str(own))
    assert finding.image_transport().level == NOTE


def test_another_middleware_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_cyclonedds_cpp')
    assert finding.rmw().level == NOTE
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    assert finding.rmw().level == GOOD
