"""Both follower arms as one state: two JointStates in, one Proprioception out."""

from dataclasses import dataclass
from functools import partial

from rclpy.node import Node
from sensor_msgs.msg import JointState
from wam_msgs.msg import Proprioception

from wam_bringup import environment
from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.arm_pairing import ArmPairing, RigState
from wam_core.joints import ARM_SLICES
from wam_core.kinematics import forward
from wam_core.options import parameter
from wam_nodes.conversions import joint_state_fields, pose_message, time_message
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.qos import EVERY
from wam_nodes.runner import run
from wam_nodes.stream_status import StreamStatusPublisher


@dataclass(frozen=True)
class Parameters:
    """Of config/proprioception.yaml."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    joint_state_rate_hz: float = parameter(
        100.0, 'at which each arm publishes its joint states', unit='Hz', lower=1.0, upper=1000.0
    )
    stale_after_s: float = parameter(
        0.2, 'age at which an arm is reported as stale', unit='s', lower=0.01, upper=10.0
    )


class ProprioceptionNode(Node):
    """/R/joint_states of both followers -> /proprioception, at their rate."""

    def __init__(self) -> None:
        super().__init__('proprioception')
        parameters = declare(self, Parameters)
        rig = load_rig(parameters.rig)
        self._stale_after_ns = round(parameters.stale_after_s * 1e9)
        self._robots = rig.followers
        self._pairing = ArmPairing(rig.gripper, round(1e9 / parameters.joint_state_rate_hz))
        self._published = 0
        self._refused = 0
        self._proprioception = self.create_publisher(Proprioception, '/proprioception', EVERY)
        for side, robot in rig.followers.items():
            self.create_subscription(
                JointState, f'/{robot}/joint_states', partial(self._joint_state, side), EVERY
            )
        Diagnostics(self, self._report)
        StreamStatusPublisher(self, 'arm', self._newest)

    def _joint_state(self, side: str, message: JointState) -> None:
        for state in self._pairing.add(side, *joint_state_fields(message)):
            self._proprioception.publish(proprioception_message(state))
            self._published += 1

    def _newest(self) -> dict[str, int | None]:
        newest = self._pairing.newest_ns
        return {robot: newest.get(side) for side, robot in self._robots.items()}

    def _report(self) -> Report:
        now_ns = self.get_clock().now().nanoseconds
        stale = self._pairing.stale(now_ns, self._stale_after_ns)
        faults = [f'/{self._robots[side]}/joint_states is stale' for side in stale]
        refused = sum(self._pairing.refused.values())
        if refused > self._refused:
            faults.append(f'joint state refused: {self._pairing.last_refusal}')
        self._refused = refused
        counts = {**self._pairing.unpaired, **self._pairing.refused}
        return Report(tuple(faults), values={'published': self._published, **counts})


def proprioception_message(state: RigState) -> Proprioception:
    """The message of a state, with the pose of each arm's end effector."""
    message = Proprioception()
    message.header.stamp = time_message(state.stamp_ns)
    message.position = state.position
    message.velocity = state.velocity
    message.effort = state.effort
    message.gripper_angle = state.gripper_angle
    message.end_effector = [
        pose_message(*forward(state.position[joints])) for joints in ARM_SLICES.values()
    ]
    message.arm_stamps = [time_message(stamp) for stamp in state.arm_stamps_ns]
    return message


def main() -> int:
    """Runs the node."""
    environment.apply_control()
    return run(ProprioceptionNode)
