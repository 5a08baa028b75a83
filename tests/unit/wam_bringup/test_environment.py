"""What both launchers set for every process."""

import os
from pathlib import Path

import pytest

from wam_bringup.environment import apply_control, settings


def test_images_pass_and_nothing_leaves_the_machine_by_default() -> None:
    wanted = settings({})
    assert Path(wanted['FASTRTPS_DEFAULT_PROFILES_FILE']).is_file()
    assert wanted['RMW_IMPLEMENTATION'] == 'rmw_fastrtps_cpp'
    assert wanted['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'


def test_what_the_user_set_stays() -> None:
    own = {
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET',
        'FASTRTPS_DEFAULT_PROFILES_FILE': 'mine.xml',
        'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp',
    }
    assert set(settings(own)).isdisjoint(own)


def test_a_control_loop_does_without_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings({})['FASTRTPS_DEFAULT_PROFILES_FILE']
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', ours)
    apply_control()
    profile = Path(os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'])
    assert '<type>SHM</type>' in Path(ours).read_text()
    assert '<type>SHM</type>' not in profile.read_text()


def test_a_control_loop_keeps_the_profile_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', 'mine.xml')
    apply_control()
    assert os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] == 'mine.xml'
