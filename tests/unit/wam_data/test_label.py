"""Labels that several write at once, and files that several replace at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wam_core.errors import WamError
from wam_data.label import write_label
from wam_data.layout import write_atomically
from wam_data.manifest import Outcome, read_manifest

_WRITERS, _EACH = 4, 15


def test_of_many_labels_at_once_none_is_lost(episode: Path) -> None:
    def write(writer: int) -> None:
        for number in range(_EACH):
            write_label(episode, Outcome('failure', number, by=f'{writer}'))

    before = len(read_manifest(episode).labels) + 1
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(write, range(_WRITERS)))
    manifest = read_manifest(episode)
    assert manifest.outcome is not None
    given = [*manifest.labels[before:], manifest.outcome]
    for writer in range(_WRITERS):
        scores = [label.score for label in given if label.by == f'{writer}']
        assert scores == list(range(_EACH))
    assert not list(episode.glob('.*'))


def test_two_that_replace_a_file_at_once_do_not_share_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sync = tmp_path / 'file', os.fsync

    def other_first(descriptor: int) -> None:
        monkeypatch.setattr('os.fsync', sync)
        write_atomically(path, 'other')
        sync(descriptor)

    monkeypatch.setattr('os.fsync', other_first)
    write_atomically(path, 'mine')
    assert path.read_text() == 'mine'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('field', ['note', 'by', 'stages'])
def test_text_that_no_file_can_hold_is_refused(field: str) -> None:
    value = ('a', 'caf\udce9') if field == 'stages' else 'caf\udce9'
    with pytest.raises(WamError, match=rf"^{field}.* = 'caf\\udce9', expected text in UTF-8"):
        Outcome('failure', **{field: value})  # type: ignore[arg-type]
