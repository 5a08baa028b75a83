"""Operating modes that a follower starts with: what a mode_configs file is to the driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wam_sim.arm import SimArm
from wam_sim.arm_model import ALL_GROUP, ARM_GROUP, GRIPPER


@dataclass(frozen=True)
class Modes:
    """profile_type: time (velocity and acceleration in ms) or velocity (in motor units)."""

    gripper: str
    profile_type: str
    velocity: int
    acceleration: int

    def apply(self, arm: SimArm) -> None:
        """Sets the modes and switches all torque on."""
        rest = (self.profile_type, self.velocity, self.acceleration)
        arm.set_operating_modes('group', ARM_GROUP, 'position', *rest)
        arm.set_operating_modes('single', GRIPPER, self.gripper, *rest)
        arm.torque_enable('group', ALL_GROUP, True)


# aloha: Interbotix/aloha, config/follower_modes_{left,right}.yaml, with the gripper's goal as an
# angle, as its scripts then set it. interbotix: interbotix_xsarm_control, config/modes.yaml.
MODES: Final[Mapping[str, Modes]] = {
    'aloha': Modes(gripper='position', profile_type='velocity', velocity=0, acceleration=0),
    'interbotix': Modes(gripper='pwm', profile_type='time', velocity=2000, acceleration=300),
}
