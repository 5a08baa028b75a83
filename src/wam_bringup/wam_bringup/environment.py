"""Environment variables of every process of the stack, whichever launcher starts it."""

import os
from collections.abc import Mapping

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


def apply() -> None:
    """Sets them for this process and its children. Call it before the first import of rclpy."""
    os.environ.update(settings(os.environ))
