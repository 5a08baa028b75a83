"""`wam label`: from the command line, and asked for on a terminal."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pty_session import PtySession

from wam_cli.main import main
from wam_data.identity import Identity
from wam_data.layout import RECORDING
from wam_data.manifest import EpisodeManifest, Outcome, read_manifest, write_manifest


@pytest.fixture
def episode(tmp_path: Path) -> Path:
    folder = tmp_path / 'fold-shirt' / '20261121T100000Z-0001'
    folder.mkdir(parents=True)
    (folder / RECORDING).touch()
    write_manifest(folder, EpisodeManifest(Identity('fold shirt', 'fold_shirt'), '', 1))
    return folder


def label(episode: Path) -> Outcome:
    found = read_manifest(episode).outcome
    assert found is not None
    return found


def test_the_score_is_that_of_the_highest_stage(episode: Path) -> None:
    stages = ['--stage', 'folded in half', '--stage', 'bottom edge grasped']
    words = ['label', str(episode), 'failure', '--by', 'ann', '--note', 'slipped', *stages]
    assert main(words) == 0
    found = label(episode)
    assert (found.result, found.score, found.note, found.by) == ('failure', 20.0, 'slipped', 'ann')
    assert found.stages == ('bottom edge grasped', 'folded in half')


def test_a_later_label_keeps_the_earlier_one(episode: Path) -> None:
    root = ['--root', str(episode.parent.parent)]
    assert main(['label', 'latest', 'failure', *root]) == 0
    assert main(['label', 'latest', 'success', *root, '--score', '90']) == 0
    assert (label(episode).result, label(episode).score) == ('success', 90.0)
    assert [old.result for old in read_manifest(episode).labels] == ['failure']


@pytest.mark.parametrize(
    ('words', 'code', 'text'),
    [
        (['EPISODE', 'success', '--stage', 'flown'], 2, "'folded in half'"),
        (['EPISODE', 'great'], 2, "'great'"),
        (['success'], 2, 'which episode'),
        (['EPISODE'], 2, 'without a terminal'),
        (['nowhere', 'success'], 1, 'nowhere'),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    episode: Path,
    words: list[str],
    code: int,
    text: str,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('sys.stdin', io.StringIO())
    before = (episode / 'episode.json').read_bytes()
    given = [str(episode) if word == 'EPISODE' else word for word in words]
    assert main(['label', *given]) == code
    assert text in capsys.readouterr().err
    assert (episode / 'episode.json').read_bytes() == before


@pytest.mark.parametrize('option', ['--note', '--by', '--stage'])
def test_text_that_is_not_utf8_is_refused(episode: Path, option: str, capsys: Any) -> None:
    before = (episode / 'episode.json').read_bytes()
    with pytest.raises(SystemExit, match='2'):
        main(['label', str(episode), 'failure', option, 'caf\udce9'])
    assert f"argument {option}: 'caf\\udce9', expected text in UTF-8" in capsys.readouterr().err
    assert (episode / 'episode.json').read_bytes() == before


@pytest.fixture
def open_() -> Iterator[Callable[..., PtySession]]:
    sessions: list[PtySession] = []

    def start(*words: str) -> PtySession:
        sessions.append(PtySession(words, os.environ))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


def test_a_person_is_asked_with_single_keys(
    episode: Path, open_: Callable[..., PtySession]
) -> None:
    session = open_('label', str(episode), '--by', 'ann')
    session.wait_for('0  pushed to the centre')
    session.wait_for('how did it end?')
    assert session.unbuffered
    session.type('4/a sleeve\ry')
    assert session.wait() == 0
    assert session.restored
    found = label(episode)
    assert (found.result, found.note, found.by) == ('success', 'a sleeve', 'ann')
    assert len(found.stages) == 10
