"""The generic part of a robot's Python interface."""

from interbotix_common_modules.common_robot.robot import InterbotixRobotNode

__all__ = ['InterbotixRobotNode']
