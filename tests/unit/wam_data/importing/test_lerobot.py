import json
import shutil
from pathlib import Path

import cv2
import foreign_data
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_episodes import FAILURE, Script, number_of, record
from import_desk import Desk, check_same, opened
from shared_data import shared_data

from wam_core.errors import WamError
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.importing.vectors import Columns, Layout
from wam_data.manifest import read_manifest
from wam_data.reader import EpisodeReader
from wam_data.verify import verify

LENGTHS = (5, 7, 4)


def check(desk: Desk, folder: Path, numbers: dict[str, int]) -> None:
    """Every frame of every episode is there, at its place."""
    results = {result.name: result for result in desk(folder)}
    for name, length in numbers.items():
        with opened(results[name]) as source:
            assert source.task == foreign_data.TASK
            state = foreign_data.state(length, start=int(name))
            np.testing.assert_array_equal(source.state, state)
            np.testing.assert_array_equal(source.action, -state)
            assert source.cameras == ('cam_high',)
            shown = [number_of(pixels) for pixels in source.frames('cam_high')]
            assert shown == [10 * int(name) + row for row in range(length)]
        episode = results[name].episode
        assert episode is not None
        assert verify(episode).ok


def test_v3_with_many_episodes_in_one_file(desk: Desk, tmp_path: Path) -> None:
    folder = foreign_data.lerobot_v3(tmp_path / 'data', LENGTHS)
    check(desk, folder, {str(number): length for number, length in enumerate(LENGTHS)})


def test_v2_and_what_its_metadata_name_in_vain(desk: Desk, tmp_path: Path) -> None:
    folder = foreign_data.lerobot_v2(tmp_path / 'data', {1: 5, 3: 4}, named=(0, 2))
    check(desk, folder, {'1': 5, '3': 4})
    statuses = {result.name: result.status for result in desk(folder)}
    assert statuses == {'0': 'missing', '1': 'known', '2': 'missing', '3': 'known'}


def test_the_first_layout(desk: Desk, tmp_path: Path) -> None:
    (result,) = desk(foreign_data.lerobot_v1(tmp_path / 'data', 6))
    with opened(result) as source:
        np.testing.assert_array_equal(source.state, foreign_data.state(6))
        assert [number_of(pixels) for pixels in source.frames('top')] == list(range(6))


def test_success_is_an_outcome_where_the_file_says_it(desk: Desk, tmp_path: Path) -> None:
    done = [False] * 4 + [True] + [False] * 7
    folder = foreign_data.lerobot_v3(tmp_path / 'data', (5, 7), **{'next.success': done})
    outcomes = []
    for result in desk(folder):
        assert result.episode is not None
        manifest = read_manifest(result.episode)
        assert manifest.origin is not None
        assert 'outcome' not in manifest.origin.unknown
        assert manifest.outcome is not None
        outcomes.append(manifest.outcome.result)
    assert outcomes == ['success', 'failure']


def test_our_own_export_comes_back(desk: Desk, tmp_path: Path) -> None:
    episodes = [
        record(tmp_path / 'recorded', 1, Script(outcome=FAILURE, camera_hz=12.0)),
        record(tmp_path / 'recorded', 2, Script(seconds=1.0, outcome=None)),
    ]
    made = make_format('lerobot_v3', {'codec': 'h264', 'crf': '10'})
    export(made, episodes, tmp_path / 'out', ExportSettings(), Choice())
    outcomes = []
    for episode, result in zip(episodes, desk(tmp_path / 'out'), strict=True):
        with Source(episode, ExportSettings()) as source, opened(result, 25.0) as found:
            check_same(source, found)
            np.testing.assert_array_equal(found.action, source.action.astype(np.float32))
        assert result.episode is not None
        outcome = read_manifest(result.episode).outcome
        outcomes.append(outcome and (outcome.result, outcome.score))
    assert outcomes == [('failure', 50.0), None]


def test_a_video_that_is_too_short_is_named_and_nothing_is_left(
    desk: Desk, tmp_path: Path
) -> None:
    folder = foreign_data.lerobot_v3(tmp_path / 'data', LENGTHS)
    (path,) = folder.glob('videos/**/*.mp4')
    foreign_data.video(path, foreign_data.pictures(14))
    *good, bad = desk(folder)
    assert [result.status for result in good] == ['imported', 'imported']
    assert bad.status == 'failed'
    assert str(path) in bad.text
    assert 'no frame 2 of 4' in bad.text
    assert len(desk.episodes()) == 2


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('data/chunk-000/file-000.parquet', 'parquet'),
        ('videos/observation.images.cam_high/chunk-000/file-000.mp4', 'decoded'),
        ('meta/tasks.parquet', 'parquet'),
    ],
)
def test_a_damaged_file_is_named(desk: Desk, tmp_path: Path, name: str, said: str) -> None:
    folder = foreign_data.lerobot_v3(tmp_path / 'data', LENGTHS)
    (folder / name).write_bytes(b'nothing of the kind' * 100)
    for result in desk(folder):
        assert result.status == 'failed'
        assert name in result.text
        assert said in result.text
    assert desk.episodes() == []


def test_metadata_that_lead_out_of_the_folder_are_refused(desk: Desk, tmp_path: Path) -> None:
    folder = foreign_data.lerobot_v3(tmp_path / 'data', LENGTHS)
    path = folder / 'meta/info.json'
    contents = json.loads(path.read_text())
    contents['data_path'] = '../elsewhere/{chunk_index}/{file_index}'
    path.write_text(json.dumps(contents))
    assert {result.status for result in desk(folder)} == {'failed'}


@pytest.mark.parametrize('text', ['', '{', '[]', '{"codebase_version": 3}'])
def test_bad_metadata_are_refused(desk: Desk, tmp_path: Path, text: str) -> None:
    foreign_data.write(tmp_path / 'meta/info.json', text)
    with pytest.raises(WamError, match=r'info\.json'):
        desk(tmp_path)


def test_an_unknown_version_is_refused(desk: Desk, tmp_path: Path) -> None:
    foreign_data.info(tmp_path, 'v9.0', '', '')
    with pytest.raises(WamError, match=r"v9.0, expected one of \['v2.0', 'v2.1', 'v3.0'\]"):
        desk(tmp_path)


def test_frames_of_which_one_is_missing(desk: Desk, tmp_path: Path) -> None:
    folder = foreign_data.lerobot_v2(tmp_path / 'data', {0: 5})
    (path,) = folder.glob('data/**/*.parquet')
    rows = pq.read_table(path)
    foreign_data.put(path, rows.take([0, 1, 3, 4]))
    (result,) = desk(folder)
    assert result.status == 'failed'
    assert 'frames 0 to 4, but 4 rows' in result.text


def test_a_real_robot_of_another_shape_needs_a_layout(desk: Desk) -> None:
    folder = shared_data('lerobot_v2_1', 'g1')
    importer = desk.importer(folder)
    assert len(importer.names) == 100
    results = list(importer.run(['28', '29', '30', '59'], lambda done, total: None))
    assert [result.status for result in results] == ['missing', 'failed', 'failed', 'failed']
    assert 'observation.state has 26 numbers (kLeftShoulderPitch' in results[1].text
    assert 'layout' in results[1].text
    assert desk.episodes() == []


def test_a_real_robot_with_a_layout(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / 'g1'
    shutil.copytree(shared_data('lerobot_v2_1', 'g1'), folder)
    names = ('kLeftHandIndex', 'kRightHandIndex')
    order = (*range(6), names[0], *range(7, 13), names[1])
    arms = Columns(columns=order)
    importer = desk.importer(folder, Layout({'state': arms, 'action': arms}))
    (result,) = importer.run(['29'], lambda done, total: None)
    with opened(result) as source:
        rows = pq.read_table(folder / 'data/chunk-000/episode_000029.parquet')
        expected = np.array(rows.column('observation.state').to_pylist(), np.float32)
        np.testing.assert_array_equal(source.state[:, :6], expected[:, :6])
        np.testing.assert_array_equal(source.state[:, 13], expected[:, 23])
        assert source.grid.count == 221
        assert source.shape('cam_high') == (480, 640)
    assert result.episode is not None
    assert verify(result.episode).ok


def test_a_real_single_arm_with_a_layout(desk: Desk) -> None:
    columns = (*range(6), 'gripper', *[None] * 7)
    layout = Layout(
        {
            'state': Columns('observation.states.joint_position', columns),
            'action': Columns('actions.joint_position', columns, offset=(0.0,) * 13 + (0.1,)),
        },
        {'cam_high': 'observation.images.camera_left'},
    )
    (result,) = desk(shared_data('lerobot_v3', 'robomind_franka'), layout)
    with opened(result) as source:
        assert source.grid.count == 90
        assert source.cameras == ('cam_high',)
        assert (source.action[:, 13] == 0.1).all()
        assert source.state[:, 6].max() == pytest.approx(0.9911894)
    assert result.episode is not None
    manifest = read_manifest(result.episode)
    assert manifest.origin is not None
    assert {'right_waist', 'right_gripper'} <= set(manifest.origin.unknown)


def test_a_person_s_demonstration_in_the_simulation(desk: Desk) -> None:
    folder = shared_data('aloha_sim', 'aloha_sim_transfer_cube_human')
    (result,) = desk(folder, task='transfer the cube', rig='')
    with opened(result, rate_hz=50.0) as source:
        assert source.grid.count == 400
        assert source.cameras == ('top',)
        assert source.state[0, 1] == pytest.approx(-0.96)
    assert result.episode is not None
    assert verify(result.episode).ok


def test_pictures_in_the_parquet_and_depth(desk: Desk, tmp_path: Path) -> None:
    folder = foreign_data.lerobot_v2(tmp_path / 'data', {0: 3})
    (path,) = folder.glob('data/**/*.parquet')
    files = [
        cv2.imencode('.png', pixels[..., ::-1])[1].tobytes() for pixels in foreign_data.pictures(3)
    ]
    rows = pq.read_table(path)
    cells = pa.array([{'bytes': data, 'path': None} for data in files])
    foreign_data.put(path, rows.append_column('observation.images.wrist', cells))
    meta = folder / 'meta/info.json'
    contents = json.loads(meta.read_text())
    contents['features'] |= {
        'observation.images.wrist': {'dtype': 'image', 'shape': [32, 48, 3]},
        'observation.images.depth': {
            'dtype': 'video',
            'shape': [32, 48, 1],
            'info': {'video.is_depth_map': True},
        },
    }
    meta.write_text(json.dumps(contents))
    (result,) = desk(folder)
    with opened(result) as source:
        assert source.cameras == ('cam_high', 'wrist')
        assert [number_of(pixels) for pixels in source.frames('wrist')] == [0, 1, 2]
    assert result.episode is not None
    with EpisodeReader(result.episode) as reader:
        (event,) = reader.messages(['/episode_event'])
    assert json.loads(event.fields().data)['left_out'] == ['observation.images.depth']
