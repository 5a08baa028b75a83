"""The real ``lerobot`` package reads what export ``lerobot_v3`` writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_episodes import FAILURE, SECOND_NS, START_NS, Script, number_of, record

from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.manifest import Intervention

RATE_HZ = 25
TOOK_OVER = Intervention(START_NS + SECOND_NS // 5, START_NS + 2 * SECOND_NS // 5, 'teleop')
SCRIPTS = (
    Script(),
    Script(seconds=1.0, outcome=None, interventions=(TOOK_OVER,)),
    Script(task='put the peg in', outcome=FAILURE),
)
NUMBERS = ('observation.state', 'observation.velocity', 'observation.effort', 'action')
EXACT = ('min', 'max', 'mean', 'std', 'count')


@pytest.fixture(scope='module')
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp('episodes')
    return [record(root, number, script) for number, script in enumerate(SCRIPTS)]


@pytest.fixture(scope='module')
def folder(paths: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('exported') / 'data'
    made = make_format('lerobot_v3', {})
    export(made, paths, out, ExportSettings(rate_hz=RATE_HZ), Choice(('tasks',)))
    return out


@pytest.fixture(scope='module')
def sources(paths: list[Path]) -> Iterator[list[Source]]:
    opened = [Source(path, ExportSettings(rate_hz=RATE_HZ)) for path in paths]
    yield opened
    for source in opened:
        source.close()


def load(folder: Path, **options: Any) -> Any:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset('wam/test', root=folder, **options)


@pytest.fixture(scope='module')
def dataset(folder: Path) -> Any:
    return load(folder)


def test_counts_tasks_and_features(dataset: Any, sources: list[Source]) -> None:
    lengths = [source.grid.count for source in sources]
    assert len(dataset) == sum(lengths) == dataset.meta.total_frames
    assert dataset.num_episodes == 3
    assert dataset.fps == RATE_HZ
    assert list(dataset.meta.episodes['length']) == lengths
    assert list(dataset.meta.tasks.index) == ['move the cube', 'put the peg in']
    assert dataset.meta.camera_keys == [
        f'observation.images.{name}' for name in sources[0].cameras
    ]
    assert dataset.meta.names['action'][7] == 'right_waist'
    assert dataset.meta.robot_type == 'aloha'


def test_every_row_is_the_source_s(dataset: Any, sources: list[Source]) -> None:
    columns = dataset.hf_dataset.with_format('numpy')[:]
    for index, source in enumerate(sources):
        chosen = np.asarray(columns['episode_index']) == index
        values = {key: np.asarray(column)[chosen] for key, column in columns.items()}
        expected = (source.state, source.velocity, source.effort, source.action)
        for key, rows in zip(NUMBERS, expected, strict=True):
            np.testing.assert_array_equal(values[key], rows.astype(np.float32))
        np.testing.assert_array_equal(values['wam.stamp_ns'], source.stamps_ns)
        np.testing.assert_array_equal(values['wam.state_stamp_ns'], source.state_stamps_ns)
        np.testing.assert_array_equal(values['wam.intervened'], source.intervened)
        for camera in source.cameras:
            stamps = source.frame_stamps_ns(camera)
            np.testing.assert_array_equal(values[f'wam.{camera}_stamp_ns'], stamps)
        np.testing.assert_array_equal(values['frame_index'], np.arange(source.grid.count))
        times = values['frame_index'] / RATE_HZ
        np.testing.assert_allclose(values['timestamp'], times, atol=1e-6)
    np.testing.assert_array_equal(columns['index'], np.arange(len(dataset)))
    assert np.asarray(columns['wam.intervened']).sum() == 5


def test_every_picture_is_the_row_s(dataset: Any, sources: list[Source]) -> None:
    row = 0
    for source in sources:
        cameras = zip(*(source.frames(camera) for camera in source.cameras), strict=True)
        for pictures in cameras:
            item = dataset[row]
            assert item['task'] == source.task
            for camera, pixels in zip(source.cameras, pictures, strict=True):
                decoded = item[f'observation.images.{camera}'].numpy().transpose(1, 2, 0)
                shown = np.round(decoded * 255).astype(np.uint8)
                assert number_of(shown) == number_of(pixels)
                assert np.abs(shown.astype(int) - pixels).mean() < 8
            row += 1
    assert row == len(dataset)


def test_statistics_are_what_lerobot_computes(dataset: Any, sources: list[Source]) -> None:
    from lerobot.datasets import compute_stats

    columns = dataset.hf_dataset.with_format('numpy')[:]
    parts = []
    for index, source in enumerate(sources):
        chosen = np.asarray(columns['episode_index']) == index
        values = {key: np.asarray(columns[key])[chosen] for key in (*NUMBERS, 'frame_index')}
        found = compute_stats.compute_episode_stats(values, dataset.features)
        for camera in source.cameras:
            found[f'observation.images.{camera}'] = _picture_statistics(source, camera)
        parts.append(found)
    whole = compute_stats.aggregate_stats(parts)
    for name, expected in whole.items():
        stored = dataset.meta.stats[name]
        for key in EXACT:
            assert stored[key].shape == expected[key].shape
            # LeRobot sums in float32, as the rows are.
            np.testing.assert_allclose(stored[key], expected[key], rtol=1e-4, atol=1e-5)


def _picture_statistics(source: Source, camera: str) -> dict[str, Any]:
    from lerobot.datasets import compute_stats

    frames = list(source.frames(camera))
    chosen = [frames[number] for number in compute_stats.sample_indices(len(frames))]
    small = [
        compute_stats.auto_downsample_height_width(pixels.transpose(2, 0, 1)) for pixels in chosen
    ]
    # In uint8, as LeRobot keeps them, their squares overflow: its std of pictures is too small.
    exact = np.stack(small).astype(np.float64)
    found = compute_stats.get_feature_stats(exact, axis=(0, 2, 3), keepdims=True)
    return {
        key: value if key == 'count' else np.squeeze(value / 255.0, axis=0)
        for key, value in found.items()
    }


def test_quantiles_of_an_episode_are_near_lerobot_s(folder: Path, sources: list[Source]) -> None:
    import pandas
    from lerobot.datasets.compute_stats import get_feature_stats

    table = pandas.read_parquet(folder / 'meta/episodes/chunk-000/file-000.parquet')
    rows = sources[1].state
    expected = get_feature_stats(rows, axis=0, keepdims=False)
    span = rows.max(axis=0) - rows.min(axis=0)
    for key in ('q01', 'q10', 'q50', 'q90', 'q99'):
        stored = table[f'stats/observation.state/{key}'][1]
        # Between two of 25 rows any value is a quantile.
        assert (np.abs(stored - expected[key]) <= span / (len(rows) - 1) + 1e-9).all()


def test_chunks_of_actions_and_batches(folder: Path) -> None:
    import torch

    ahead = [number / RATE_HZ for number in range(5)]
    dataset = load(folder, delta_timestamps={'action': ahead})
    assert dataset[0]['action'].shape == (5, 14)
    last = dataset[dataset.meta.episodes['length'][0] - 1]
    assert last['action_is_pad'].tolist() == [False, True, True, True, True]
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=4)))
    assert batch['observation.images.cam_high'].shape == (4, 3, 32, 48)
    assert batch['observation.state'].shape == (4, 14)


def test_some_episodes_only(folder: Path, sources: list[Source]) -> None:
    dataset = load(folder, episodes=[2])
    assert len(dataset) == sources[2].grid.count
    assert dataset[0]['task'] == 'put the peg in'


def test_inputs_of_a_policy_are_the_observations(dataset: Any) -> None:
    from lerobot.datasets.utils import dataset_to_policy_features

    found = dataset_to_policy_features(dataset.features)
    assert not [name for name in found if name.startswith('wam.')]
    assert {'observation.state', 'action', 'observation.images.cam_high'} <= found.keys()


def test_what_lerobot_has_no_place_for_is_kept(dataset: Any, folder: Path) -> None:
    episodes = dataset.meta.episodes
    assert list(episodes['wam/result']) == ['success', '', 'failure']
    assert episodes['wam/score'][2] == 50.0
    kept = json.loads((folder / 'meta/wam/episode_000001.json').read_text())
    assert kept['interventions'][0]['source'] == 'teleop'


def test_two_data_sets_become_one(folder: Path, tmp_path: Path, paths: list[Path]) -> None:
    from lerobot.datasets.aggregate import aggregate_datasets

    other = tmp_path / 'other'
    made = make_format('lerobot_v3', {})
    export(made, paths[:1], other, ExportSettings(rate_hz=RATE_HZ), Choice())
    target = tmp_path / 'both'
    aggregate_datasets(['wam/one', 'wam/two'], 'wam/both', [folder, other], target)
    both = load(target)
    assert both.num_episodes == 4
    assert len(both) == len(load(folder)) + len(load(other))
    shown = both[len(both) - 1]['observation.images.cam_high'].numpy().transpose(1, 2, 0)
    with Source(paths[0], ExportSettings(rate_hz=RATE_HZ)) as source:
        *_, last = source.frames('cam_high')
    assert number_of(np.round(shown * 255).astype(np.uint8)) == number_of(last)


def test_h264_is_read_too(paths: list[Path], tmp_path: Path) -> None:
    out = tmp_path / 'h264'
    made = make_format('lerobot_v3', {'codec': 'h264', 'crf': '18'})
    export(made, paths[:1], out, ExportSettings(rate_hz=RATE_HZ), Choice())
    dataset = load(out)
    with Source(paths[0], ExportSettings(rate_hz=RATE_HZ)) as source:
        for row, pixels in enumerate(source.frames('cam_high')):
            shown = dataset[row]['observation.images.cam_high'].numpy().transpose(1, 2, 0)
            assert number_of(np.round(shown * 255).astype(np.uint8)) == number_of(pixels)
