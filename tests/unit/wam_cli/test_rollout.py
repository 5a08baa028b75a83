"""What a command line of ``wam rollout`` asks of the graph."""

from pathlib import Path

import pytest

from wam_bringup.graph import parse_arguments
from wam_cli.main import parse
from wam_cli.rollout import _graph_arguments
from wam_cli.usage import UsageError
from wam_core.errors import WamError

TASK = ('rollout', '--task', 'transfer_cube')


def given(*words: str) -> dict[str, str]:
    """The graph's arguments; the last two words are about parking."""
    return parse_arguments(_graph_arguments(parse([*TASK, *words]))[:-2])


def test_without_options_the_policy_file_decides() -> None:
    assert 'policy_options' not in given()
    assert given('--policy', 'hold')['policy'] == 'hold'


def test_policy_options_reach_the_graph() -> None:
    options = '{planning: {candidates: 4}}'
    assert given('--policy', 'hold', '--policy-options', options)['policy_options'] == options


def test_a_recording_to_replay_is_an_option(tmp_path: Path) -> None:
    (tmp_path / 'episode.json').touch()
    found = given('--policy', 'replay', '--episode', str(tmp_path))
    assert found['policy_options'] == f'{{"episode": "{tmp_path}"}}'


def test_relative_paths_are_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = 'policy: hold\ncameras: []\nimage: {height: 8, width: 8, resampling: pil_bicubic}\n'
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'policy.yaml').write_text(f'{policy}horizon: 10\ndt_s: 0.04\n')
    monkeypatch.chdir(tmp_path)
    arguments = parse([*TASK, '--policy', 'mine'])
    words = _graph_arguments(arguments)
    assert f'policy:={tmp_path}/mine/policy.yaml' in words
    assert arguments.policy == f'{tmp_path}/mine/policy.yaml'  # as the goal says it


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (('--policy-options', '[1'), 'policy options'),
        (('--policy-options', '3'), 'expected a YAML mapping'),
        (('--attach', '--policy-options', '{a: 1}'), 'has loaded its policy'),
        (('--policy', 'replay', '--episode', 'x', '--policy-options', '{a: 1}'), 'but --episode'),
        (('--policy', 'replay'), 'belong together'),
        (('--policy', 'cosmoss'), "unknown policy 'cosmoss'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], text: str) -> None:
    with pytest.raises((UsageError, WamError), match=text):
        given(*words)
