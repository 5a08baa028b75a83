"""Data sets of the format cosmos, read by Cosmos Policy's own code
(github.com/NVlabs/cosmos-policy).

WAM_PEER_COSMOS names a checkout of it; `make peers` installs the packages that it needs.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from export_episodes import FAILURE, Script, number_of, record, sent_at, state_of
from export_readers import read

from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings

# Its loader knows the tasks of its own demonstrations by their folders, and only those.
SHIRT = Script(task='fold shirt', kind='demonstration')
ROLLOUT = Script(task='fold shirt')
ROW = 3


def read_by_cosmos(
    tmp_path: Path, scripts: list[Script], arguments: dict[str, Any], **options: Any
) -> tuple[Path, Any]:
    paths = [record(tmp_path, number, script) for number, script in enumerate(scripts, start=1)]
    made = make_format('cosmos', options)
    out = export(made, paths, tmp_path / 'out', ExportSettings(), Choice()).folder
    given = {'chunk_size': 5, 'tasks': [scripts[0].task], **arguments}
    words = [str(out), '{out}', json.dumps(given)]
    found = read(
        'read_with_cosmos.py', 'WAM_PEER_COSMOS', 'Cosmos Policy', words, tmp_path / 'read.npz'
    )
    return out, found


def check_sample(found: Any, name: str, seconds: float) -> None:
    """A sample at row ROW: moment, commands and pictures as they were recorded."""
    rows = round(seconds * 25)
    scale = {
        key: (found[f'statistics_{key}_min'], found[f'statistics_{key}_max'])
        for key in ('actions', 'proprio')
    }
    for key, expected in (
        ('actions', [sent_at(min(ROW + step, rows - 1) / 25) for step in range(5)]),
        ('proprio', state_of(ROW / 25)),
    ):
        low, high = scale[key]
        values = 0.5 * (found[f'{name}_{key}'] + 1.0) * (high - low) + low
        assert np.allclose(values, expected, atol=1e-5)
    video = found[f'{name}_video'].transpose(1, 2, 3, 0)
    # One blank picture, then groups of four: state, both wrists, the high camera, ...
    for group in (1, 2, 3):
        assert number_of(video[1 + 4 * group]) == int(ROW / 25 * 30 + 1e-6)
    for group in (6, 7, 8):
        assert number_of(video[1 + 4 * group]) == int(min(ROW + 5, rows - 1) / 25 * 30 + 1e-6)
    assert str(found[f'{name}_command']) == 'fold shirt'


def test_demonstrations_and_rollouts_are_read_as_they_were(tmp_path: Path) -> None:
    scripts = [SHIRT, ROLLOUT, replace(ROLLOUT, outcome=FAILURE, seconds=0.4)]
    out, found = read_by_cosmos(tmp_path, scripts, {'gamma': 0.998}, chunk=5)
    assert (int(found['episodes']), int(found['rows'])) == (1, 15)
    assert (int(found['rollouts']), int(found['rollout_rows'])) == (2, 25)
    assert found['commands'].tolist() == ['fold shirt']
    for name, seconds in (('demonstration', 0.6), ('success', 0.6), ('failure', 0.4)):
        check_sample(found, name, seconds)
        assert int(found[f'{name}_rollout_data_mask']) == (name != 'demonstration')
        assert int(found[f'{name}_rollout_data_success_mask']) == (name == 'success')
    scores = {'episode_0.hdf5': (True, 1.0), 'episode_1.hdf5': (False, 0.5)}
    for number in range(2):
        name = str(found[f'rollout_{number}'])
        success, score = scores[name]
        assert bool(found[f'rollout_{number}_success']) is success
        assert float(found[f'rollout_{number}_score']) == score
        with h5py.File(out / 'rollouts' / 'fold_shirt' / name) as file:
            assert np.allclose(found[f'rollout_{number}_returns'], file['value/return'], atol=1e-6)
            sample = 'success' if success else 'failure'
            target = float(found[f'{sample}_value_function_return'])
            assert target == pytest.approx(file['value/target'][ROW], abs=1e-6)


def test_its_statistics_are_ours(tmp_path: Path) -> None:
    scripts = [SHIRT, replace(SHIRT, seconds=0.4)]
    out, _ = read_by_cosmos(tmp_path, scripts, {})
    folder = out / 'demonstrations'
    names = ('dataset_statistics.json', 'dataset_statistics_post_norm.json')
    ours = {name: json.loads((folder / name).read_text()) for name in names}
    for name in names:
        (folder / name).unlink()
    words = [str(out), '{out}', json.dumps({'chunk_size': 5, 'tasks': ['fold shirt']})]
    read('read_with_cosmos.py', 'WAM_PEER_COSMOS', 'Cosmos Policy', words, tmp_path / 'again.npz')
    for name in names:
        theirs = json.loads((folder / name).read_text())
        assert theirs.keys() == ours[name].keys()
        for key, values in theirs.items():
            assert np.allclose(values, ours[name][key], atol=1e-5), key


def test_tasks_that_its_loader_does_not_know_go_in_as_rollouts(tmp_path: Path) -> None:
    scripts = [replace(SHIRT, task='move the cube'), Script(outcome=FAILURE)]
    _, found = read_by_cosmos(
        tmp_path, scripts, {'treat_success_rollouts_as_demos': True}, layout='rollouts'
    )
    assert (int(found['episodes']), int(found['rows'])) == (1, 15)
    assert int(found['rollouts']) == 2
    assert found['commands'].tolist() == ['move the cube']
