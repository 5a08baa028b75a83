import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from export_episodes import FAILURE, SUCCESS, Script, number_of, record, sent_at, stamps

from wam_core.errors import WamError
from wam_data.export.cosmos_statistics import statistics
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.export.value_targets import returns, reward, targets
from wam_data.manifest import Outcome

ROLLOUT = Script()
SHOWN = Script(kind='demonstration')


def exported(tmp_path: Path, scripts: list[Script], **options: Any) -> Path:
    """The folder of a data set of these episodes."""
    paths = [record(tmp_path, number, script) for number, script in enumerate(scripts, start=1)]
    made = make_format('cosmos', options)
    choice = Choice(allow_mixed=('tasks',))
    return export(made, paths, tmp_path / 'out', ExportSettings(), choice).folder


def pictures(path: Path) -> list[Any]:
    """Frames of a video, R, G, B, as the official reader takes them."""
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == 25.0
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    found = []
    while (frame := video.read())[0]:
        found.append(frame[1][..., ::-1])
    assert len(found) == count
    return found


def places(folder: Path) -> list[str]:
    """HDF5 files below it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*.hdf5'))


def test_each_kind_has_its_layout(tmp_path: Path) -> None:
    other = replace(SHOWN, task='fold shirt')
    scripts = [
        SHOWN,
        ROLLOUT,
        replace(ROLLOUT, outcome=FAILURE),
        other,
        replace(SHOWN, outcome=FAILURE),
        replace(SHOWN, kind='imported'),
    ]
    assert places(exported(tmp_path, scripts)) == [
        'demonstrations/fold_shirt/train/episode_0.hdf5',
        'demonstrations/move_the_cube/train/episode_0.hdf5',
        'demonstrations/move_the_cube/train/episode_1.hdf5',
        'rollouts/move_the_cube/episode_0.hdf5',
        'rollouts/move_the_cube/episode_1.hdf5',
        'rollouts/move_the_cube/episode_2.hdf5',
    ]


def test_a_rollout_says_how_it_went(tmp_path: Path) -> None:
    partly = Outcome('failure', 50.0, note='fell over', by='me')
    folder = exported(tmp_path, [ROLLOUT, replace(ROLLOUT, outcome=partly, simulated=True)])
    good, bad = (
        h5py.File(folder / f'rollouts/move_the_cube/episode_{number}.hdf5') for number in (0, 1)
    )
    for file, success, score, simulated in ((good, True, 1.0, False), (bad, False, 0.5, True)):
        assert bool(file.attrs['success']) is success
        assert file.attrs['success_score'] == score
        assert bool(file.attrs['sim']) is simulated
        assert file.attrs['task_description'] == 'move the cube'
        assert file.attrs['policy_name'] == 'scripted'
        assert file.attrs['user_name'] == 'someone'
        assert file.attrs['date_time'] == '2025-01-01T00:00:00.000+00:00'
    assert bad.attrs['user_description'] == 'fell over'


def test_rows_and_videos_are_of_the_same_moments(tmp_path: Path) -> None:
    folder = exported(tmp_path, [SHOWN]) / 'demonstrations/move_the_cube/train'
    times = np.array(stamps(25.0, 0.6))
    with h5py.File(folder / 'episode_0.hdf5') as file:
        assert np.allclose(file['action'], [sent_at(time) for time in times])
        assert file['action'].dtype == np.float32
        relative = np.diff(file['action'][:], axis=0)
        assert np.array_equal(file['relative_action'][:-1], relative)
        assert np.array_equal(file['relative_action'][-1], relative[-1])
        videos = file['observations/video_paths']
        for camera in ('cam_high', 'cam_left_wrist', 'cam_right_wrist'):
            name = videos[camera][()].decode()
            frames = pictures(folder / name)
            assert frames[0].shape == (256, 256, 3)
            assert [number_of(frame) for frame in frames] == [
                int(time * 30 + 1e-6) for time in times
            ]


def test_the_statistics_are_of_what_is_trained_on(tmp_path: Path) -> None:
    folder = exported(tmp_path, [SHOWN, ROLLOUT, replace(SHOWN, seconds=0.4)])
    before, after = (
        json.loads((folder / 'demonstrations' / name).read_text())
        for name in ('dataset_statistics.json', 'dataset_statistics_post_norm.json')
    )
    names = ('train/episode_0', 'train/episode_1')
    files = [folder / f'demonstrations/move_the_cube/{name}.hdf5' for name in names]
    for key, dataset in (('actions', 'action'), ('proprio', 'observations/qpos')):
        rows = np.concatenate([np.asarray(h5py.File(path)[dataset]) for path in files])
        assert rows.shape == (25, 14)
        for name, function in (
            ('min', np.min), ('max', np.max), ('mean', np.mean), ('std', np.std),
            ('median', np.median),
        ):  # fmt: skip
            assert np.allclose(before[f'{key}_{name}'], function(rows, axis=0), atol=1e-6)
        assert np.allclose(after[f'{key}_min'], -1.0)
        assert np.allclose(after[f'{key}_max'], 1.0)
    assert before.keys() == after.keys()
    assert len(before) == 10


def test_without_demonstrations_they_are_of_the_successes(tmp_path: Path) -> None:
    folder = exported(tmp_path, [replace(ROLLOUT, outcome=FAILURE, seconds=0.4), ROLLOUT])
    found = json.loads((folder / 'demonstrations/dataset_statistics.json').read_text())
    assert found['actions_min'][0] == pytest.approx(-0.56), 'of the longer one'


def test_a_joint_that_never_moved_can_be_normalised() -> None:
    rows = np.array([[0.5, 0.0], [0.5, 1.0]])
    found = statistics('actions', rows)
    assert (found['actions_min'], found['actions_max']) == ([0.499, 0.0], [0.501, 1.0])
    assert found['actions_mean'] == [0.5, 0.5]


def test_value_targets_are_the_return_one_chunk_ahead(tmp_path: Path) -> None:
    folder = exported(tmp_path, [ROLLOUT], chunk=4, discount=0.9)
    with h5py.File(folder / 'rollouts/move_the_cube/episode_0.hdf5') as file:
        value = file['value']
        expected = [2 * 0.9 ** (14 - row) - 1 for row in range(15)]
        assert np.allclose(value['return'], expected)
        assert np.allclose(value['target'], [expected[min(row + 4, 14)] for row in range(15)])
        assert dict(value.attrs) == {'discount': 0.9, 'chunk': 4, 'reward': 1.0}


def test_returns_rise_to_one_whatever_the_score_and_stay_low_without() -> None:
    assert returns(3, 0.3, 0.5).tolist() == [-0.5, 0.0, 1.0]
    assert returns(3, 0.0, 0.5).tolist() == [-1.0, -1.0, -1.0]
    assert targets(returns(3, 1.0, 0.5), 50).tolist() == [1.0, 1.0, 1.0]
    assert reward(Outcome('success')) == 1.0
    assert reward(Outcome('failure', 25.0)) == 0.25
    with pytest.raises(WamError, match=r'discount 1\.5'):
        returns(3, 1.0, 1.5)
    with pytest.raises(WamError, match='chunk of 0'):
        targets(returns(3, 1.0, 1.0), 0)


def test_some_demonstrations_are_kept_for_validation(tmp_path: Path) -> None:
    found = places(exported(tmp_path, [replace(SHOWN, seconds=0.2)] * 12, validation=0.5))
    validating = [name for name in found if '/val/' in name]
    assert len(found) == 12
    assert 0 < len(validating) < 12
    assert 'demonstrations/move_the_cube/val/episode_0.hdf5' in validating
    assert 'demonstrations/move_the_cube/train/episode_0.hdf5' in found


def test_an_unknown_outcome_is_not_made_up(tmp_path: Path) -> None:
    for number, script in enumerate((ROLLOUT, SHOWN)):
        with pytest.raises(WamError, match=r'has no outcome.*wam label'):
            exported(tmp_path / str(number), [replace(script, outcome=None)])
    with pytest.raises(WamError, match='which a rollout needs'):
        exported(tmp_path / 'rollouts', [replace(SHOWN, outcome=None)], layout='rollouts')
    folder = exported(tmp_path, [replace(SHOWN, outcome=None)], layout='demonstrations')
    assert places(folder) == ['demonstrations/move_the_cube/train/episode_0.hdf5']
    with h5py.File(folder / places(folder)[0]) as file:
        assert 'success' not in file.attrs


def test_it_needs_the_three_cameras(tmp_path: Path) -> None:
    with pytest.raises(WamError, match=r"has cameras \['cam_high'\], cosmos needs"):
        exported(tmp_path, [Script(cameras={'cam_high': (32, 48)})])


def test_bad_options_are_refused() -> None:
    for options, message in (
        ({'layout': 'both'}, "layout 'both'"),
        ({'validation': 0.9}, 'validation 0.9'),
        ({'discount': 0.0}, 'discount 0'),
        ({'chunk': 0}, 'chunk of 0'),
    ):
        with pytest.raises(WamError, match=message):
            make_format('cosmos', options)
    assert SUCCESS.success
