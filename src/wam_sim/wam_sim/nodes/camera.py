"""One camera as realsense2_camera publishes a D405's colour stream: node /<name>/camera."""

import math
from array import array
from collections.abc import Sequence
from typing import Final

import cv2
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from wam_bringup.parameters import declare
from wam_sim.cameras import Camera, Frame
from wam_sim.delay import Faults
from wam_sim.nodes.parameters import CameraParameters
from wam_sim.nodes.stamps import stamp
from wam_sim.scene import HEIGHT, WIDTH

_FRAME_ID: Final = 'camera_color_optical_frame'
_QOS: Final = QoSProfile(depth=10)


class CameraNode(Node):
    """Publishes the pictures of one camera when they arrive, and has its faults as parameters."""

    def __init__(self, camera: Camera, fovy_deg: float, arguments: Sequence[str]) -> None:
        super().__init__(
            'camera',
            namespace=f'/{camera.name}',
            cli_args=list(arguments),
            use_global_arguments=False,
            enable_rosout=False,
        )
        self._camera = camera
        self._quality = 0
        self._image = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH)
        self._info = camera_info(fovy_deg)
        for message in (self._image, self._info):
            message.header.frame_id = _FRAME_ID
        base = f'/{camera.name}/camera/color'
        self._images = self.create_publisher(Image, f'{base}/image_rect_raw', _QOS)
        self._infos = self.create_publisher(CameraInfo, f'{base}/camera_info', _QOS)
        self._compressed = self.create_publisher(
            CompressedImage, f'{base}/image_rect_raw/compressed', _QOS
        )
        self._configure(declare(self, CameraParameters, self._configure))

    def look(self) -> None:
        """Tells the camera whether anyone looks at its pictures."""
        publishers = (self._images, self._infos, self._compressed)
        self._camera.watched = any(each.get_subscription_count() for each in publishers)

    def publish(self, frame: Frame) -> None:
        """One picture, to whoever subscribes to which form of it."""
        when = stamp(frame.stamp_ns)
        self._info.header.stamp = when
        self._infos.publish(self._info)
        if self._images.get_subscription_count():
            # Through the property bytes cost 1 to 2 ms; an array that is filled first, 0.1 ms.
            data = array('B')
            data.frombytes(frame.image.data.cast('B'))
            self._image.data = data
            self._image.header.stamp = when
            self._images.publish(self._image)
        if self._compressed.get_subscription_count():
            self._compressed.publish(self._jpeg(frame))

    def _jpeg(self, frame: Frame) -> CompressedImage:
        bgr = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        _, encoded = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        message = CompressedImage(format='rgb8; jpeg compressed bgr8')
        message.header.stamp = stamp(frame.stamp_ns)
        message.header.frame_id = _FRAME_ID
        message.data = array('B', encoded.tobytes())
        return message

    def _configure(self, parameters: CameraParameters) -> None:
        self._quality = parameters.jpeg_quality
        self._camera.line.faults = Faults(
            latency_s=parameters.latency_s,
            jitter_s=parameters.jitter_s,
            drop=parameters.drop,
            reorder=parameters.reorder,
            stalled=parameters.stalled,
        )


def camera_info(fovy_deg: float) -> CameraInfo:
    """An undistorted pinhole with square pixels and the optical axis in the picture's middle."""
    focal = 0.5 * HEIGHT / math.tan(math.radians(0.5 * fovy_deg))
    across, down = 0.5 * (WIDTH - 1), 0.5 * (HEIGHT - 1)
    info = CameraInfo(height=HEIGHT, width=WIDTH, distortion_model='plumb_bob', d=[0.0] * 5)
    info.k = [focal, 0.0, across, 0.0, focal, down, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, across, 0.0, 0.0, focal, down, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info
