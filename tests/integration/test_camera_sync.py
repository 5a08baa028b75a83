"""camera_sync as it runs on a rig: images in, frame sets and diagnostics out."""

import array
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from PIL import Image as Picture
from sensor_msgs.msg import Image
from wam_msgs.msg import FrameSet, StreamStatus

from wam_bringup.node_spec import REFUSED

CAMERAS = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
PERIOD_NS = 33_333_333  # of config/rigs/sim.yaml
START_NS = 20_000_000_000
SHAPE = (48, 64, 3)
POLICY = {
    'policy': 'hold',
    'cameras': ['cam_right_wrist', 'cam_high', 'cam_left_wrist'],  # not the rig's order
    'image': {'height': 22, 'width': 24, 'resampling': 'pil_bicubic'},
    'horizon': 50,
    'dt_s': 0.04,
}


def pixels_of(seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


def image(stamp_ns: int, seed: int = 0, encoding: str = 'rgb8') -> Any:
    pixels = pixels_of(seed)
    message = Image(height=SHAPE[0], width=SHAPE[1], encoding=encoding, step=SHAPE[1] * 3)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    if encoding == 'bgr8':
        pixels = pixels[..., ::-1]
    if encoding == 'mono8':
        pixels, message.step = pixels[..., 0], SHAPE[1]
    message.data = array.array('B', pixels.tobytes())
    return message


def nanoseconds(stamp: Any) -> int:
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


class Rig:
    """The test plays the cameras and the clock."""

    def __init__(self, ros: Any, policy: Path | str) -> None:
        self.ros = ros
        self.node = ros.start(
            'wam_nodes',
            'camera_sync',
            params={'rig': 'sim', 'policy': str(policy), 'use_sim_time': True},
        )
        self.sets = ros.collect(FrameSet, '/frame_set')
        self._arrays = ros.collect(DiagnosticArray, '/diagnostics')
        topics = {camera: f'/{camera}/camera/color/image_rect_raw' for camera in CAMERAS}
        self._publishers = {
            camera: ros.node.create_publisher(Image, topic, 10) for camera, topic in topics.items()
        }
        ros.wait(
            lambda: all(
                publisher.get_subscription_count() for publisher in self._publishers.values()
            ),
            what='subscriptions of camera_sync',
        )
        ros.wait(lambda: ros.node.count_publishers('/frame_set'), what='/frame_set')

    @property
    def statuses(self) -> list[tuple[int, Any]]:
        """(time of the report, status) of camera_sync."""
        return [
            (nanoseconds(message.header.stamp), status)
            for message in self._arrays
            for status in message.status
            if status.name == 'camera_sync'
        ]

    def publish(self, camera: str, message: Any) -> None:
        self._publishers[camera].publish(message)

    def period(self, number: int) -> int:
        """One frame of each camera, all at one time, which the clock then shows; that time."""
        now_ns = START_NS + number * PERIOD_NS
        self.ros.set_time(now_ns)
        for camera in CAMERAS:
            self.publish(camera, image(now_ns))
        self.wait_for_set(now_ns)
        return now_ns

    def wait_for_set(self, reference_ns: int) -> None:
        """Keeps the pace of the node, as no queue holds more than ten images or two sets."""
        self.ros.wait(
            lambda: self.sets and nanoseconds(self.sets[-1].header.stamp) == reference_ns,
            what=f'the set of {reference_ns} ns',
        )

    def status(self, now_ns: int, wanted: Any) -> tuple[int, Any]:
        """The first status that is as wanted, with the clock standing at ``now_ns``."""

        def find() -> Any:
            self.ros.set_time(now_ns)
            return next((item for item in self.statuses if wanted(item[1])), None)

        found: tuple[int, Any] = self.ros.wait(find, what='a status of camera_sync')
        return found


def values(status: Any) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def has(**expected: str) -> Any:
    """Whether a status has these values; ``__`` stands for the slash."""
    wanted = {key.replace('__', '/'): value for key, value in expected.items()}
    return lambda status: wanted.items() <= values(status).items()


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / 'three.yaml'
    path.write_text(yaml.safe_dump(POLICY))
    return path


@pytest.fixture
def rig(ros: Any, policy_file: Path) -> Iterator[Rig]:
    yield Rig(ros, policy_file)


def test_sets_hold_one_frame_per_camera_in_the_order_and_size_of_the_policy(rig: Rig) -> None:
    offsets = {'cam_high': 4_000_000, 'cam_left_wrist': 0, 'cam_right_wrist': 9_000_000}
    encodings = {'cam_high': 'bgr8', 'cam_left_wrist': 'mono8', 'cam_right_wrist': 'rgb8'}
    for number in range(10):
        rig.ros.set_time(START_NS + number * PERIOD_NS)
        for seed, camera in enumerate(CAMERAS):
            stamp_ns = START_NS + number * PERIOD_NS + offsets[camera]
            rig.publish(camera, image(stamp_ns, 10 * number + seed, encodings[camera]))
        rig.wait_for_set(START_NS + number * PERIOD_NS)
    assert len(rig.sets) == 10
    for number, message in enumerate(rig.sets):
        base_ns = START_NS + number * PERIOD_NS
        assert list(message.cameras) == POLICY['cameras']
        expected = [base_ns + offsets[camera] for camera in message.cameras]
        assert [nanoseconds(stamp) for stamp in message.stamps] == expected
        assert nanoseconds(message.header.stamp) == base_ns
        assert nanoseconds(message.spread) == 9_000_000
        frames = np.frombuffer(message.data, np.uint8).reshape(3, 22, 24, 3)
        for camera, frame in zip(message.cameras, frames, strict=True):
            pixels = pixels_of(10 * number + CAMERAS.index(camera))
            if camera == 'cam_left_wrist':
                pixels = np.repeat(pixels[..., :1], 3, axis=2)
            resized = Picture.fromarray(pixels).resize((24, 22), Picture.Resampling.BICUBIC)
            np.testing.assert_array_equal(frame, np.asarray(resized))
    _, status = rig.status(START_NS + 10 * PERIOD_NS, has(cam_high__matched='10'))
    assert float(values(status)['spread_ms_p50']) == pytest.approx(9.0)
    assert float(values(status)['rate_hz']) == pytest.approx(30.0, abs=0.01)
    assert float(values(status)['cam_high/rate_hz']) == pytest.approx(30.0, abs=0.01)


def test_a_stalled_camera_is_named_within_three_frame_periods(rig: Rig) -> None:
    for number in range(5):
        last_ns = rig.period(number)
    rig.status(last_ns, has(cam_left_wrist__matched='5'))
    others = ('cam_high', 'cam_right_wrist')
    # The frame that failed to come was due one period after the last one. The clock goes no
    # further than three periods after that, so the report can't be later.
    limit_ns = last_ns + 4 * PERIOD_NS
    for stamp_ns in range(last_ns + PERIOD_NS, limit_ns + 1, PERIOD_NS):
        rig.ros.set_time(stamp_ns)
        for camera in others:
            rig.publish(camera, image(stamp_ns))
    stamp_ns, status = rig.status(limit_ns, lambda s: s.level == DiagnosticStatus.ERROR)
    assert stamp_ns <= limit_ns
    assert 'cam_left_wrist' in status.message
    assert not any(camera in status.message for camera in others)
    # The others' accounting goes on, and so do the sets when the camera is back.
    rig.status(limit_ns, has(cam_high__received='9', cam_left_wrist__received='5'))
    for number in range(9, 12):
        last_ns = rig.period(number)
    assert len(rig.sets) == 8
    rig.status(last_ns, has(cam_left_wrist__matched='8'))
    assert rig.statuses[-1][1].level == DiagnosticStatus.OK


def test_the_age_of_each_camera_is_told_even_while_one_is_silent(rig: Rig) -> None:
    statuses: list[StreamStatus] = rig.ros.collect(StreamStatus, '/stream_status')

    def newest() -> dict[str, int]:
        if not statuses:
            return {}
        stamps = map(nanoseconds, statuses[-1].newest)
        return dict(zip(statuses[-1].names, stamps, strict=True))

    rig.ros.wait(lambda: newest() == dict.fromkeys(CAMERAS, 0), what='cameras without a picture')
    last_ns = [rig.period(number) for number in range(3)][-1]
    rig.ros.wait(lambda: newest() == dict.fromkeys(CAMERAS, last_ns), what='the pictures')
    later_ns = last_ns + 30 * PERIOD_NS
    rig.ros.set_time(later_ns)
    for camera in ('cam_high', 'cam_right_wrist'):
        rig.publish(camera, image(later_ns))
    expected = {**dict.fromkeys(CAMERAS, later_ns), 'cam_left_wrist': last_ns}
    rig.ros.wait(lambda: newest() == expected, what='the age of the silent one')
    assert {status.kind for status in statuses} == {'camera'}


def test_a_node_that_was_not_run_blames_no_camera(rig: Rig) -> None:
    for number in range(5):
        last_ns = rig.period(number)
    rig.status(last_ns, has(cam_left_wrist__matched='5'))
    rig.node.send(signal.SIGSTOP)
    for number in range(5, 13):  # no more than a camera keeps for a slow subscriber
        last_ns = START_NS + number * PERIOD_NS
        rig.ros.set_time(last_ns)
        for camera in CAMERAS:
            rig.publish(camera, image(last_ns))
    rig.node.send(signal.SIGCONT)
    rig.wait_for_set(last_ns)
    rig.status(last_ns, has(cam_left_wrist__matched='13', cam_left_wrist__missing='0'))
    assert [status.message for _, status in rig.statuses if 'stalled' in status.message] == []


def test_bad_images_are_counted_and_named_and_harm_nothing(rig: Rig) -> None:
    bad = [image(START_NS) for _ in range(6)]
    bad[0].encoding = '16UC1'
    bad[1].data = bad[1].data[:-1]
    bad[2].header.stamp.sec = 0
    bad[3].step = 3
    bad[4].height = 0
    bad[5].header.stamp.nanosec = 2**32 - 1
    for message in bad:
        rig.publish('cam_high', message)
    rig.status(START_NS, has(cam_high__refused='6', cam_high__received='0'))
    last_ns = START_NS
    for number in range(5):
        last_ns = rig.period(number)
    assert len(rig.sets) == 5
    rig.status(last_ns, has(cam_high__refused='6', cam_high__received='5', cam_high__matched='5'))
    warnings = [s.message for _, s in rig.statuses if s.level == DiagnosticStatus.WARN]
    assert any('cam_high: ' in text and 'images refused' in text for text in warnings)
    assert rig.node.returncode is None


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (
            {'cameras': ['cam_high', 'cam_low']},
            ["'cam_low'", "'sim'", "'cam_left_wrist'", 'three'],
        ),
        ({'cameras': []}, ['needs cameras []']),
        (
            {'image': {'height': 22, 'width': 24, 'resampling': 'lanczos'}},
            ["'lanczos'", 'pil_bicubic', 'policy file'],
        ),
    ],
)
def test_a_policy_that_the_rig_cannot_serve_is_refused(
    ros: Any, policy_file: Path, change: dict[str, Any], words: list[str]
) -> None:
    policy_file.write_text(yaml.safe_dump({**POLICY, **change}))
    process = ros.start(
        'wam_nodes', 'camera_sync', params={'rig': 'sim', 'policy': str(policy_file)}
    )
    assert process.wait() == REFUSED
    assert all(word in process.output for word in words), process.output


def test_without_a_policy_all_cameras_of_the_rig_are_matched_and_no_pixel_is_touched(
    ros: Any,
) -> None:
    rig = Rig(ros, '')
    for number in range(3):
        rig.period(number)
    last = rig.sets[-1]
    assert list(last.cameras) == list(CAMERAS)
    assert (last.height, last.width, len(last.data)) == (0, 0, 0)
    assert {nanoseconds(stamp) for stamp in last.stamps} == {START_NS + 2 * PERIOD_NS}
