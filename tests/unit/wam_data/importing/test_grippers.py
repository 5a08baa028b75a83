"""Grippers of files in whose states, or actions too, 0 to 1 is a finger's way."""

import json
from pathlib import Path
from typing import Any

import foreign_data
import h5py
import numpy as np
import pytest
from export_episodes import Script, record
from import_desk import Desk, opened

from wam_core.errors import WamError
from wam_core.gripper_scale import SCALES, to_scale
from wam_core.joints import GRIPPERS
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.importing.importer import Settings
from wam_data.importing.lerobot_versions import LeRobotV3
from wam_data.importing.vectors import Layout
from wam_data.reader import EpisodeReader

USUAL = {'gripper_state': '', 'gripper_action': ''}
# A motor that is half open holds the fingers of a vx300s 0.53 apart.
OPENINGS = np.array([0.0, 0.2, 0.53, 0.6, 0.8, 1.0])


def aloha(path: Path, *, real: bool) -> Path:
    foreign_data.aloha(path, effort=real, cameras=())
    with h5py.File(path, 'r+') as file:
        for name in ('observations/qpos', 'action'):
            rows = np.zeros((6, 14), np.float32)
            rows[:, GRIPPERS] = OPENINGS[:, None]
            file[name][...] = rows
    return path


def columns(rows: Any) -> Any:
    return rows[:, GRIPPERS[0]]


@pytest.mark.parametrize(('real', 'commanded'), [(True, 'angle'), (False, 'finger')])
def test_aloha_measures_fingers(desk: Desk, tmp_path: Path, real: bool, commanded: str) -> None:
    (result,) = desk(aloha(tmp_path / 'episode_0.hdf5', real=real), **USUAL)
    with opened(result, 50.0) as source:
        state, action = source.state, source.action
    assert columns(state)[2] == pytest.approx(0.5, abs=0.006)
    np.testing.assert_allclose(columns(to_scale(state, 'finger')), OPENINGS, atol=1e-6)
    np.testing.assert_allclose(columns(to_scale(action, commanded)), OPENINGS, atol=1e-6)
    assert result.episode is not None
    with EpisodeReader(result.episode) as reader:
        (event,) = reader.messages(['/episode_event'])
    said = json.loads(event.fields().data)['grippers']
    assert said == {'state': 'finger', 'action': commanded}


def test_what_one_says_counts(desk: Desk, tmp_path: Path) -> None:
    path = aloha(tmp_path / 'episode_0.hdf5', real=True)
    (result,) = desk(path, gripper_state='angle', gripper_action='finger')
    with opened(result, 50.0) as source:
        np.testing.assert_allclose(columns(source.state), OPENINGS, atol=1e-6)
        np.testing.assert_allclose(columns(to_scale(source.action, 'finger')), OPENINGS, atol=1e-6)


@pytest.mark.parametrize('scale', SCALES)
@pytest.mark.parametrize('name', ['aloha_hdf5', 'lerobot_v3'])
def test_our_own_exports_say_it(desk: Desk, tmp_path: Path, name: str, scale: str) -> None:
    episode = record(tmp_path / 'recorded', script=Script(cameras={}, seconds=0.4))
    settings = ExportSettings(gripper_state=scale)
    export(make_format(name, {}), [episode], tmp_path / 'out', settings, Choice())
    (result,) = desk(tmp_path / 'out', recorded='finger_ros2', **USUAL)
    with opened(result, 25.0) as source:
        expected = 0.06 + 0.04 * np.arange(source.grid.count)  # Script: state_of
        np.testing.assert_allclose(columns(source.state), expected, atol=1e-5)


@pytest.mark.parametrize(('robot', 'scale'), [('aloha', ''), ('so100', 'angle'), ('', 'angle')])
def test_the_type_of_the_robot_tells(tmp_path: Path, robot: str, scale: str) -> None:
    folder = foreign_data.lerobot_v3(tmp_path / 'data', (2,))
    path = folder / 'meta/info.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'robot_type': robot}))
    with LeRobotV3(folder, Layout()).open('0') as episode:
        assert episode.grippers == (scale, 'angle')


def test_another_scale_is_refused() -> None:
    for name in ('gripper_state', 'gripper_action', 'recorded'):
        with pytest.raises(WamError, match="grippers 'metres', expected one of"):
            Settings(**{name: 'metres'})
