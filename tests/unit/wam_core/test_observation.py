"""An observation is of one moment, or there is a reason why there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.joints import Vector
from wam_core.observation import ObservationBuffer
from wam_core.policy import Image, Observation

MS = 1_000_000
CAMERAS = ('cam_high', 'cam_left_wrist')


def frames(value: int = 0) -> Image:
    return np.full((2, 4, 6, 3), value, dtype=np.uint8)


def state(buffer: ObservationBuffer, stamp_ms: int) -> bool:
    """Every part of the state says when it was."""
    part = np.full(14, float(stamp_ms))
    return buffer.add_state(stamp_ms * MS, part, part + 0.1, part + 0.2)


def buffer(slop_ms: int = 20) -> ObservationBuffer:
    return ObservationBuffer(CAMERAS, depth=16, slop_ns=slop_ms * MS)


def found(result: Observation | str) -> Observation:
    assert isinstance(result, Observation), result
    return result


def test_the_newest_frames_come_with_the_nearest_state() -> None:
    subject = buffer()
    for stamp_ms in range(0, 100, 10):
        assert state(subject, stamp_ms)
    assert subject.add_frames(33 * MS, frames(1))
    assert subject.add_frames(66 * MS, frames(2))
    observation = found(subject.newest())
    assert observation.stamp_ns == 66 * MS
    assert observation.images[0, 0, 0, 0] == 2
    assert observation.position[0] == 70.0
    assert (observation.velocity[13], observation.effort[13]) == (70.1, 70.2)
    assert observation.objects == {}


def test_older_frames_are_taken_while_the_state_of_the_newest_is_still_to_come() -> None:
    subject = buffer()
    state(subject, 30)
    subject.add_frames(33 * MS, frames(1))
    subject.add_frames(66 * MS, frames(2))
    assert found(subject.newest()).stamp_ns == 33 * MS
    reason = subject.newest(not_before_ns=34 * MS)
    assert reason == 'the nearest proprioception is 36.0 ms from the newest frames, allowed 20 ms'


@pytest.mark.parametrize('missing', ['frames', 'proprioception', 'task state'])
def test_the_reason_says_what_is_missing(missing: str) -> None:
    subject = ObservationBuffer(CAMERAS, privileged=True)
    if missing != 'frames':
        subject.add_frames(0, frames())
    if missing != 'proprioception':
        state(subject, 0)
    if missing != 'task state':
        subject.add_objects(0, {'cube': np.zeros(7)})
    assert subject.newest() == f'no {missing} yet'


def test_frames_that_are_too_old_for_the_request_are_not_taken() -> None:
    subject = buffer()
    state(subject, 0)
    subject.add_frames(0, frames())
    assert subject.newest(500 * MS) == 'the newest frames are 0.500 s too old for the request'
    assert found(subject.newest(0)).stamp_ns == 0


def test_a_policy_without_cameras_sees_the_newest_state() -> None:
    subject = ObservationBuffer(())
    assert subject.newest() == 'no proprioception yet'
    state(subject, 10)
    state(subject, 20)
    observation = found(subject.newest())
    assert (observation.stamp_ns, observation.position[0]) == (20 * MS, 20.0)
    assert observation.images.shape == (0, 0, 0, 3)


def test_a_privileged_policy_gets_the_objects_of_that_moment() -> None:
    subject = ObservationBuffer(CAMERAS, slop_ns=20 * MS, privileged=True)
    state(subject, 33)
    subject.add_frames(33 * MS, frames())
    for stamp_ms in (0, 30, 60):
        subject.add_objects(stamp_ms * MS, {'cube': np.full(7, float(stamp_ms))})
    assert found(subject.newest()).objects['cube'].tolist() == [30.0] * 7


@pytest.mark.parametrize(
    'images',
    [
        np.zeros((3, 4, 6, 3), np.uint8),
        np.zeros((2, 4, 6), np.uint8),
        np.zeros((2, 4, 6, 1), np.uint8),
        np.zeros((2, 4, 6, 3)),
    ],
)
def test_images_of_another_shape_are_not_taken(images: Image) -> None:
    subject = buffer()
    assert not subject.add_frames(0, images)
    assert subject.newest() == 'no frames yet'


@pytest.mark.parametrize('bad', [np.zeros(13), np.full(14, np.nan), np.full(14, np.inf)])
def test_a_state_that_is_none_is_not_taken(bad: Vector) -> None:
    subject = buffer()
    good = np.zeros(14)
    assert not subject.add_state(0, bad, good, good)
    assert not subject.add_state(0, good, good, bad)
    assert not subject.add_objects(0, {'cube': bad[:7] + np.nan})


def test_the_buffer_keeps_its_own_state() -> None:
    subject = ObservationBuffer(())
    position = np.zeros(14)
    subject.add_state(0, position, position, position)
    position[0] = 5.0
    assert found(subject.newest()).position[0] == 0.0


def test_a_clock_that_is_set_back_begins_anew() -> None:
    subject = buffer()
    state(subject, 5000)
    subject.add_frames(5000 * MS, frames(1))
    assert not subject.add_frames(4900 * MS, frames(2))
    assert subject.add_frames(10 * MS, frames(3))
    assert subject.newest() == 'no proprioception yet'
    assert state(subject, 0)
    assert found(subject.newest()).images[0, 0, 0, 0] == 3


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True),
    st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True),
    st.integers(0, 50),
    st.integers(0, 400),
)
@settings(max_examples=200, deadline=None)
def test_no_newer_moment_would_have_done(
    frames_ms: list[int], states_ms: list[int], slop_ms: int, not_before_ms: int
) -> None:
    subject = buffer(slop_ms)
    for stamp_ms in sorted(frames_ms):
        subject.add_frames(stamp_ms * MS, frames())
    for stamp_ms in sorted(states_ms):
        state(subject, stamp_ms)
    usable = [
        stamp
        for stamp in sorted(frames_ms)[-4:]
        if stamp >= not_before_ms and min(abs(stamp - other) for other in states_ms) <= slop_ms
    ]
    result = subject.newest(not_before_ms * MS)
    if not usable:
        assert isinstance(result, str)
        assert result
        return
    observation = found(result)
    assert observation.stamp_ns == max(usable) * MS
    distance = abs(observation.position[0] - max(usable))
    assert distance == min(abs(max(usable) - other) for other in states_ms)


@pytest.mark.parametrize(('depth', 'slop_ns'), [(1, 0), (4, -1)])
def test_nonsense_is_refused(depth: int, slop_ns: int) -> None:
    with pytest.raises(WamError, match='expected a depth from 2 on'):
        ObservationBuffer(CAMERAS, depth, slop_ns)
