"""The followers' command topics."""

from typing import Final

from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rclpy.node import Node

from wam_core.gripper import GripperCalibration
from wam_core.joints import Vector
from wam_core.motors import split
from wam_core.rig import RigSpec
from wam_nodes.qos import EVERY

# What an arm takes: message and topic under its namespace.
COMMANDS: Final = ((JointGroupCommand, 'joint_group'), (JointSingleCommand, 'joint_single'))


class ArmCommands:
    """Publishes a command to both followers: group 'arm' and single 'gripper', rad."""

    def __init__(self, node: Node, rig: RigSpec) -> None:
        self._gripper: GripperCalibration = rig.gripper
        self._arm = JointGroupCommand(name='arm')
        self._finger = JointSingleCommand(name='gripper')
        self._publishers = {
            side: [
                node.create_publisher(kind, f'/{robot}/commands/{topic}', EVERY)
                for kind, topic in COMMANDS
            ]
            for side, robot in rig.followers.items()
        }

    def send(self, command: Vector) -> None:
        """command: (14,) rad, grippers 0..1."""
        for side, motors in split(command, self._gripper).items():
            *self._arm.cmd, self._finger.cmd = motors.tolist()
            group, single = self._publishers[side]
            group.publish(self._arm)
            single.publish(self._finger)
