"""What a command line of ``wam rollout`` asks of the graph."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from wam_bringup.graph import parse_arguments
from wam_cli.episode_client import Episode
from wam_cli.main import parse
from wam_cli.rollout import _ask, _graph_arguments
from wam_cli.rollout_client import Goal
from wam_cli.usage import UsageError
from wam_core.errors import WamError
from wam_data.identity import Identity
from wam_data.manifest import EpisodeManifest, read_manifest, write_manifest

TASK = ('rollout', '--task', 'transfer_cube')


def given(*words: str) -> dict[str, str]:
    """The graph's arguments; the last two words are about parking."""
    return parse_arguments(_graph_arguments(parse([*TASK, *words]))[:-2])


def test_without_options_the_policy_file_decides() -> None:
    assert 'policy_options' not in given()
    assert given('--policy', 'hold')['policy'] == 'hold'


def test_who_may_take_over_has_leaders() -> None:
    assert given('--teleop')['teleop'] == 'yes'
    assert 'teleop' not in given()


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
        (('--attach', '--teleop'), 'has leaders, or has none'),
        (('--policy', 'cosmoss'), "unknown policy 'cosmoss'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], text: str) -> None:
    with pytest.raises((UsageError, WamError), match=text):
        given(*words)


class _Rig:
    """A real rig: nobody there can tell how an episode ended. answers: keys of a person."""

    def __init__(self, root: Path, answers: list[str]) -> None:
        self.root, self.answers = root, answers
        self.said: list[str] = []
        self.key = SimpleNamespace(present=True, used=False)
        self.status = SimpleNamespace(title='', phase='')
        self.display = SimpleNamespace(say=self.said.append, show=lambda shown: None)
        self.ran = 0

    def typed(self, typing: bool) -> list[str]:
        return [*self.answers.pop(0)]

    def run(self, goal: Goal) -> Episode:
        folder = self.root / f'2026112{self.ran}'
        folder.mkdir()
        write_manifest(folder, EpisodeManifest(Identity(goal.task, goal.task), '', 1))
        self.ran += 1
        return Episode(str(folder), '', 0.0, (), 5, 1.0, 1.0, -1, 'time limit', ran=True)


def asked(rig: _Rig, *words: str) -> list[Episode]:
    arguments = parse(['rollout', '--task', 'fold_shirt', '--operator', 'ann', *words])
    return _ask(arguments, rig, rig)  # type: ignore[arg-type]


def test_a_person_judges_the_episodes_of_a_real_rig(tmp_path: Path) -> None:
    rig = _Rig(tmp_path, ['3n', 'rr', 'y', 'dd'])
    first, second, third = asked(rig, '--episodes', '3')
    assert rig.ran == 4
    assert (first.outcome, first.score, len(first.stages)) == ('failure', 30.0, 3)
    assert (second.outcome, second.score) == ('success', 100.0)
    assert (third.outcome, third.episode) == ('discarded', '')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['20261120', '20261122']
    label = read_manifest(Path(second.episode)).outcome
    assert label is not None
    assert (label.result, label.by) == ('success', 'ann')


def test_a_stop_ends_the_episodes_even_where_one_should_be_repeated(tmp_path: Path) -> None:
    rig = _Rig(tmp_path, ['rr'])
    rig.key.used = True
    assert [episode.outcome for episode in asked(rig, '--episodes', '3')] == ['discarded']


def test_without_a_terminal_the_command_that_labels_is_named(tmp_path: Path) -> None:
    rig = _Rig(tmp_path, [])
    rig.key.present = False
    (episode,) = asked(rig)
    assert f'./wam label {episode.episode}' in rig.said[0]
    assert read_manifest(Path(episode.episode)).outcome is None
