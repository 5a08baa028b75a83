"""The simulated rig alone.

Arguments: ros2 launch wam_bringup sim.launch.py --show-args
"""

from launch import LaunchDescription

from wam_bringup.launch_description import describe


def generate_launch_description() -> LaunchDescription:
    """What `wam up sim` runs, as a launch description."""
    return describe('sim')
