"""The parts of the rig's nodes that need no graph."""

import pytest

from wam_sim.nodes.camera import camera_info
from wam_sim.nodes.notices import Throttle
from wam_sim.nodes.ros_arguments import shared
from wam_sim.nodes.stamps import stamp


def test_names_of_the_main_node_are_not_shared() -> None:
    words = ['sim', '--ros-args', '-r', '__node:=sim', '--params-file', 'a.yaml', '-r', 'a:=b']
    assert shared(words) == ['--ros-args', '--params-file', 'a.yaml', '-r', 'a:=b']
    assert shared(['sim']) == []


def test_one_notice_of_each_kind_a_second() -> None:
    throttle = Throttle()
    assert throttle.passes('waist: Goal_Position = 3 refused', 0)
    assert not throttle.passes('waist: Goal_Position = -4.5 refused', 500_000_000)
    assert throttle.passes('elbow: Goal_Position = 4 refused', 500_000_000)
    assert throttle.passes('waist: Goal_Position = 5 refused', 1_000_000_000)


@pytest.mark.parametrize('time_ns', [0, 999_999_999, 1_000_000_000, 12_345_678_901])
def test_stamps(time_ns: int) -> None:
    made = stamp(time_ns)
    assert made.sec * 1_000_000_000 + made.nanosec == time_ns
    assert made.nanosec < 1_000_000_000


def test_camera_info_is_a_pinhole() -> None:
    info = camera_info(90.0)
    assert info.k[0] == info.k[4] == pytest.approx(240.0)
    assert (info.k[2], info.k[5]) == (319.5, 239.5)
    assert list(info.p[:3]) == list(info.k[:3])
