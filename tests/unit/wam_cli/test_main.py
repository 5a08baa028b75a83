"""Command lines: help, usage errors and exit codes."""

import json
from pathlib import Path

import pytest

from wam_cli.main import COMMANDS, main, parse


def exit_code(*words: str) -> int:
    """Of a command line that argparse may end by itself."""
    try:
        return main(words)
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


@pytest.mark.parametrize('command', COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(command, '--help') == 0
    text = capsys.readouterr().out
    assert f'usage: wam {command}' in text
    assert len(text.splitlines()) > 5


def test_the_overview_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code('--help') == 0
    text = capsys.readouterr().out
    for command, purpose in COMMANDS.items():
        assert command in text
        assert purpose in text


def test_the_help_of_up_is_a_manual_of_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code('up', '--help') == 0
    text = capsys.readouterr().out
    for words in ('rig:=', 'aloha, sim', 'policy:=', 'scripted', 'mode:=', "default: 'async'"):
        assert words in text


def test_up_takes_its_arguments_before_and_after_options() -> None:
    words = ['up', 'sim', 'rig:=sim', '--quiet', 'task:=peg_insertion']
    assert parse(words).arguments == ['rig:=sim', 'task:=peg_insertion']
    assert exit_code('up', 'sim', '--quiet', 'task=x') == 2


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        ([], 'command'),
        (['fly'], 'rollout'),
        (['up', 'teleport'], "'rollout'"),
        (['up', 'sim', 'rig=sim'], 'name:=value'),
        (['up', 'sim', 'policy:=hold'], "'rig'"),
        (['rollout', '--task', 'fold'], "'transfer_cube'"),
        (['rollout', '--task', 'transfer_cube', '--policy', 'x'], "'scripted'"),
        (['rollout', '--task', 'transfer_cube', '--rig', 'x'], "'aloha'"),
        (['rollout', '--task', 'transfer_cube', '--seed', '-1'], '0 or more'),
        (['rollout', '--task', 'transfer_cube', '--seed', '4294967296'], '4294967295 at most'),
        (['rollout', '--task', 'transfer_cube', '--time-limit', 'nan'], '0 or more seconds'),
        (['rollout', '--task', 'transfer_cube', '--time-limit', '-1'], '0 or more seconds'),
        (['rollout', '--task', 'transfer_cube', '--attach', '--park', 'yes'], 'wam arms park'),
        (['rollout', '--task', 'transfer_cube', '--mode', 'fast'], "'rtc'"),
        (['up', 'sim', '--park', 'yes'], '--park yes'),
        (['up', 'sim', '--park', 'perhaps'], "'auto', 'yes', 'no'"),
        (['arms'], 'action'),
        (['arms', 'fly'], "'park'"),
        (['arms', 'home', '--timeout', '0'], 'more than 0 seconds'),
        (['arms', 'stop', '--wait', '-1'], 'more than 0 seconds'),
        (['arms', 'park', '--timeout', 'nan'], 'more than 0 seconds'),
        (['operator'], 'wam arms'),
        (['label', 'x', 'success', '--score', '101'], '0 to 100'),
    ],
)
def test_usage_errors_list_what_is_valid(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*words) == 2
    assert expected in capsys.readouterr().err


def test_a_broken_recording_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code('episodes', 'verify', str(tmp_path), '--json') == 1
    result = json.loads(capsys.readouterr().out)
    assert result['episodes'][0]['episode'] == str(tmp_path)
    assert exit_code('episodes', 'recover', str(tmp_path)) == 1
    assert exit_code('episodes', 'list', str(tmp_path / 'nowhere')) == 1


def test_an_empty_directory_has_no_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code('episodes', 'list', str(tmp_path), '--json') == 0
    assert json.loads(capsys.readouterr().out) == {'episodes': []}
