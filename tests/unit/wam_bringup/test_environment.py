"""What both launchers set for every process."""

from pathlib import Path

from wam_bringup.environment import settings


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
