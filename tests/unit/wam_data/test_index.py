import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wam_data import index
from wam_data.checks.thresholds import BOUNDS, Thresholds
from wam_data.index import CACHE, read_index, read_row
from wam_data.label import write_label
from wam_data.layout import MANIFEST
from wam_data.manifest import Outcome
from wam_data.row import COLUMNS, Row

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def root(episode: Path) -> Path:
    """Three episodes of two tasks."""
    shutil.copytree(episode, episode.with_name('20250101T000000Z-0003'))
    other = episode.parent.with_name('fold') / '20250101T000000Z-0001'
    shutil.copytree(episode, other)
    return episode.parent.parent


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Episodes whose manifests were read, in order."""
    found: list[Path] = []

    def read(path: Path) -> Row:
        found.append(path)
        return read_row(path)

    monkeypatch.setattr(index, 'read_row', read)
    return found


def test_each_manifest_is_read_once(root: Path, reads: list[Path]) -> None:
    rows = read_index(root)
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    assert len(reads) == 3
    assert read_index(root) == rows
    assert len(reads) == 3
    changed = Path(rows[1].path)
    write_label(changed, Outcome('failure', 10.0, by='ann'))
    again = read_index(root)
    assert reads[3:] == [changed]
    assert (again[1].outcome, again[1].score, again[1].relabels) == ('failure', 10.0, 1)
    assert [again[0], again[2]] == [rows[0], rows[2]]


def test_what_comes_and_goes(root: Path, reads: list[Path]) -> None:
    rows = read_index(root)
    shutil.rmtree(rows[0].path)
    moved = Path(rows[1].path).rename(Path(rows[1].path).with_name('20260101T000000Z-ffff'))
    assert {row.path for row in read_index(root)} == {rows[2].path, str(moved)}
    assert reads[3:] == [moved]


def test_a_row_has_what_the_manifest_says(root: Path) -> None:
    row = read_index(root)[1]
    assert (row.task_name, row.policy, row.rig, row.seed) == (
        'transfer_cube',
        'scripted',
        'sim',
        7,
    )
    assert (row.outcome, row.success, row.score) == ('success', True, 100.0)
    assert row.stages == ('touched', 'lifted')
    assert row.complete
    assert len(row.cameras) == 3
    assert row.bytes == (Path(row.path) / 'episode.mcap').stat().st_size
    assert row.duration_s == 2.0
    assert row.spread_max_ms == pytest.approx(2.0, abs=0.01)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_cache_is_made_again(root: Path, data: st.DataObject) -> None:
    rows = read_index(root)
    cache = root / CACHE
    content = bytearray(cache.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[where] ^= data.draw(st.integers(1, 255))
    else:
        del content[where:]
    cache.write_bytes(content)
    assert read_index(root) == rows


def test_a_cache_of_another_version_is_made_again(root: Path) -> None:
    rows = read_index(root)
    head, _, body = (root / CACHE).read_bytes().partition(b'\n')
    other = json.dumps({**json.loads(head), 'version': 'old'}).encode()
    (root / CACHE).write_bytes(other + b'\n' + body)
    assert read_index(root) == rows


def test_a_moved_root_keeps_its_cache(root: Path, reads: list[Path]) -> None:
    read_index(root)
    moved = root.rename(root.with_name('moved'))
    assert all(row.path.startswith(str(moved)) for row in read_index(moved))
    assert len(reads) == 3


def test_a_folder_of_somebody_else(
    root: Path, tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access
    monkeypatch.setattr(os, 'access', lambda path, how: how != os.W_OK and real(path, how))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    rows = read_index(root)
    assert read_index(root) == rows
    assert len(reads) == 3
    assert not (root / CACHE).exists()
    monkeypatch.setenv('XDG_CACHE_HOME', '/proc/nothing')
    assert read_index(root) == rows  # without any cache


def test_several_at_once(root: Path) -> None:
    """Each sees whole rows, whoever writes the cache."""
    expected = read_index(root)
    wrong: list[object] = []

    def work() -> None:
        for _ in range(20):
            (root / CACHE).unlink(missing_ok=True)
            rows = read_index(root)
            if rows != expected:
                wrong.append(rows)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert [path.name for path in root.iterdir() if path.name.startswith(CACHE)] in ([], [CACHE])


def test_an_unreadable_manifest_is_a_row_with_a_problem(root: Path) -> None:
    broken = Path(read_index(root)[2].path)
    (broken / MANIFEST).write_text('{')
    assert 'is not JSON' in read_index(root)[2].problem
    (broken / MANIFEST).unlink()
    assert 'cannot be read' in read_index(root)[2].problem


def test_columns_have_types_and_meanings() -> None:
    assert list(COLUMNS)[:2] == ['path', 'name']
    for name, (kind, meaning) in COLUMNS.items():
        assert kind, name
        assert meaning, name


def table(marker: str) -> list[list[str]]:
    """Cells of the rows of a table in docs/episodes.md."""
    text = (REPOSITORY / 'docs' / 'episodes.md').read_text()
    lines = text.split(f'<!-- {marker} -->\n')[1].split('\n\n')[0].splitlines()
    return [[cell.strip(' `') for cell in line.strip('|').split('|')] for line in lines[2:]]


def test_the_document_has_every_column() -> None:
    assert table('columns') == [[name, kind, text] for name, (kind, text) in COLUMNS.items()]


def test_the_document_has_every_bound() -> None:
    defaults = Thresholds()
    expected = []
    for name, about in BOUNDS.items():
        default = f'{getattr(defaults, name):g} {about["unit"]}'
        expected.append([f'--{name}', default, about['meaning'], about['reason']])
    assert table('bounds') == expected
