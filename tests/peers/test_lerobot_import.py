"""What the real ``lerobot`` package recorded becomes episodes of ours."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_episodes import frame, number_of
from foreign_data import action, state
from import_desk import Desk, opened

from wam_core.joints import JOINT_NAMES
from wam_data.manifest import read_manifest
from wam_data.verify import verify

RATE_HZ = 30
LENGTHS = (6, 9, 4)
TASKS = ('move the cube', 'put the peg in', 'move the cube')
SIZES = {'cam_high': (32, 48), 'cam_low': (48, 64)}


@pytest.fixture(scope='module', params=[True, False], ids=['streamed', 'from_png'])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes in one file of numbers, and one video for each camera."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    root = tmp_path_factory.mktemp('lerobot') / 'data'
    vector = {'dtype': 'float32', 'shape': (14,), 'names': list(JOINT_NAMES)}
    features = {'observation.state': vector, 'action': vector}
    for camera, size in SIZES.items():
        names = ['height', 'width', 'channels']
        features[f'observation.images.{camera}'] = {
            'dtype': 'video',
            'shape': (*size, 3),
            'names': names,
        }
    features['next.success'] = {'dtype': 'bool', 'shape': (1,), 'names': None}
    dataset = LeRobotDataset.create(
        'wam/recorded', RATE_HZ, features, root=root, streaming_encoding=request.param
    )
    for number, (length, task) in enumerate(zip(LENGTHS, TASKS, strict=True)):
        for row in range(length):
            dataset.add_frame(_frame(number, row, length, task))
        dataset.save_episode()
    dataset.finalize()
    return root


def _frame(number: int, row: int, length: int, task: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        'observation.state': state(length, start=number)[row],
        'action': action(length, start=number)[row],
        'next.success': np.array([number != 1 and row == length - 1]),
        'task': task,
    }
    for camera, size in SIZES.items():
        found[f'observation.images.{camera}'] = frame(10 * number + row, *size)
    return found


def test_every_frame_comes_over(folder: Path, tmp_path: Path) -> None:
    assert len(list(folder.glob('videos/*/chunk-000/*.mp4'))) == len(SIZES)
    results = Desk(tmp_path / 'episodes')(folder)
    assert [result.name for result in results] == ['0', '1', '2']
    for number, result in enumerate(results):
        with opened(result, RATE_HZ) as source:
            np.testing.assert_array_equal(source.state, state(LENGTHS[number], start=number))
            np.testing.assert_array_equal(source.action, action(LENGTHS[number], start=number))
            assert source.task == TASKS[number]
            assert source.cameras == tuple(SIZES)
            for camera, size in SIZES.items():
                assert source.shape(camera) == size
                shown = [number_of(pixels) for pixels in source.frames(camera)]
                assert shown == [10 * number + row for row in range(LENGTHS[number])]
        assert result.episode is not None
        assert verify(result.episode).ok
        outcome = read_manifest(result.episode).outcome
        assert outcome is not None
        assert outcome.success is (number != 1)


def test_nothing_of_it_is_left_out(folder: Path, tmp_path: Path) -> None:
    from wam_data.reader import EpisodeReader

    (result, *_) = Desk(tmp_path / 'episodes')(folder)
    assert result.episode is not None
    with EpisodeReader(result.episode) as reader:
        (event,) = reader.messages(['/episode_event'])
    assert json.loads(event.fields().data)['left_out'] == []
