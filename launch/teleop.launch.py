"""A person on the rig: everything that demonstrations need.

Arguments: ros2 launch wam_bringup teleop.launch.py --show-args
"""

from launch import LaunchDescription

from wam_bringup.launch_description import describe


def generate_launch_description() -> LaunchDescription:
    """What `wam up teleop` runs, as a launch description."""
    return describe('teleop')
