"""The simulated rig as a process: node /sim, the arms' and the cameras' nodes, and /clock."""

import signal
import sys
from types import FrameType
from typing import Any, Final

import rclpy
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from wam_msgs.msg import TaskState
from wam_msgs.srv import ResetScene

from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_sim import scene
from wam_sim.modes import MODES
from wam_sim.nodes.alone import Watch, require_alone
from wam_sim.nodes.camera import CameraNode
from wam_sim.nodes.pace import Pace
from wam_sim.nodes.parameters import SimParameters
from wam_sim.nodes.ros_arguments import shared
from wam_sim.nodes.spin import spin
from wam_sim.nodes.stamps import stamp
from wam_sim.nodes.task_state import task_state
from wam_sim.nodes.xs_sdk import XsSdk
from wam_sim.rig import SimConfig, SimRig
from wam_sim.scene import Look

_TICK_NS: Final = 10_000_000
_TASK_PERIOD_NS: Final = 40_000_000
_WATCH_PERIOD_NS: Final = 500_000_000
_LATCHED: Final = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class Sim(Node):
    """Owns the rig and its time; serves /sim/reset_scene, publishes /clock and /task_state."""

    def __init__(self) -> None:
        # It makes the time that others use.
        own_time = Parameter('use_sim_time', Parameter.Type.BOOL, False)
        super().__init__('sim', parameter_overrides=[own_time])
        parameters = declare(self, SimParameters, self._configure)
        rig = load_rig(parameters.rig)
        if not rig.simulated:
            raise WamError(f'rig {rig.name!r} is a real one (`simulated: false`): not simulated')
        look = Look(shadows=parameters.shadows, samples=parameters.samples)
        self.rig = SimRig(
            parameters.seed,
            parameters.task,
            rig=rig,
            leaders=parameters.leaders,
            cameras=parameters.cameras or tuple(rig.cameras),
            config=SimConfig(look=look, modes=MODES[parameters.modes]),
        )
        self.pace = Pace(parameters.speed_factor)
        self._watch = Watch(self)
        self._clock_message = Clock()
        self._clock_publisher = self.create_publisher(Clock, '/clock', QoSProfile(depth=10))
        self._task_states = self.create_publisher(TaskState, '/task_state', _LATCHED)
        self.create_service(ResetScene, '/sim/reset_scene', self._reset_scene)
        arguments = shared(sys.argv)
        self.arms = [XsSdk(arm, arguments) for arm in self.rig.arms.values()]
        self.cameras = {
            name: CameraNode(camera, scene.fovy_deg(self.rig.model, name), arguments)
            for name, camera in self.rig.cameras.items()
        }
        if self.cameras:
            # Without a GL library this fails now, not with the first subscriber.
            self.rig.render(next(iter(self.cameras)))

    @property
    def nodes(self) -> list[Node]:
        """All nodes of the process."""
        return [*self.arms, *self.cameras.values(), self]

    def step(self) -> None:
        """10 ms of simulated time, and everything that is published in them."""
        for camera in self.cameras.values():
            camera.look()
        self.rig.step(None, _TICK_NS)
        now_ns = self.rig.time_ns
        self._clock_message.clock = stamp(now_ns)
        self._clock_publisher.publish(self._clock_message)
        for arm in self.arms:
            arm.publish(now_ns)
        for frame in self.rig.take_frames():
            self.cameras[frame.camera].publish(frame)
        if now_ns % _WATCH_PERIOD_NS == 0:
            self._watch.check(now_ns)
        if now_ns % _TASK_PERIOD_NS == 0:
            self._publish_task()
        self.pace.passed(_TICK_NS)

    def close(self) -> None:
        """Frees the GL context and the nodes."""
        self.rig.close()
        for node in self.nodes:
            node.destroy_node()

    def _publish_task(self) -> None:
        self._task_states.publish(task_state(self.rig))

    def _reset_scene(self, request: Any, response: Any) -> Any:
        try:
            self.rig.reset(request.task, request.seed)
        except WamError as error:
            response.message = str(error)
            return response
        for arm in self.arms:
            arm.restart()
        self._publish_task()
        response.accepted = True
        return response

    def _configure(self, parameters: SimParameters) -> None:
        self.pace.change(parameters.speed_factor)


def main() -> None:
    """Runs until SIGINT or SIGTERM. Exit code 0; 1 when it can't start, with the reason."""
    stop: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        stop.append(number)

    # rclpy's own handlers would end the context under a step that is publishing.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    sim: Sim | None = None
    try:
        require_alone()
        sim = Sim()
        spin(sim.nodes, sim.step, sim.pace, lambda: bool(stop))
    except WamError as error:
        get_logger('sim').fatal(str(error))
        sys.exit(1)
    finally:
        if sim is not None:
            sim.close()
        rclpy.shutdown()
