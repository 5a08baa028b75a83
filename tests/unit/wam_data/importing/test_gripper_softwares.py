"""States of grippers as ALOHA's software for ROS 1 and for ROS 2 records them."""

import json
from pathlib import Path
from typing import Any

import foreign_data
import h5py
import numpy as np
import pytest
from export_episodes import Script, record
from gripper_recordings import CONSTANTS, EACH, OPENINGS, measured, recording
from import_desk import Desk, opened
from shared_data import shared_data

from wam_core.joints import GRIPPERS
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.importing.importer import Result
from wam_data.reader import EpisodeReader

USUAL = {'gripper_state': '', 'gripper_action': ''}


def scales(result: Result) -> dict[str, str]:
    assert result.episode is not None
    with EpisodeReader(result.episode) as reader:
        (event,) = reader.messages(['/episode_event'])
    found: dict[str, str] = json.loads(event.fields().data)['grippers']
    return found


@pytest.mark.parametrize('scale', CONSTANTS)
def test_an_opening_comes_over_as_it_was(desk: Desk, tmp_path: Path, scale: str) -> None:
    (result,) = desk(recording(tmp_path / 'episode_0.hdf5', scale), recorded=scale, **USUAL)
    with opened(result, 50.0) as source:
        for index in GRIPPERS:
            openings = np.repeat(OPENINGS, EACH)
            np.testing.assert_allclose(source.state[:, index], openings, atol=1e-5)
            np.testing.assert_allclose(source.action[:, index], openings, atol=1e-6)
    assert scales(result) == {'state': scale, 'action': 'angle'}
    assert result.text == ''


def test_the_simulation_has_the_constants_of_ros_1(desk: Desk, tmp_path: Path) -> None:
    path = recording(tmp_path / 'episode_0.hdf5', 'finger', sim=True)
    (result,) = desk(path, recorded='finger_ros2', **USUAL)
    assert scales(result) == {'state': 'finger', 'action': 'finger'}


def test_a_data_set_of_an_aloha_is_as_its_rig_records(desk: Desk, tmp_path: Path) -> None:
    folder = foreign_data.lerobot_v3(tmp_path / 'data', (2,))
    path = folder / 'meta/info.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'robot_type': 'aloha'}))
    (result,) = desk(folder, recorded='finger_ros2', **USUAL)
    assert scales(result) == {'state': 'finger_ros2', 'action': 'angle'}


@pytest.mark.parametrize('scale', CONSTANTS)
def test_an_export_has_what_the_software_would_have_recorded(tmp_path: Path, scale: str) -> None:
    episode = record(tmp_path / 'recorded', script=Script(cameras={}, seconds=0.4))
    settings = ExportSettings(gripper_state=scale)
    export(make_format('aloha_hdf5', {}), [episode], tmp_path / 'out', settings, Choice())
    with h5py.File(tmp_path / 'out' / 'episode_0.hdf5') as file:
        states = file['observations/qpos'][:, GRIPPERS[0]]
        assert file.attrs['gripper_state'] == scale
    openings = 0.06 + 0.04 * np.arange(len(states))  # Script: state_of
    expected = [measured(opening, scale) for opening in openings]
    np.testing.assert_allclose(states, expected, atol=1e-6)


def test_a_file_of_ours_says_its_scale_wherever_it_lies(desk: Desk, tmp_path: Path) -> None:
    episode = record(tmp_path / 'recorded', script=Script(cameras={}, seconds=0.4))
    settings = ExportSettings(gripper_state='finger_ros2')
    export(make_format('aloha_hdf5', {}), [episode], tmp_path / 'out', settings, Choice())
    moved = (tmp_path / 'out' / 'episode_0.hdf5').rename(tmp_path / 'episode_0.hdf5')
    (result,) = desk(moved, **USUAL)
    assert scales(result)['state'] == 'finger_ros2'
    with h5py.File(moved, 'r+') as file:
        file.attrs['gripper_state'] = 'metres'  # as nobody writes it
    moved = moved.rename(tmp_path / 'episode_1.hdf5')
    (result,) = desk(moved, **USUAL)
    assert scales(result)['state'] == 'angle'


@pytest.mark.parametrize(
    ('scale', 'taken'), [('finger', 'finger_ros2'), ('finger_ros2', 'finger')]
)
def test_the_wrong_constants_show(desk: Desk, tmp_path: Path, scale: str, taken: str) -> None:
    path = recording(tmp_path / 'episode_0.hdf5', scale)
    (result,) = desk(path, recorded=taken, **USUAL)
    assert result.status == 'imported'
    assert f"off their commands if states are '{taken}', 0.00 if '{scale}'" in result.text


def test_grippers_that_no_scale_explains_are_named(desk: Desk, tmp_path: Path) -> None:
    path = recording(tmp_path / 'episode_0.hdf5', 'finger', stuck=0.2)
    (result,) = desk(path, recorded='finger', **USUAL)
    assert "0.20 off their commands if states are 'finger'; no other" in result.text


@pytest.mark.parametrize('change', ['moving', 'closed', 'short', 'chosen'])
def test_where_nothing_shows_nothing_is_said(desk: Desk, tmp_path: Path, change: str) -> None:
    path = recording(tmp_path / 'episode_0.hdf5', 'finger_ros2')
    options: dict[str, Any] = {**USUAL, 'recorded': 'finger'}
    with h5py.File(path, 'r+') as file:
        rows = file['action'][...]
        if change == 'moving':
            rows[:, GRIPPERS] += np.linspace(0, 3, len(rows))[:, None]
        elif change == 'closed':  # on an object
            rows[:, GRIPPERS] = -0.1
        file['action'][...] = rows
        if change == 'short':
            for name in (
                'action',
                'observations/qpos',
                'observations/qvel',
                'observations/effort',
            ):
                values = file[name][:20]
                del file[name]
                file[name] = values
    if change == 'chosen':
        options['gripper_state'] = 'angle'
    (result,) = desk(path, **options)
    assert (result.status, result.text) == ('imported', '')


@pytest.mark.parametrize('name', ['human', 'scripted'])
def test_nothing_is_odd_about_the_simulation(desk: Desk, name: str) -> None:
    folder = shared_data('aloha_sim', f'aloha_sim_transfer_cube_{name}')
    for result in desk(folder, **USUAL):
        assert (result.status, result.text) == ('imported', '')
