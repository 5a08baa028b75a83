"""Images between processes with the shipped Fast DDS profile, discovery on this machine only."""

import array
import os
from collections import Counter
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from wam_cli.benches.processes import expect
from wam_cli.benches.transport import camera_process, start_cameras
from wam_data.cdr_image import read_image

CAMERAS = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
FRAMES = 60  # of 0.9 MB: all of them fit into a segment of config/fastdds.xml
RATE_HZ = 30.0


@pytest.mark.slow
@pytest.mark.parametrize('reliability', ['reliable', 'best_effort'])
def test_no_image_is_lost(ros: Any, reliability: str) -> None:
    best_effort = reliability == 'best_effort'
    policy = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
    # Deep enough that this process may miss its turn all the time: what is tested is the
    # transport.
    qos = QoSProfile(depth=100, reliability=policy)
    numbers: dict[str, list[int]] = {camera: [] for camera in CAMERAS}

    def take(message: Any, camera: str) -> None:
        assert np.frombuffer(message.data, np.uint8).size == 480 * 640 * 3
        numbers[camera].append(int(message.header.frame_id))

    for camera in CAMERAS:
        ros.node.create_subscription(
            Image, f'/{camera}', lambda message, camera=camera: take(message, camera), qos
        )
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(ros.domain)}
    arguments = ['--best-effort'] if best_effort else []
    with ExitStack() as stack:
        sources = [
            stack.enter_context(
                camera_process(f'/{camera}', FRAMES, RATE_HZ, environment, arguments)
            )
            for camera in CAMERAS
        ]
        for source in sources:
            expect(source, 'ready')
        start_cameras(sources)
        # The last images tell that nothing is still to come: each camera's come in order.
        last = FRAMES - 1
        ros.wait(lambda: all(n[-1:] == [last] for n in numbers.values()), what='the last images')
    assert {camera: Counter(n) for camera, n in numbers.items()} == {
        camera: Counter(range(FRAMES)) for camera in CAMERAS
    }


def test_serialized_images_are_read_as_rclpy_writes_them() -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    for frame_id in ('', 'a', 'cam_high_color_optical_frame'):
        image = Image(height=5, width=7, encoding='bgr8', step=21)
        image.header.frame_id = frame_id
        image.header.stamp.sec, image.header.stamp.nanosec = 12, 34
        image.data = array.array('B', pixels.tobytes())
        view = read_image(serialize_message(image))
        assert (view.stamp_ns, view.frame_id, view.encoding) == (12_000_000_034, frame_id, 'bgr8')
        np.testing.assert_array_equal(view.pixels(), pixels)
