"""A policy on the rig: everything that an episode needs.

Arguments: ros2 launch wam_bringup rollout.launch.py --show-args
"""

from launch import LaunchDescription

from wam_bringup.launch_description import describe


def generate_launch_description() -> LaunchDescription:
    """What `wam up rollout` runs, as a launch description."""
    return describe('rollout')
