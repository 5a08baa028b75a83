import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState

from wam_bringup.config import load_rig
from wam_cli.benches import peers
from wam_cli.benches.recorder import Bench, Round
from wam_cli.benches.recorder_load import joints, pictures, stamped
from wam_cli.benches.recorder_scene import Lateness, parts, sent
from wam_cli.benches.recorder_writers import Written, arm_topics, lerobot, recorded_topics
from wam_core.errors import WamError
from wam_data.cdr import header_stamp_ns
from wam_data.cdr_image import read_image
from wam_data.frames import jpeg_encoder

CAMERA = '/cam_high/camera/color/image_rect_raw'
STAMP_NS = 1_700_000_000_123_456_789


def test_pictures_are_images_with_the_stamp_that_is_due() -> None:
    (first, *_) = pictures(CAMERA)
    for turn in (0, 1, 200):
        data = stamped(first, STAMP_NS, turn)
        assert len(data) == len(first)
        view = read_image(data)
        assert (view.stamp_ns, view.height, view.width) == (STAMP_NS, 480, 640)
        assert view.encoding == 'rgb8'
        rolled = np.roll(read_image(first).pixels(), turn * 7, axis=0)
        assert np.array_equal(view.pixels(), rolled)
    assert deserialize_message(data, Image).step == 3 * 640


def test_no_two_pictures_are_alike_nor_easy_to_compress() -> None:
    ours, others = pictures(CAMERA), pictures('/cam_low')
    found = [stamped(ours[number % len(ours)], 0, number) for number in range(60)]
    assert len({*found, *others}) == len(found) + len(others)
    sizes = [len(jpeg_encoder(95)(picture)) for picture in ours]
    assert 80_000 < min(sizes) < max(sizes) < 160_000


def test_a_state_of_an_arm_is_stamped_too() -> None:
    data = stamped(joints(), STAMP_NS, 0)
    assert header_stamp_ns(data) == STAMP_NS
    assert len(deserialize_message(data, JointState).name) == 9


def test_the_arms_of_a_rig() -> None:
    sides = ('follower_left', 'follower_right', 'leader_left', 'leader_right')
    assert arm_topics(load_rig('aloha')) == [f'/{side}/joint_states' for side in sides]


def test_the_load_is_all_that_a_rig_publishes() -> None:
    rig = load_rig('aloha')
    assert sum(len(part.topics) for part in parts(rig)) == 8
    assert sent(rig, 600.0) == 4 * 60 * 600 + 4 * 100 * 600
    names = recorded_topics(rig)
    assert {*names} == {topic for part in parts(rig) for topic in part.topics}
    assert names[CAMERA] == f'{CAMERA}/compressed'
    assert names['/leader_left/joint_states'] == '/leader_left/joint_states'


def test_a_writer_that_is_not_installed_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent() -> None:
        raise WamError('not installed there: run `make peers`')

    monkeypatch.setattr(peers, 'python', absent)
    assert Bench('sim', None).peer('lerobot', lerobot, 1.0) is None
    assert 'not measured: lerobot: not installed there' in capsys.readouterr().err


def test_the_figures_of_a_round() -> None:
    written = Written(messages=90, cpu_s=5.0, peak_rss_mb=100.0, bytes=2000)
    lateness = Lateness({'p99': 1.0}, {'p99': 0.5})
    figures = Round(100, 10.0, 0.0, lateness, written).figures()
    assert figures == {
        'written': 90,
        'lost': 10,
        'cores': 0.5,
        'peak_rss_mb': 100.0,
        'bytes_per_s': 200.0,
    }
