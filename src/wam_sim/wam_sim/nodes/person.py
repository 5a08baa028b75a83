"""person: a scripted person who teleoperates the simulated rig, through the leaders alone."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import rclpy
from geometry_msgs.msg import Pose
from interbotix_xs_msgs.msg import JointGroupCommand
from rclpy.executors import ExternalShutdownException
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from wam_msgs.msg import DemonstrationState, ExecutorState, Proprioception, TaskState

from wam_bringup.config import load_rig
from wam_bringup.node_spec import REFUSED
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_core.joints import DIM, SIDE_SLICES, Vector
from wam_core.motors import pick, split
from wam_core.options import parameter
from wam_sim.person import PersonConfig, ScriptedPerson, squeezing

_QOS: Final = QoSProfile(depth=10)
_LATCHED: Final = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
_PERIOD_NS: Final = 20_000_000  # of the hands
_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True)
class Parameters:
    """Of config/person.yaml."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    speed: float = parameter(0.8, "of the expert's moves", lower=0.1, upper=1.0)
    reaction_s: float = parameter(
        0.5, 'from what the person sees to what the hands do', unit='s', lower=0.0, upper=60.0
    )
    tremor_rad: float = parameter(
        0.0, "amplitude of each joint's shaking", unit='rad', lower=0.0, upper=0.5
    )
    misjudged_m: float = parameter(
        0.0, 'standard deviation of where the person takes objects to be', unit='m',
        lower=0.0, upper=0.1,
    )  # fmt: skip
    seed: int = parameter(0, 'of the tremor', lower=0, upper=2**32 - 1)


class PersonNode(Node):
    """Closes the grippers to begin, leads while the executor follows, opens them to end.

    What it may see is what a person at a rig sees: the arms, the objects, what the demonstration
    waits for, and whether the robot follows. What it does, it does with the leaders.
    """

    def __init__(self) -> None:
        super().__init__('person')
        parameters = declare(self, Parameters)
        self._rig = rig = load_rig(parameters.rig)
        if not rig.simulated:
            raise WamError(f'rig {rig.name!r} is a real one: a person of flesh and blood leads it')
        self._gripper = rig.leader_calibration
        self._reaction_ns = round(parameters.reaction_s * _SECOND_NS)
        self._person = ScriptedPerson(
            PersonConfig(
                parameters.speed,
                parameters.tremor_rad,
                parameters.misjudged_m,
                parameters.seed,
            )
        )
        self._leaders = np.full(DIM, np.nan)
        self._objects: dict[str, Vector] = {}
        self._phase, self._source = '', ''
        self._since_ns = 0  # of the phase
        self._sent_ns: int | None = None
        self._leading = self._holding = False
        self._complaint = ''
        self._hands = {
            side: self.create_publisher(JointGroupCommand, f'/{robot}/hand', _QOS)
            for side, robot in rig.leaders.items()
        }
        self._listen()

    def _listen(self) -> None:
        for side, robot in self._rig.leaders.items():
            self.create_subscription(
                JointState,
                f'/{robot}/joint_states',
                lambda message, side=side: self._on_leader(side, message),
                _QOS,
            )
        self.create_subscription(TaskState, '/task_state', self._on_task_state, _LATCHED)
        self.create_subscription(ExecutorState, '/executor_state', self._on_executor, _QOS)
        self.create_subscription(
            DemonstrationState, '/demonstration_state', self._on_demonstration, _QOS
        )
        self.create_subscription(Proprioception, '/proprioception', self._on_arms, _QOS)

    def _on_leader(self, side: str, message: JointState) -> None:
        self._leaders[SIDE_SLICES[side]] = pick(message.name, message.position)

    def _on_task_state(self, message: TaskState) -> None:
        self._objects = {
            name: _vector(pose) for name, pose in zip(message.objects, message.poses, strict=True)
        }

    def _on_executor(self, message: ExecutorState) -> None:
        active = message.state in (ExecutorState.RUNNING, ExecutorState.HOLDING)
        self._source = message.source if active else ''

    def _on_demonstration(self, message: DemonstrationState) -> None:
        if message.phase != self._phase:
            self._phase, self._since_ns = message.phase, _nanoseconds(message.header.stamp)

    def _on_arms(self, message: Proprioception) -> None:
        """The arms moved, or time passed: so do the hands, 50 times per second."""
        now_ns = _nanoseconds(message.header.stamp)
        if self._sent_ns is not None and 0 <= now_ns - self._sent_ns < _PERIOD_NS:
            return
        self._sent_ns = now_ns
        try:
            self._act(now_ns, np.array(message.position))
        except WamError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self.get_logger().error(self._complaint)
            self._let_go()

    def _act(self, now_ns: int, arms: Vector) -> None:
        if self._source == 'teleop':
            if not self._leading:
                self._person.begin(now_ns)
                self._leading = True
            self._person.look(now_ns, arms, self._objects)
            hands = self._person.hands(now_ns)
            if hands is not None:
                self._hold(hands)
            return
        self._leading = False
        if self._phase != 'waiting':
            # Between the gesture and the first move of the robot the grip stays.
            if self._phase != 'running':
                self._let_go()
        elif now_ns - self._since_ns >= self._reaction_ns and np.isfinite(self._leaders).all():
            opening = self._gripper.opening
            leaders = self._leaders.copy()
            for part in SIDE_SLICES.values():
                leaders[part.stop - 1] = opening(float(leaders[part.stop - 1]))
            self._hold(squeezing(leaders))

    def _hold(self, hands: Vector) -> None:
        self._holding = True
        for side, angles in split(hands, self._gripper).items():
            self._hands[side].publish(JointGroupCommand(name='all', cmd=angles.tolist()))

    def _let_go(self) -> None:
        if not self._holding:
            return
        self._holding = False
        for publisher in self._hands.values():
            publisher.publish(JointGroupCommand(name='all'))


def _nanoseconds(stamp: Any) -> int:
    return int(stamp.sec) * _SECOND_NS + int(stamp.nanosec)


def _vector(pose: Pose) -> Vector:
    """(7,) position m and quaternion w x y z."""
    place, turn = pose.position, pose.orientation
    return np.array([place.x, place.y, place.z, turn.w, turn.x, turn.y, turn.z])


def main() -> int:
    """Runs the node. Exit code 2 when its parameters are refused."""
    rclpy.init()
    node: Node | None = None
    try:
        node = PersonNode()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except WamError as error:
        get_logger('person').fatal(str(error))
        return REFUSED
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
