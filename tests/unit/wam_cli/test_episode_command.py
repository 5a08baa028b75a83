"""What a script learns of episodes that `wam rollout` or `wam teleop` ran: the exit code."""

from typing import Any

import pytest

from wam_cli import episode_command
from wam_cli.episode_client import Episode
from wam_cli.main import parse

WHOLE = '/episodes/transfer-cube/20260101T000000Z-0001'


def episode(path: str = WHOLE, outcome: str = 'failure', *, ran: bool = True) -> Episode:
    return Episode(path, outcome, 0.0, (), 5, 1.0, 1.0, 0, ran=ran)


@pytest.mark.parametrize(
    ('episodes', 'code'),
    [
        ([episode(), episode(outcome='aborted')], 0),
        ([episode('')], 0),  # --no-record, or thrown away by a person
        ([episode(f'{WHOLE}.partial', 'aborted'), episode()], 1),
        ([episode(), episode('', 'aborted', ran=False)], 1),
    ],
    ids=['whatever outcome', 'not recorded', 'lost', 'never began'],
)
@pytest.mark.parametrize('command', ['rollout', 'teleop'])
def test_a_lost_recording_is_told_by_the_exit_code(
    episodes: list[Episode], code: int, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episode_command, 'Interruption', lambda: None)
    monkeypatch.setattr(episode_command.dead_segments, 'sweep', lambda tell: None)
    monkeypatch.setattr(episode_command, '_in_graph', lambda *_: (episodes, []))
    arguments = parse([command, '--task', 'transfer_cube'])
    given: Any = None
    assert episode_command.run_episodes(arguments, given) == code


@pytest.mark.parametrize(
    'words',
    [
        *(['rollout', '--task', 'x', option] for option in ('--operator', '--policy-options')),
        *(['teleop', '--task', 'x', option] for option in ('--operator', '--rig')),
        ['episodes', 'import', 'x', '--task'],
    ],
    ids=lambda words: f'{words[0]} {words[-1]}',
)
def test_text_that_is_not_utf8_is_refused_before_anything_starts(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        parse([*words, 'caf\udce9'])
    assert f"argument {words[-1]}: 'caf\\udce9', expected text" in capsys.readouterr().err
