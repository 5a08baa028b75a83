"""The command topics of a pair of arms: the followers, or the leaders."""

from collections.abc import Mapping
from typing import Final

from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rclpy.node import Node

from wam_core.gripper import GripperCalibration
from wam_core.joints import Vector
from wam_core.motors import split
from wam_nodes.qos import EVERY

# What an arm takes: message and topic under its namespace.
COMMANDS: Final = ((JointGroupCommand, 'joint_group'), (JointSingleCommand, 'joint_single'))


class ArmCommands:
    """Publishes a command to both arms: group 'arm' and single 'gripper', rad.

    robots: side -> robot name. gripper: of these arms.
    """

    def __init__(self, node: Node, robots: Mapping[str, str], gripper: GripperCalibration) -> None:
        self._gripper = gripper
        self._arm = JointGroupCommand(name='arm')
        self._finger = JointSingleCommand(name='gripper')
        self._publishers = {
            side: [
                node.create_publisher(kind, f'/{robot}/commands/{topic}', EVERY)
                for kind, topic in COMMANDS
            ]
            for side, robot in robots.items()
        }

    def send(self, command: Vector, *, grippers: bool = True) -> None:
        """command: (14,) rad, grippers 0..1. grippers: whether these are told, too."""
        for side, motors in split(command, self._gripper).items():
            *self._arm.cmd, self._finger.cmd = motors.tolist()
            group, single = self._publishers[side]
            group.publish(self._arm)
            if grippers:
                single.publish(self._finger)
