import argparse
from pathlib import Path
from typing import Any

import pytest
from export_episodes import Script, record

from wam_cli.benches import export, peers
from wam_core.errors import WamError


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    return parser.parse_args(words)


def absent() -> Any:
    raise WamError('no peers: run `make peers`')


def test_a_report_of_every_format_and_why_a_peer_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, 'python', absent)
    chosen = {name: export._EXPORTS[name] for name in ('aloha_hdf5_jpeg', 'cosmos')}
    monkeypatch.setattr(export, '_EXPORTS', chosen)
    paths = [record(tmp_path / 'root', number, Script(seconds=0.4)) for number in (1, 2)]
    words = ['--jobs', '1', '--scratch', str(tmp_path), *map(str, paths)]
    found: Any = export.run(arguments(*words))
    assert (found['episodes'], found['rows'], found['jobs']) == (2, 20, 1)
    for figures in found['formats'].values():
        assert (figures['frames'], figures['rows']) == (60, 20)
        assert figures['frames_per_s'] * figures['seconds'] == pytest.approx(60)
        assert figures['cpu_s'] > 0
        assert figures['peak_rss_mb'] > 20
        assert figures['bytes_per_frame'] > 100
    lerobot = found['peers']['lerobot']
    assert lerobot == {'frames_per_s': None, 'note': 'no peers: run `make peers`'}
    assert {path.name for path in tmp_path.iterdir()} == {'root'}, 'nothing is left'


def test_episodes_are_made_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, 'python', absent)
    chosen = {'jpeg': ('aloha_hdf5', {'images': 'jpeg'})}
    monkeypatch.setattr(export, '_EXPORTS', chosen)
    words = ['--number', '1', '--seconds', '1', '--jobs', '1', '--scratch', str(tmp_path)]
    found: Any = export.run(arguments(*words))
    assert found['rows'] == 25
    assert found['formats']['jpeg']['frames'] == 75


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(WamError, match='--number, --seconds and --jobs'):
        export.run(arguments('--jobs', '0'))
    with pytest.raises(WamError, match='export_session: ended with exit code'):
        export.run(arguments('--scratch', str(tmp_path), str(tmp_path / 'nothing')))
