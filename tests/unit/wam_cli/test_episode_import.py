import json
from pathlib import Path

import foreign_data
import pytest
from gripper_recordings import recording

from wam_cli.main import main
from wam_data.manifest import read_manifest
from wam_data.reader import EpisodeReader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return foreign_data.lerobot_v2(tmp_path / 'data', {1: 3}, named=range(2, 9))


@pytest.fixture
def words(folder: Path, tmp_path: Path) -> list[str]:
    return ['episodes', 'import', str(folder), '--root', str(tmp_path / 'episodes')]


def test_lines_for_people(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capfd.readouterr()
    assert '1: ' in shown.err
    assert '1 imported, 7 missing' in shown.out
    assert 'not there: 2, 3, 4, 5, 6, ...' in shown.out
    assert main(words) == 0
    assert 'imported before' in capfd.readouterr().out


def test_json_for_programs(
    words: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ['--json', '--only', '1', '8', '--task', 'transfer_cube', '--rig', 'sim']
    assert main([*words, *options]) == 0
    one, eight = json.loads(capfd.readouterr().out)['episodes']
    assert (one['name'], one['status'], eight['status']) == ('1', 'imported', 'missing')
    identity = read_manifest(Path(one['episode'])).identity
    assert (identity.task_name, identity.rig) == ('transfer_cube', 'sim')
    assert identity.task.startswith('pick up the cube')
    assert Path(one['episode']).parent == tmp_path / 'episodes' / 'transfer-cube'


def test_the_names_alone(
    words: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*words, '--list']) == 0
    assert capfd.readouterr().out.split() == [str(number) for number in range(1, 9)]
    assert not (tmp_path / 'episodes').exists()


def test_a_layout_file_gives_cameras_other_names(words: list[str], tmp_path: Path) -> None:
    layout = tmp_path / 'layout.yaml'
    layout.write_text('cameras: {overhead: observation.images.cam_high}')
    assert main([*words, '--layout', str(layout)]) == 0
    (episode,) = (tmp_path / 'episodes').glob('*/*')
    topics = read_manifest(episode).topics
    assert '/overhead/camera/color/image_rect_raw/compressed' in topics


def test_nothing_imported_is_a_failure(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, '--only', '5']) == 1
    assert '1 missing' in capfd.readouterr().out


@pytest.mark.parametrize(
    ('options', 'code', 'said'),
    [
        (['--only', '100'], 1, "has no episode '100'"),
        (['--rate', '0'], 2, 'rate 0 Hz'),
        (['--jpeg-quality', '0'], 2, 'JPEG quality 0'),
        (['--rig', 'nowhere'], 2, "'nowhere'"),
        (['--layout', 'nowhere.yaml'], 2, 'nowhere.yaml'),
    ],
)
def test_what_is_wrong_is_named(
    words: list[str], capfd: pytest.CaptureFixture[str], options: list[str], code: int, said: str
) -> None:
    assert main([*words, *options]) == code
    assert said in capfd.readouterr().err


def test_a_folder_of_something_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(['episodes', 'import', str(tmp_path)]) == 1
    assert 'nothing that can be imported' in capfd.readouterr().err


@pytest.mark.parametrize(
    ('rig', 'options', 'said'),
    [
        ([], [], 'finger'),
        (['--rig', 'sim'], [], 'finger'),
        (['--rig', 'aloha'], [], 'finger_ros2'),
        (['--rig', 'aloha'], ['--gripper-state', 'finger'], 'finger'),
        ([], ['--gripper-state', 'finger_ros2'], 'finger_ros2'),
    ],
)
def test_the_rig_or_the_option_chooses(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    rig: list[str],
    options: list[str],
    said: str,
) -> None:
    path = recording(tmp_path / 'episode_0.hdf5', 'finger')
    words = ['episodes', 'import', str(path), '--root', str(tmp_path / 'episodes'), '--json']
    assert main([*words, *rig, *options]) == 0
    (found,) = json.loads(capfd.readouterr().out)['episodes']
    with EpisodeReader(Path(found['episode'])) as reader:
        (event,) = reader.messages(['/episode_event'])
    assert json.loads(event.fields().data)['grippers'] == {'state': said, 'action': 'angle'}


def test_the_warning_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = recording(tmp_path / 'episode_0.hdf5', 'finger_ros2')
    assert main(['episodes', 'import', str(path), '--root', str(tmp_path / 'episodes')]) == 0
    shown = capfd.readouterr().err
    assert '; warning: resting grippers are 0.17 off' in shown
    assert "0.00 if 'finger_ros2': see --gripper-state" in shown
