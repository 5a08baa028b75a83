"""camera_sync: one frame per camera, matched by capture time and resized for the policy."""

import array
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from message_filters import Subscriber
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from wam_msgs.msg import FrameSet

from wam_bringup.config import load_policy, load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_core.frame_matching import FrameMatcher
from wam_core.options import parameter
from wam_core.policy import PolicySpec
from wam_core.rig import CameraSpec, RigSpec
from wam_nodes.camera_health import CameraHealth
from wam_nodes.camera_image import CheckedImages, rgb
from wam_nodes.conversions import duration_message, nanoseconds, time_message
from wam_nodes.frame_set_filter import FrameSetFilter
from wam_nodes.qos import NEWEST
from wam_nodes.resampling import Resizer, resizer
from wam_nodes.runner import run

_SECOND_NS: Final = 1_000_000_000

# A second of 30 Hz: how long this process may miss its turn on a loaded machine without losing an
# image. The queue is empty unless it does.
_IMAGES: Final = QoSProfile(depth=30, reliability=ReliabilityPolicy.RELIABLE)


@dataclass(frozen=True)
class Parameters:
    """Of the node; the file is config/camera_sync.yaml."""

    rig: str = parameter('sim', 'name in config/rigs, or path of a .yaml file')
    policy: str = parameter(
        'scripted',
        'name in config/policies, path of a .yaml file, or policy directory; '
        "empty: the rig's cameras, stamps without images",
    )
    slop: float = parameter(
        0.8,
        'greatest spread of a set, in frame periods of the fastest camera',
        unit='frame periods',
        lower=0.0,
        upper=0.95,
    )
    depth: int = parameter(
        8, 'frames of a camera that wait for the others', unit='frames', lower=2, upper=100
    )


def wanted_cameras(policy: PolicySpec, rig: RigSpec) -> dict[str, CameraSpec]:
    """The policy's cameras on that rig, in the policy's order.

    Raises WamError for a camera that the rig lacks, and for a policy without cameras.
    """
    missing = [camera for camera in policy.cameras if camera not in rig.cameras]
    if missing or not policy.cameras:
        raise WamError(
            f'policy {policy.name!r} needs cameras {list(policy.cameras)}, '
            f'rig {rig.name!r} has {list(rig.cameras)}: missing {missing or "any"}. '
            f'Change cameras in the policy file or in the rig file'
        )
    return {camera: rig.cameras[camera] for camera in policy.cameras}


def stamps_of(rig: RigSpec) -> PolicySpec:
    """What nobody who sees has: all cameras of the rig, images without pixels."""
    return PolicySpec(
        name=f'none, on rig {rig.name}',
        cameras=tuple(rig.cameras),
        image_height=0,
        image_width=0,
        resampling='',
        horizon=0,
        dt_ns=0,
    )


class CameraSync(Node):
    """Publishes a FrameSet for each matched set of camera images."""

    def __init__(self) -> None:
        super().__init__('camera_sync')
        parameters = declare(self, Parameters)
        rig = load_rig(parameters.rig)
        spec = load_policy(parameters.policy).spec if parameters.policy else stamps_of(rig)
        cameras = wanted_cameras(spec, rig)
        self._resize = resizer(spec.resampling) if spec.resampling else None
        self._prepare_message(spec)
        self._publisher = self.create_publisher(FrameSet, '/frame_set', NEWEST)
        periods = {name: round(_SECOND_NS / camera.rate_hz) for name, camera in cameras.items()}
        images = {
            name: CheckedImages(Subscriber(self, Image, camera.topic, qos_profile=_IMAGES))
            for name, camera in cameras.items()
        }
        period_ns = min(periods.values())
        slop_ns = round(parameters.slop * period_ns)
        matcher = FrameMatcher[Any](spec.cameras, slop_ns, parameters.depth, periods)
        self._health = CameraHealth(self, images, matcher, period_ns)
        FrameSetFilter(images, matcher).registerCallback(self._publish_set)

    def _prepare_message(self, spec: PolicySpec) -> None:
        shape = (len(spec.cameras), spec.image_height, spec.image_width, 3)
        # One message for all sets, so that the resizers write straight into what is sent:
        # publish() has serialized it when it returns.
        self._message = FrameSet()
        self._message.cameras = list(spec.cameras)
        self._message.height, self._message.width = spec.image_height, spec.image_width
        self._message.data = array.array('B', bytes(int(np.prod(shape))))
        self._frames = np.frombuffer(self._message.data, np.uint8).reshape(shape)

    def _publish_set(self, *images: Any) -> None:
        # Only matched frames are converted and resized.
        if self._resize is not None:
            self._fill(self._resize, images)
        stamps = [nanoseconds(image.header.stamp) for image in images]
        spread_ns = max(stamps) - min(stamps)
        self._message.header.stamp = time_message(min(stamps))
        self._message.stamps = [image.header.stamp for image in images]
        self._message.spread = duration_message(spread_ns)
        self._publisher.publish(self._message)
        self._health.matched(min(stamps), spread_ns)

    def _fill(self, resize: Resizer, images: Sequence[Any]) -> None:
        for camera, image, target in zip(self._message.cameras, images, self._frames, strict=True):
            start = time.perf_counter()
            resize(rgb(image), target)
            self._health.resized(camera, time.perf_counter() - start)


def main() -> None:
    """Runs the node."""
    sys.exit(run(CameraSync))
