"""What a command line of ``wam teleop`` asks of the graph, and what a person is told."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wam_bringup.graph import parse_arguments
from wam_cli.episode_client import Episode
from wam_cli.main import parse
from wam_cli.status import Status
from wam_cli.teleop import _ask, _graph_arguments
from wam_cli.teleop_client import Goal
from wam_cli.usage import UsageError
from wam_core.errors import WamError
from wam_data.identity import Identity
from wam_data.manifest import EpisodeManifest, read_manifest, write_manifest

TASK = ('teleop', '--task', 'transfer_cube')


def given(*words: str) -> dict[str, str]:
    """The graph's arguments; the last two words are about parking."""
    return parse_arguments(_graph_arguments(parse([*TASK, *words]))[:-2])


def test_the_graph_of_demonstrations_is_asked_for(tmp_path: Path) -> None:
    found = given('--root', str(tmp_path))
    assert found == {'rig': 'sim', 'task': 'transfer_cube', 'root': str(tmp_path)}
    assert given('--rig', 'aloha', '--task', 'fold_shirt')['rig'] == 'aloha'


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (('--episodes', '0'), '1 or more'),
        (('--seed', '-1'), '0 or more'),
        (('--seed', str(2**32)), 'at most'),
        (('--time-limit', 'inf'), '0 or more seconds'),
        (('--attach', '--park', 'yes'), 'wam arms park'),
        (('--no-record', '--preview'), '--preview'),
        (('--task', 'fold_shirt'), 'has no simulation'),
        (('--rig', 'alhoa'), "unknown rig 'alhoa'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], text: str) -> None:
    with pytest.raises((UsageError, WamError), match=text):
        given(*words)


class _Rig:
    """A rig, its graph and a person, of a simulated rig or a real one.

    answers: keys for the question how it ended. pressed: keys during a demonstration.
    """

    def __init__(self, root: Path, outcome: str, answers: list[str], pressed: str = '') -> None:
        self.root, self.outcome, self.answers, self.pressed = root, outcome, answers, pressed
        self.said: list[str] = []
        self.key = SimpleNamespace(present=True, used=False)
        self.status = Status('', hint='space: stop')
        self.display = SimpleNamespace(say=self.said.append, show=lambda shown: None)
        self.press: Any = lambda key: None
        self.hints: dict[str, str] = {}
        self.goals: list[Goal] = []
        self.confirmed = 0

    def typed(self, typing: bool) -> list[str]:
        return [*self.answers.pop(0)]

    def confirm(self) -> bool:
        self.confirmed += 1
        return True

    def run(self, goal: Goal) -> Episode:
        folder = self.root / f'{len(self.goals)}'
        folder.mkdir()
        write_manifest(folder, EpisodeManifest(Identity(goal.task, goal.task), '', 1))
        self.goals.append(goal)
        for key in self.pressed:
            self.press(key)
        return Episode(str(folder), self.outcome, 0.0, (), 5, 1.0, 1.0, goal.seed, 'ended')


def asked(rig: _Rig, *words: str) -> list[Episode]:
    arguments = parse(['teleop', '--task', 'fold_shirt', '--operator', 'ann', *words])
    return _ask(arguments, rig, rig)  # type: ignore[arg-type]


def test_a_person_judges_repeats_and_discards_on_a_real_rig(tmp_path: Path) -> None:
    rig = _Rig(tmp_path, '', ['rr', 'y', 'dd'])
    first, second = asked(rig, '--episodes', '2', '--seed', '7', '--rig', 'aloha')
    assert [goal.seed for goal in rig.goals] == [7, 7, 8]
    assert {goal.operator for goal in rig.goals} == {'ann'}
    assert (first.outcome, second.outcome, second.episode) == ('success', 'discarded', '')
    assert [path.name for path in tmp_path.iterdir()] == ['1']
    label = read_manifest(tmp_path / '1').outcome
    assert label is not None
    assert (label.result, label.by) == ('success', 'ann')


def test_a_simulated_rig_judges_by_itself(tmp_path: Path) -> None:
    rig = _Rig(tmp_path, 'failure', [])
    assert [episode.outcome for episode in asked(rig, '--episodes', '3')] == ['failure'] * 3
    assert [goal.seed for goal in rig.goals] == [0, 1, 2]


def test_enter_does_what_the_grippers_do_and_only_during_a_demonstration(tmp_path: Path) -> None:
    rig = _Rig(tmp_path, 'success', [], pressed='\rx\n')
    asked(rig)
    assert rig.confirmed == 2
    rig.press('\r')
    assert rig.confirmed == 2


def test_each_phase_says_what_the_person_may_do(tmp_path: Path) -> None:
    rig = _Rig(tmp_path, 'success', [])
    asked(rig)
    assert rig.hints['waiting'] == 'close both grippers to begin, or press Enter; space: stop'
    assert 'wide open to end' in rig.hints['running']
    assert rig.hints['resetting'] == 'space: stop'


def test_a_status_without_chunks_has_none_and_shows_what_is_amiss() -> None:
    status = Status('t', 'running', chunks=None, underruns=None, complaint='leaders: apart')
    assert 'chunk' not in status.text()
    assert 'underruns' not in status.text()
    assert status.text().endswith(' | leaders: apart')
