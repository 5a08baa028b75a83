"""``wam episodes``: what it prints, what it deletes, and its exit codes."""

import builtins
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from episode_maker import HIGH, EpisodeMaker, messages

from wam_cli.episodes import ACTIONS
from wam_cli.main import main
from wam_data.definitions import Definitions
from wam_data.manifest import Outcome
from wam_data.row import COLUMNS

Out = pytest.CaptureFixture[str]


@pytest.fixture(scope='module')
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A success; a failure whose camera stops early; one without a label; one that was cut off."""
    folder = tmp_path_factory.mktemp('recorded')
    make = EpisodeMaker(folder, Definitions(), messages(0.5))
    make(operator='ann', kind='demonstration')
    make(
        lambda written: [m for m in written if m.topic != HIGH or m.log_ns % 10**9 < 10**8],
        outcome=Outcome('failure', 25.0),
    )
    make(outcome=None)
    cut = make()
    cut.rename(cut.with_name(f'{cut.name}.partial'))
    return folder


@pytest.fixture
def root(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy as ./episodes."""
    shutil.copytree(recorded, tmp_path / 'episodes')
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'episodes'


def run(*words: str) -> int:
    try:
        return main(['episodes', *words])
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def asked(out: Out, *words: str, code: int = 0) -> Any:
    assert run(*words, '--json') == code
    return json.loads(out.readouterr().out)


def left(root: Path) -> list[str]:
    return sorted(path.name[-4:] for path in root.glob('*/*'))


@pytest.mark.parametrize('action', ACTIONS)
def test_each_action_explains_itself(action: str, capsys: Out) -> None:
    assert run(action, '--help') == 0
    text = capsys.readouterr().out
    assert f'usage: wam episodes {action}' in text
    assert len(text.splitlines()) > 5


def test_the_overview_lists_every_action(capsys: Out) -> None:
    assert run('--help') == 0
    text = capsys.readouterr().out
    assert all(action in text for action in ACTIONS)


class TestList:
    def test_a_table(self, root: Path, capsys: Out) -> None:
        assert run('list') == 0
        shown = capsys.readouterr()
        head, *lines = shown.out.splitlines()
        assert head.split() == ['EPISODE', 'OUTCOME', 'SECONDS', 'BY', 'SEED', 'STATE']
        assert len(lines) == 4
        assert 'success 100' in lines[0]
        assert 'not labelled' in lines[2]
        assert lines[3].endswith('partial')
        assert len({line.index('0.5') for line in lines}) == 1  # one column under the other
        assert shown.err == '4 recordings\n'

    def test_filters(self, root: Path, capsys: Out) -> None:
        found = asked(capsys, 'list', '--outcome', 'failure')['episodes']
        assert [row['score'] for row in found] == [25.0]
        found = asked(capsys, 'list', '--kind', 'demonstration', '--where', 'score > 50')
        assert [row['operator'] for row in found['episodes']] == ['ann']
        assert asked(capsys, 'list', '--task', 'other') == {'episodes': []}

    def test_one_episode_or_several_folders(self, root: Path, capsys: Out) -> None:
        first = sorted(root.glob('*/*'))[0]
        assert len(asked(capsys, 'list', str(first))['episodes']) == 1
        assert len(asked(capsys, 'list', str(root / 'transfer_cube'), str(first))['episodes']) == 4
        (latest,) = asked(capsys, 'list', 'latest')['episodes']
        assert latest['name'].endswith('0003')

    def test_sql(self, root: Path, capsys: Out) -> None:
        query = 'SELECT outcome, count(*) AS n, max(score) s FROM episodes GROUP BY 1 ORDER BY n'
        found = asked(capsys, 'list', '--sql', query, '--complete', 'yes')['rows']
        assert {'outcome': 'failure', 'n': 1, 's': 25.0} in found
        assert run('list', '--sql', query) == 0
        assert capsys.readouterr().out.splitlines()[0].split() == ['outcome', 'n', 's']

    @pytest.mark.parametrize(
        'words',
        [
            ('--sql', 'DROP TABLE episodes'),
            ('--sql', 'SELECT * FROM nothing'),
            ('--sql', ''.join(["COPY episodes TO '", 'x.csv', "'"])),
            ('--where', 'score >'),
            ('--since', 'yesterday'),
            ('--outcome', 'won'),
        ],
    )
    def test_bad_questions(self, root: Path, words: tuple[str, ...], capsys: Out) -> None:
        assert run('list', *words) == 2
        assert capsys.readouterr().err
        assert not (root.parent / 'x.csv').exists()

    def test_columns(self, capsys: Out) -> None:
        assert list(asked(capsys, 'list', '--columns')) == list(COLUMNS)
        assert run('list', '--columns') == 0
        assert len(capsys.readouterr().out.splitlines()) == len(COLUMNS) + 1

    def test_a_broken_manifest(self, root: Path, capsys: Out) -> None:
        (next(root.glob('*/*')) / 'episode.json').write_text('{')
        assert run('list') == 1
        assert 'is not JSON' in capsys.readouterr().out


class TestVerify:
    def test_flaws_and_problems_are_exit_code_1(self, root: Path, capsys: Out) -> None:
        assert run('verify', '--outcome', 'success', '--complete', 'yes', '--jobs', '1') == 1
        shown = capsys.readouterr().out
        assert shown.count(': ok, ') == 1
        assert 'problem: is partial' in shown
        report = asked(capsys, 'verify', '--outcome', 'failure', code=1)['episodes'][0]
        assert report['ok'] is True
        assert report['clean'] is False
        assert any('nothing for 0.4' in flaw for flaw in report['flaws'])

    def test_what_is_allowed(self, root: Path) -> None:
        bounds = ('--gap', '9', '--rate', '9', '--missing', '0.99', '--spread', '9999')
        assert run('verify', '--outcome', 'failure', *bounds) == 0
        assert run('verify', '--outcome', 'none') == 0
        assert run('verify', '--outcome', 'none', '--label') == 1
        assert run('verify', '--gap', '0') == 2
        assert run('verify', '--jobs', '0') == 2

    def test_several_processes_say_the_same(self, root: Path, capsys: Out) -> None:
        one = asked(capsys, 'verify', '--jobs', '1', code=1)
        assert asked(capsys, 'verify', '--jobs', '2', code=1) == one
        assert len(one['episodes']) == 4

    def test_what_is_no_recording(self, root: Path, capsys: Out) -> None:
        good = sorted(root.glob('*/*'))[0]
        found = asked(capsys, 'verify', str(root.parent / 'x'), str(good), code=1)['episodes']
        assert 'is not an episode directory' in found[0]['error']
        assert found[1]['clean'] is True


class TestShow:
    def test_the_newest_is_shown(self, root: Path, capsys: Out) -> None:
        assert run('show') == 0
        shown = capsys.readouterr().out
        assert '0003' in shown.splitlines()[0]
        assert 'timeline' in shown
        (found,) = asked(capsys, 'show', '--outcome', 'success')['episodes']
        assert found['summary']['operator'] == 'ann'

    def test_pages(self, root: Path, capsys: Out) -> None:
        file = root.parent / 'reports' / 'one.html'
        assert run('show', '--outcome', 'failure', '--html', str(file)) == 0
        assert file.read_text().startswith('<!DOCTYPE html>')
        assert run('show', str(root), '--html', str(file.with_name('all'))) == 0
        assert len(list(file.with_name('all').iterdir())) == 3
        assert capsys.readouterr().out.split()[0] == str(file)

    def test_what_cannot_be_shown(self, root: Path, capsys: Out) -> None:
        file = root.parent / 'file'
        file.write_text('mine')
        assert run('show', str(root), '--html', str(file)) == 2
        assert run('show', '--outcome', 'failure', '--html', str(file / 'x.html')) == 1
        assert file.read_text() == 'mine'
        assert run('show', str(next(root.glob('*/*.partial')))) == 1
        assert 'recover it first' in capsys.readouterr().err


class TestRemove:
    @pytest.fixture
    def answers(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """A person at a terminal who gives these answers."""
        given: list[str] = []
        monkeypatch.setattr(sys.stdin, 'isatty', lambda: True, raising=False)
        monkeypatch.setattr(builtins, 'input', lambda question: given.pop(0))
        return given

    def test_a_question_comes_first(self, root: Path, answers: list[str], capsys: Out) -> None:
        answers += ['', 'no', 'y']
        for expected in (1, 1, 0):
            assert left(root) == ['0001', '0002', '0003', 'tial']
            assert run('rm', '--outcome', 'failure') == expected
        assert left(root) == ['0001', '0003', 'tial']
        assert 'failure' in capsys.readouterr().out

    def test_nobody_is_asked(self, root: Path, capsys: Out) -> None:
        assert run('rm', '--outcome', 'none') == 2  # standard input is no terminal
        assert '--yes' in capsys.readouterr().err
        assert run('rm', '--outcome', 'none', '--yes') == 0
        assert left(root) == ['0001', '0002', 'tial']

    def test_everything_is_not_a_default(self, root: Path, capsys: Out) -> None:
        assert run('rm', '--yes') == 2
        assert 'name the recordings' in capsys.readouterr().err
        assert left(root) == ['0001', '0002', '0003', 'tial']

    def test_partial_ones_by_name_only(self, root: Path) -> None:
        partial = next(root.glob('*/*.partial'))
        assert run('rm', str(root), '--yes') == 0
        assert left(root) == ['tial']
        assert run('rm', str(root), '--yes') == 1
        assert run('rm', str(partial), '--yes') == 0
        assert left(root) == []

    def test_what_is_no_recording_stays(self, root: Path) -> None:
        folder = root.parent / 'precious'
        folder.mkdir()
        assert run('rm', str(folder), '--yes') == 1
        assert run('rm', str(folder / 'x'), '--yes') == 1
        assert folder.is_dir()


def test_a_recording_in_progress_is_left_alone(root: Path, capsys: Out) -> None:
    partial = next(root.glob('*/*.partial'))
    with (partial / 'episode.mcap').open('rb'):
        assert run('recover', str(partial)) == 1
        assert run('rm', str(partial), '--yes') == 1
    assert capsys.readouterr().err.count(f'is in use by process {os.getpid()} (') == 2
    assert partial.is_dir()
    assert run('recover', str(partial)) == 0


def test_recover(root: Path, capsys: Out) -> None:
    partial = next(root.glob('*/*.partial'))
    (found,) = asked(capsys, 'recover', str(partial))['episodes']
    assert found['messages'] == len(messages(0.5))
    assert run('recover', str(partial)) == 1


def test_recover_of_a_damaged_one(root: Path, capsys: Out, tmp_path: Path) -> None:
    first, second, *_ = sorted(path for path in root.glob('*/*') if path.suffix != '.partial')
    assert run('recover', str(first)) == 1
    assert 'neither partial nor damaged: nothing to recover' in capsys.readouterr().err
    for path in (first, second):
        with (path / 'episode.mcap').open('r+b') as stream:
            stream.truncate((path / 'episode.mcap').stat().st_size - 40)
    out = tmp_path / 'saved'
    (beside,) = asked(capsys, 'recover', str(first))['episodes']
    (moved,) = asked(capsys, 'recover', str(second), '--out', str(out))['episodes']
    assert Path(beside['episode']).parent == first.parent
    assert Path(moved['episode']).parent == out / second.parent.name
    assert (beside['original'], moved['original']) == (str(first), str(second))
