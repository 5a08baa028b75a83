from collections.abc import Callable
from pathlib import Path
from typing import Any

import foreign_data
import h5py
import numpy as np
import pytest
from export_episodes import FAILURE, SECOND_NS, START_NS, Script, number_of, record
from import_desk import Desk, check_same, opened

from wam_core.errors import WamError
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.manifest import Intervention, read_manifest
from wam_data.reader import EpisodeReader
from wam_data.replay_policy import read_actions
from wam_data.verify import verify

TAKEN_OVER = Intervention(START_NS + SECOND_NS // 5, START_NS + 2 * SECOND_NS // 5, 'teleop')


@pytest.mark.parametrize('coding', ['raw', 'jpeg'])
def test_every_frame_comes_over(desk: Desk, tmp_path: Path, coding: str) -> None:
    path = foreign_data.aloha(tmp_path / 'episode_0.hdf5', coding=coding)
    (result,) = desk(path)
    with opened(result, rate_hz=50.0) as source:
        assert source.grid.count == 6
        for found, factor in ((source.state, 1), (source.velocity, 2), (source.effort, 3)):
            np.testing.assert_array_equal(found, foreign_data.state(6) * np.float32(factor))
        np.testing.assert_array_equal(source.action, foreign_data.action(6))
        assert source.cameras == ('cam_high', 'cam_low')
        for camera in source.cameras:
            assert [number_of(pixels) for pixels in source.frames(camera)] == list(range(6))
            first = next(source.frames(camera)).astype(int)
            assert np.abs(first - foreign_data.pictures(1)[0]).mean() < 4


def test_it_is_sound_and_says_what_nobody_knows(desk: Desk, tmp_path: Path) -> None:
    (result,) = desk(foreign_data.aloha(tmp_path / 'episode_0.hdf5', effort=False))
    assert result.episode is not None
    report = verify(result.episode)
    assert report.ok, report.text()
    manifest = read_manifest(result.episode)
    assert manifest.identity.kind == 'imported'
    assert manifest.outcome is None
    assert manifest.complete
    assert manifest.origin is not None
    assert (manifest.origin.format, manifest.origin.episode) == ('aloha_hdf5', 'episode_0')
    for name in ('stamps', 'rate', 'outcome', 'task', 'effort', 'gripper_angle', 'executor'):
        assert name in manifest.origin.unknown
    assert 'velocity' not in manifest.origin.unknown
    with EpisodeReader(result.episode) as reader:
        messages = {message.topic: message.fields() for message in reader.messages()}
    assert np.isnan(messages['/proprioception'].effort).all()
    assert np.isnan(messages['/proprioception'].gripper_angle).all()
    assert messages['/applied_action'].source == 'imported'
    assert '"left_out": []' in messages['/episode_event'].data


def test_it_can_be_replayed(desk: Desk, tmp_path: Path) -> None:
    (result,) = desk(foreign_data.aloha(tmp_path / 'episode_0.hdf5'), rate_hz=25.0)
    assert result.episode is not None
    actions = read_actions(result.episode, 40_000_000)
    np.testing.assert_array_equal(actions, foreign_data.action(6))


def test_pixels_of_a_writer_that_kept_blue_first(desk: Desk, tmp_path: Path) -> None:
    path = foreign_data.aloha(tmp_path / 'episode_0.hdf5', coding='jpeg')
    (result,) = desk(path, rgb=False)
    with opened(result, rate_hz=50.0) as source:
        # The file's JPEG as it is: what was red in the pixels is blue in the picture.
        first = next(source.frames('cam_high')).astype(int)
        assert np.abs(first - foreign_data.pictures(1)[0][..., ::-1]).mean() < 4
        with h5py.File(path) as file:
            stored = file['observations/images/cam_high'][0].tobytes()
        assert stored.startswith(next(source.jpegs('cam_high')))


def test_a_folder_in_order_of_numbers(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / 'data'
    folder.mkdir()
    for number in (10, 2, 0):
        foreign_data.aloha(folder / f'episode_{number}.hdf5', length=2)
    results = desk(folder, task='move the cube', task_name='move_the_cube')
    assert [result.name for result in results] == ['episode_0', 'episode_2', 'episode_10']
    assert {path.parent.name for path in desk.episodes()} == {'move-the-cube'}


def test_what_has_no_place_is_named(desk: Desk, tmp_path: Path) -> None:
    (result,) = desk(foreign_data.aloha(tmp_path / 'episode_0.hdf5'))
    assert result.episode is not None
    with EpisodeReader(result.episode) as reader:
        (event,) = reader.messages(['/episode_event'])
    assert '"left_out": ["base_action"]' in event.fields().data


@pytest.mark.parametrize('images', ['raw', 'jpeg'])
@pytest.mark.parametrize('pairing', ['row', 'act'])
def test_our_own_export_comes_back(desk: Desk, tmp_path: Path, images: str, pairing: str) -> None:
    # A slow camera: its frames are in several rows.
    script = Script(outcome=FAILURE, camera_hz=12.0, interventions=(TAKEN_OVER,))
    episode = record(tmp_path / 'recorded', script=script)
    longer = record(tmp_path / 'recorded', 2, Script(seconds=1.0))
    made = make_format('aloha_hdf5', {'images': images, 'pairing': pairing})
    out = tmp_path / 'out'
    export(made, [episode, longer], out, ExportSettings(), Choice())
    result, _ = desk(out, gripper_state='', gripper_action='')
    with Source(episode, ExportSettings()) as source, opened(result, 25.0) as found:
        check_same(source, found)
        shifted = 1 if pairing == 'act' else 0
        actions = source.action.astype(np.float32)
        np.testing.assert_array_equal(found.action[shifted:], actions[shifted:])
        for camera in source.cameras:
            for before, after in zip(source.frames(camera), found.frames(camera), strict=True):
                error = np.abs(before.astype(int) - after).mean()
                assert error < 6 if images == 'raw' else error == 0  # a JPEG stays as it is
    assert result.episode is not None
    manifest = read_manifest(result.episode)
    assert manifest.origin is not None
    assert not {'stamps', 'rate', 'gripper_angle', 'effort'} & set(manifest.origin.unknown)
    (interval,) = manifest.interventions
    assert interval.source == 'teleop'
    assert verify(result.episode).ok
    assert manifest.outcome is not None
    assert (manifest.outcome.result, manifest.outcome.score) == ('failure', 50.0)


def spoil(path: Path, change: Callable[[Any], None]) -> Path:
    with h5py.File(foreign_data.aloha(path), 'r+') as file:
        change(file)
    return path


def replace(name: str, values: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        if values is not None:
            file[name] = values

    return change


IMAGE = 'observations/images/cam_high'


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (replace('action', None), "has no 'action'"),
        (replace('action', np.zeros((5, 14))), '5 rows of action, but 6 of state'),
        (replace('action', np.full((6, 14), np.nan)), 'action of frame 0 is not finite'),
        (replace('action', np.zeros((6, 16))), 'has 16 numbers'),
        (replace('action', np.zeros(6)), 'expected rows of numbers'),
        (replace('action', np.array([b'text'] * 6)), 'cannot be read as numbers'),
        (replace('observations/qpos', np.zeros((0, 14))), 'has no frame'),
        (replace(IMAGE, np.zeros((5, 32, 48, 3), np.uint8)), 'but 6 states'),
        (replace(IMAGE, np.zeros((6, 32, 48, 3), np.uint16)), 'uint16'),
        (replace(IMAGE, np.zeros((6, 32, 48), np.uint8)), 'expected (height, width, 3)'),
        (replace(IMAGE, np.full((6, 99), 7, np.uint8)), 'are no picture'),
        (replace(IMAGE, np.zeros((6, 99), np.uint8)), '0 bytes are no picture'),
        (replace(IMAGE, h5py.SoftLink('/nowhere')), 'cam_high is no data set'),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_left(
    desk: Desk, tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    path = spoil(tmp_path / 'episode_0.hdf5', change)
    before = path.read_bytes()
    (result,) = desk(path)
    assert result.status == 'failed'
    assert said in result.text
    assert str(path) in result.text
    assert desk.episodes() == []
    assert path.read_bytes() == before


def test_a_cut_file_is_named_and_the_others_are_imported(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / 'data'
    folder.mkdir()
    for number in range(3):
        foreign_data.aloha(folder / f'episode_{number}.hdf5', length=2)
    broken = folder / 'episode_1.hdf5'
    broken.write_bytes(broken.read_bytes()[:3000])
    results = desk(folder)
    assert [result.status for result in results] == ['imported', 'failed', 'imported']
    assert str(broken) in results[1].text


def test_a_camera_that_no_topic_can_be_named_after(desk: Desk, tmp_path: Path) -> None:
    (result,) = desk(foreign_data.aloha(tmp_path / 'episode_0.hdf5', cameras=('cam high',)))
    assert result.status == 'failed'
    assert 'layout' in result.text


def test_a_folder_without_files_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(WamError, match='nothing that can be imported'):
        desk(tmp_path)


def test_stamps_that_cannot_be(desk: Desk, tmp_path: Path) -> None:
    made = make_format('aloha_hdf5', {})
    episode = record(tmp_path / 'recorded')
    export(made, [episode], tmp_path / 'out', ExportSettings(), Choice())
    with h5py.File(tmp_path / 'out/episode_0.hdf5', 'r+') as file:
        stamps = file['observations/stamp_ns']
        stamps[3] = stamps[2]
    (result,) = desk(tmp_path / 'out')
    assert result.status == 'failed'
    assert 'stamp_ns: stamps must be above 0 and not decrease' in result.text
