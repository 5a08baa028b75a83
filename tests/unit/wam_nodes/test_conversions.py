"""Messages to arrays and back."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from wam_msgs.msg import ActionChunk

from wam_core.errors import WamError
from wam_nodes.conversions import (
    doubles,
    duration_message,
    frame_set,
    images,
    matrix,
    nanoseconds,
    pose_message,
    pose_vector,
    time_message,
    vector,
)


@given(st.integers(min_value=0, max_value=2**31 * 10**9 - 1))
def test_a_time_survives_the_message(stamp_ns: int) -> None:
    message = time_message(stamp_ns)
    assert nanoseconds(message) == stamp_ns
    assert 0 <= message.nanosec < 10**9


@given(st.integers(min_value=-(2**31) * 10**9, max_value=2**31 * 10**9 - 1))
def test_a_duration_survives_the_message(length_ns: int) -> None:
    assert nanoseconds(duration_message(length_ns)) == length_ns


def test_frames_survive_the_message_and_are_read_without_a_copy() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    message = frame_set(('a', 'b'), (20, 15), frames)
    assert nanoseconds(message.header.stamp) == 15
    assert nanoseconds(message.spread) == 5
    assert [nanoseconds(stamp) for stamp in message.stamps] == [20, 15]
    read = images(message)
    assert np.array_equal(read, frames)
    message.data[0] = (int(frames[0, 0, 0, 0]) + 1) % 256
    assert read[0, 0, 0, 0] == message.data[0]


def test_frames_that_are_not_contiguous_are_written_in_order() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (1, 8, 6, 3), dtype=np.uint8)
    assert np.array_equal(images(frame_set(('a',), (1,), frames[:, ::2])), frames[:, ::2])


def test_frames_of_the_wrong_size_are_refused() -> None:
    message = frame_set(('a',), (1,), np.zeros((1, 4, 6, 3), np.uint8))
    message.width = 7
    with pytest.raises(WamError, match=r'72 bytes of data, expected \(1, 4, 7, 3\)'):
        images(message)


def test_rows_survive_the_message() -> None:
    rows = np.random.default_rng(1).normal(size=(5, 14))
    message = ActionChunk(actions=doubles(rows))
    assert np.array_equal(matrix(message.actions, 5, 14), rows)
    assert np.array_equal(vector(message.actions), rows.ravel())
    with pytest.raises(WamError, match='70 numbers, expected 6 rows of 14'):
        matrix(message.actions, 6, 14)


def test_no_rows_are_a_matrix_without_rows() -> None:
    assert matrix(ActionChunk().actions, 0, 14).shape == (0, 14)


def test_a_pose_has_its_quaternion_in_the_order_of_observations() -> None:
    pose = pose_message(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3, 0.9]))
    assert pose_vector(pose) == pytest.approx([1.0, 2.0, 3.0, 0.9, 0.1, 0.2, 0.3])


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))
def test_a_malformed_time_still_fits_a_message(sec: int, nanosec: int) -> None:
    stamp_ns = nanoseconds(Time(sec=sec, nanosec=nanosec))
    assert time_message(stamp_ns).sec == sec
    assert nanoseconds(time_message(stamp_ns)) == stamp_ns
