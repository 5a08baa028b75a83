"""Environment variables of every process of the stack, whichever launcher starts it."""

import os
from collections.abc import Mapping
from pathlib import Path

from wam_bringup.config import config_directory


def settings(current: Mapping[str, str]) -> dict[str, str]:
    """The variables to set beside ``current``; what the user set stays as it is."""
    profile = str(config_directory() / 'fastdds.xml')
    wanted = {
        'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp',
        'FASTRTPS_DEFAULT_PROFILES_FILE': profile,
        # Nothing leaves this machine unless the user asks for it.
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'PYTHONUNBUFFERED': '1',
    }
    return {name: value for name, value in wanted.items() if name not in current}


def apply_control() -> None:
    """Sets what a process with a control loop needs instead; before its first ROS node.

    Its publishers never wait (config/fastdds_control.xml). A profile of the user's own stays.
    """
    ours, name = config_directory() / 'fastdds.xml', 'FASTRTPS_DEFAULT_PROFILES_FILE'
    if Path(os.environ.get(name, '')).resolve() == ours.resolve():
        os.environ[name] = str(ours.with_name('fastdds_control.xml'))


def apply() -> None:
    """Sets them for this process and its children. Call it before the first import of rclpy."""
    os.environ.update(settings(os.environ))
