"""One simulated arm with the topics and services of interbotix_xs_sdk: node /<name>/xs_sdk."""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand, JointTrajectoryCommand
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from wam_bringup.parameters import declare
from wam_sim import leader
from wam_sim.arm import BusFaults, Reading, SimArm, Waypoint
from wam_sim.delay import DelayLine, Faults
from wam_sim.nodes.notices import Throttle
from wam_sim.nodes.parameters import ArmParameters
from wam_sim.nodes.stamps import stamp
from wam_sim.nodes.xs_services import XsServices
from wam_sim.registers import OVERLOAD

_QOS: Final = QoSProfile(depth=10)
_PERIOD_NS: Final = 10_000_000
_TRAJECTORY_VALUES: Final = {'velocity': 'velocities', 'current': 'effort', 'pwm': 'effort'}


class XsSdk(Node):
    """Seven services, three command topics, joint states at 100 Hz; faults as parameters."""

    def __init__(self, arm: SimArm, arguments: Sequence[str]) -> None:
        super().__init__(
            'xs_sdk',
            namespace=f'/{arm.name}',
            cli_args=list(arguments),
            use_global_arguments=False,
            enable_rosout=False,
        )
        self._arm = arm
        self._overload = ''
        self._throttle = Throttle()
        self._line: DelayLine[Reading] = DelayLine(_PERIOD_NS)
        self._state = JointState(name=list(arm.joint_names))
        self._states = self.create_publisher(JointState, self._name('joint_states'), _QOS)
        self._offers = XsServices(self, arm)
        self._listen()
        self._configure(declare(self, ArmParameters, self._configure))

    def publish(self, now_ns: int) -> None:
        """Called every 10 ms of simulated time: the last reading sets off, arrived ones go out."""
        if not self._arm.faults.vanished:
            self._line.put(self._arm.reading, now_ns)
        for reading in self._line.take(now_ns):
            self._state.header.stamp = stamp(reading.stamp_ns)
            self._state.position = array('d', reading.position.tobytes())
            self._state.velocity = array('d', reading.velocity.tobytes())
            self._state.effort = array('d', reading.effort.tobytes())
            self._states.publish(self._state)
        while self._arm.notices:
            text = self._arm.notices.popleft()
            if self._throttle.passes(text, now_ns):
                self.get_logger().warning(text)
        self._offers.tick()

    def restart(self) -> None:
        """After a reset of the scene: what is in transit is lost."""
        self._line.restart(np.random.default_rng(self._arm.reading.stamp_ns))

    def _name(self, name: str) -> str:
        return f'/{self._arm.name}/{name}'

    def _listen(self) -> None:
        for kind, name, callback in (
            (JointGroupCommand, 'joint_group', self._on_group),
            (JointSingleCommand, 'joint_single', self._on_single),
            (JointTrajectoryCommand, 'joint_trajectory', self._on_trajectory),
        ):
            self.create_subscription(kind, self._name(f'commands/{name}'), callback, _QOS)
        if leader.joints_of(self._arm):
            self.create_subscription(JointGroupCommand, self._name('hand'), self._on_hand, _QOS)

    # -- topics

    def _on_group(self, message: JointGroupCommand) -> None:
        self._arm.command_group(message.name, message.cmd)

    def _on_single(self, message: JointSingleCommand) -> None:
        self._arm.command_single(message.name, message.cmd)

    def _on_trajectory(self, message: JointTrajectoryCommand) -> None:
        info = self._arm.info(message.cmd_type, message.name)
        mode = info.mode if info is not None else ''
        field = _TRAJECTORY_VALUES.get(mode, 'positions')
        points = [
            Waypoint(
                point.time_from_start.sec * 1_000_000_000 + point.time_from_start.nanosec,
                tuple(getattr(point, field)),
            )
            for point in message.traj.points
        ]
        now_ns = self._arm.reading.stamp_ns
        self._arm.command_trajectory(message.cmd_type, message.name, points, now_ns)

    def _on_hand(self, message: JointGroupCommand) -> None:
        joints = leader.joints_of(self._arm)
        if message.cmd and len(message.cmd) != len(joints):
            self.get_logger().warning(f'hand: {len(message.cmd)} values for {len(joints)} joints')
            return
        if not np.all(np.isfinite(message.cmd)):
            self.get_logger().warning(f'hand: {list(message.cmd)}, expected finite angles')
            return
        leader.hold(joints, list(message.cmd) or None)

    def _configure(self, parameters: ArmParameters) -> None:
        self._line.faults = Faults(
            latency_s=parameters.latency_s, jitter_s=parameters.jitter_s, drop=parameters.drop
        )
        self._arm.faults = BusFaults(parameters.missed_reads, parameters.vanished)
        if parameters.overload not in ('', self._overload):
            self._arm.motor(parameters.overload).fail(OVERLOAD)
        self._overload = parameters.overload
