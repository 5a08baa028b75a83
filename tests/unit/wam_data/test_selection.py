import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from episode_maker import EpisodeMaker

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.index import CACHE
from wam_data.layout import MANIFEST
from wam_data.manifest import Outcome
from wam_data.query import query
from wam_data.selection import Selection, rows_of, select

ANY = Selection(complete='any')


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory, definitions: Definitions) -> Path:
    """Six, named 0001 to 0006 in their order; the fifth is not complete, the sixth cut off."""
    folder = tmp_path_factory.mktemp('episodes')
    make = EpisodeMaker(folder, definitions, written=[])
    make(operator='ann', kind='demonstration', policy='')
    make(outcome=Outcome('failure', 25.0))
    make(outcome=None)
    make(task_name='fold', task='fold it', rig='aloha', started_utc='2025-03-05T12:00:00+00:00')
    make(complete=False, stop_reason='the disk was full')
    cut = make()
    cut.rename(cut.with_name(f'{cut.name}.partial'))
    return folder


def chosen(root: Path, selection: Selection) -> list[int]:
    return [int(path.name[-4:], 16) for path in select(root, selection)]


@pytest.mark.parametrize(
    ('selection', 'expected'),
    [
        (Selection(), [1, 2, 3, 4]),
        (ANY, [1, 2, 3, 4, 5]),
        (Selection(complete='no'), [5]),
        (Selection(task='transfer_cube'), [1, 2, 3]),
        (Selection(task='move the cube'), [1, 2, 3]),
        (Selection(task='fold it'), [4]),
        (Selection(kind='demonstration'), [1]),
        (Selection(operator='ann'), [1]),
        (Selection(policy='scripted'), [2, 3, 4]),
        (Selection(rig='aloha'), [4]),
        (Selection(outcome='success'), [1, 4]),
        (Selection(outcome='failure'), [2]),
        (Selection(outcome='none'), [3]),
        (Selection(since='2025-01-02'), [4]),
        (Selection(until='2025-01-01'), [1, 2, 3]),
        (Selection(until='2025-01-01T00:00:02Z'), [1, 2]),
        (Selection(since='2025-01-01T01:00:02+01:00', until='2025-03-05'), [2, 3, 4]),
        (Selection(sql='score >= 25 AND score < 100'), [2]),
        (Selection(sql="outcome = ''"), [3]),
        (Selection(sql="list_contains(stages, 'lifted') -- a remark"), [1, 4]),
        (Selection(sql='score IS NULL OR score = 25', policy='scripted'), [2, 3]),
    ],
)
def test_filters(root: Path, selection: Selection, expected: list[int]) -> None:
    assert chosen(root, selection) == expected


@pytest.mark.parametrize(
    ('fields', 'text'),
    [
        ({'kind': 'play'}, r"kind 'play', expected one of \['rollout', 'demonstration'"),
        ({'outcome': 'won'}, r"outcome 'won', expected one of \['success', 'failure'"),
        ({'complete': 'perhaps'}, "complete 'perhaps'"),
        ({'since': 'yesterday'}, r"date 'yesterday', expected ISO 8601, e.g. 2026-01-31"),
        ({'until': '2025-02-30'}, "date '2025-02-30'"),
    ],
)
def test_bad_filters_list_what_is_valid(fields: dict[str, str], text: str) -> None:
    with pytest.raises(WamError, match=text):
        Selection(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('condition', 'text'),
    [
        ('score >', 'Parser Error'),
        ('skore > 1', 'columns: path, name'),
        ("path IN (SELECT content FROM read_text('/etc/hostname'))", 'disabled'),
        ('true); DROP TABLE episodes; SELECT (true', 'expected one SELECT'),
        ('1', ''),
    ],
)
def test_bad_sql_is_refused(root: Path, condition: str, text: str) -> None:
    if not text:
        assert chosen(root, Selection(sql=condition)) == [1, 2, 3, 4]
        return
    with pytest.raises(WamError, match=text):
        select(root, Selection(sql=condition))


@pytest.fixture
def odd(root: Path, tmp_path: Path) -> Path:
    """A root whose name is not UTF-8. The second episode's note is not either."""
    folder = tmp_path / os.fsdecode(b'caf\xe9')
    shutil.copytree(root, folder)
    (folder / CACHE).unlink(missing_ok=True)
    manifest = sorted(folder.glob('transfer*/*'))[1] / MANIFEST
    contents = json.loads(manifest.read_text())
    contents['outcome']['note'] = 'caf\udce9'
    manifest.write_text(json.dumps(contents))
    return folder


def test_one_note_that_is_not_utf8_breaks_nothing_else(odd: Path) -> None:
    assert chosen(odd, Selection(sql='score >= 0')) == [1, 4]
    (bad,) = [row for row in rows_of(odd) if row.problem]
    assert 'outcome: note' in bad.problem
    told: list[str] = []
    assert Path(bad.path) not in select(odd, Selection(), unreadable=told.append)
    assert told == [bad.problem]
    with pytest.raises(WamError, match='outcome: note'):
        select(odd, Selection(episodes=(Path(bad.path),)))


def test_a_note_that_is_not_utf8_is_escaped_for_sql(odd: Path) -> None:
    rows = [replace(row, note='caf\udce9', stages=('\udce9',)) for row in rows_of(odd)]
    answer = query(rows[:1], 'SELECT note, stages FROM episodes')
    assert answer.rows == (('caf\\udce9', ['\\udce9']),)
    with pytest.raises(WamError, match='SQL = '):
        query(rows, "SELECT 'caf\udce9'")


def test_without_duckdb_only_sql_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'duckdb', None)
    monkeypatch.delitem(sys.modules, 'wam_data.query', raising=False)
    assert chosen(root, Selection(outcome='failure')) == [2]
    with pytest.raises(WamError, match='pip install duckdb'):
        select(root, Selection(sql='score > 1'))


@pytest.mark.parametrize(
    ('selection', 'text'),
    [
        (Selection(task='sweep'), "no episode has task 'sweep', only fold, transfer_cube"),
        (Selection(policy='cosmos'), "no episode has policy 'cosmos', only none, scripted"),
        (Selection(task='fold', outcome='failure'), 'none of 6 episodes .* fits all filters'),
        (Selection(sql='not complete'), '1 fit but for --complete yes'),
    ],
)
def test_nothing_selected_says_why(root: Path, selection: Selection, text: str) -> None:
    with pytest.raises(WamError, match=text):
        select(root, selection)


def test_named_episodes(root: Path) -> None:
    first, second, *_, last = sorted(root.glob('*/*'))
    assert first.parent.name == 'fold'
    some = Selection(episodes=(last.with_name(second.name), first))
    assert chosen(root, some) == [1, 4]
    assert chosen(root, replace(some, episodes=(first, first.parent, first))) == [4]
    assert chosen(root / 'elsewhere', replace(some, outcome='success', task='fold')) == [4]
    for path, text in (
        (last, 'recover it first'),
        (root / 'nothing', 'is not a directory'),
        (first / 'nothing', 'is not a directory'),
    ):
        with pytest.raises(WamError, match=text):
            select(root, Selection(episodes=(first, path)))


def test_named_episodes_that_cannot_be_read(root: Path, tmp_path: Path) -> None:
    empty = tmp_path / 'empty'
    empty.mkdir()
    with pytest.raises(WamError, match='neither an episode nor a folder of episodes'):
        select(root, Selection(episodes=(empty,)))
    (empty / 'episode.json').write_text('{}')
    with pytest.raises(WamError, match='missing key'):
        select(root, Selection(episodes=(empty,)))


def test_rows_tell_of_every_episode(root: Path) -> None:
    rows = rows_of(root)
    assert [row.partial for row in rows].count(True) == 1
    assert len(rows) == 6


def test_the_working_directory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert chosen(Path(), Selection()) == [1, 2, 3, 4]
    monkeypatch.chdir(root / 'transfer_cube')
    assert chosen(Path(), Selection(episodes=(Path(), Path('../fold')))) == [1, 2, 3, 4]


def test_an_empty_root(tmp_path: Path) -> None:
    with pytest.raises(WamError, match='holds no episode'):
        select(tmp_path, Selection())
    with pytest.raises(WamError, match='is not a directory of episodes'):
        select(tmp_path / 'nothing', Selection())
