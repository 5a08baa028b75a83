"""What the recorder subscribes to: every arrow of the data flow on a rig."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from interbotix_xs_msgs.msg import (
    JointGroupCommand,
    JointSingleCommand,
    JointTrajectoryCommand,
)
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from wam_msgs.msg import (
    ActionChunk,
    AppliedAction,
    DemonstrationState,
    EpisodeEvent,
    ExecutorState,
    FrameSet,
    JointTarget,
    MotorHealth,
    PredictedFuture,
    Proprioception,
    StreamStatus,
    TaskState,
)

from wam_core.rig import RigSpec
from wam_data.bag_metadata import Qos
from wam_data.cdr import without_pixels
from wam_data.frames import jpeg_encoder
from wam_data.writer import Topic

# The recorder may be late by so many messages before the middleware drops one: 1 s of the
# fastest topic, and half a second of 900 kB images at 60 Hz.
_DEPTH: Final = 100
_IMAGE_DEPTH: Final = 30
_JOINT_STATE_NS: Final = 10_000_000  # interbotix_xs_sdk: 100 Hz in every ALOHA configuration

_STACK: Final = {
    '/proprioception': Proprioception,
    '/action_chunk': ActionChunk,
    '/predicted_future': PredictedFuture,
    '/executor_state': ExecutorState,
    '/applied_action': AppliedAction,
    '/episode_event': EpisodeEvent,
    '/demonstration_state': DemonstrationState,
    '/joint_target': JointTarget,
    '/motor_health': MotorHealth,
    '/stream_status': StreamStatus,
    '/diagnostics': DiagnosticArray,
}
_PERIODS_NS: Final = {'/proprioception': _JOINT_STATE_NS}  # of each sample of the arms
_COMMANDS: Final = {
    'joint_group': JointGroupCommand,
    'joint_single': JointSingleCommand,
    'joint_trajectory': JointTrajectoryCommand,
}


@dataclass(frozen=True)
class Tap:
    """One subscription. topic: as recorded, which for a camera isn't what is subscribed to.

    transform: from the received CDR bytes to the recorded ones. latched: the newest message counts
    even if it came before the episode. required: no episode begins before it has been heard, since
    it would lack its beginning.
    """

    source: str
    kind: Any
    topic: Topic
    qos: QoSProfile
    transform: Callable[[bytes], bytes] | None = None
    latched: bool = False
    required: bool = False


@dataclass(frozen=True)
class Choice:
    """raw_images: as they come instead of JPEG of jpeg_quality 1..100. clock: /clock as well."""

    jpeg_quality: int
    raw_images: bool
    frame_set_pixels: bool
    clock: bool


def taps(rig: RigSpec, choice: Choice) -> list[Tap]:
    """Of all that a rig and the stack publish."""
    strip = None if choice.frame_set_pixels else without_pixels
    found = [tap(name, kind, period_ns=_PERIODS_NS.get(name, 0)) for name, kind in _STACK.items()]
    found.append(tap('/frame_set', FrameSet, depth=_IMAGE_DEPTH, transform=strip))
    found.append(tap('/task_state', TaskState, depth=1, latched=True))
    if choice.clock:
        found.append(tap('/clock', Clock))
    for robot in (*rig.followers.values(), *rig.leaders.values()):
        found += _arm(robot, required=robot in rig.followers.values())
    for camera in rig.cameras.values():
        found += _camera(camera.topic, round(1e9 / camera.rate_hz), choice)
    return found


def _arm(robot: str, *, required: bool) -> Iterator[Tap]:
    states = tap(f'/{robot}/joint_states', JointState, period_ns=_JOINT_STATE_NS)
    yield replace(states, required=required)
    for name, kind in _COMMANDS.items():
        yield tap(f'/{robot}/commands/{name}', kind)


def _camera(source: str, period_ns: int, choice: Choice) -> Iterator[Tap]:
    yield tap(f'{source.rsplit("/", 1)[0]}/camera_info', CameraInfo, period_ns=period_ns)
    if choice.raw_images:
        yield replace(tap(source, Image, depth=_IMAGE_DEPTH, period_ns=period_ns), required=True)
        return
    profile = Qos(_IMAGE_DEPTH)
    yield Tap(
        source,
        Image,
        Topic(f'{source}/compressed', type_name(CompressedImage), profile, period_ns),
        _profile(profile),
        jpeg_encoder(choice.jpeg_quality),
        required=True,
    )


def tap(
    name: str,
    kind: Any,
    *,
    depth: int = _DEPTH,
    period_ns: int = 0,
    transform: Callable[[bytes], bytes] | None = None,
    latched: bool = False,
) -> Tap:
    """A topic that is recorded under its own name and type."""
    qos = Qos(depth, transient_local=latched)
    topic = Topic(name, type_name(kind), qos, period_ns)
    return Tap(name, kind, topic, _profile(qos), transform, latched)


def type_name(kind: Any) -> str:
    """package/msg/Type of a message class."""
    return f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'


def _profile(qos: Qos) -> QoSProfile:
    durable = (
        DurabilityPolicy.TRANSIENT_LOCAL if qos.transient_local else DurabilityPolicy.VOLATILE
    )
    return QoSProfile(depth=qos.depth, reliability=ReliabilityPolicy.RELIABLE, durability=durable)
