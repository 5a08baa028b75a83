"""The opening gesture: what counts as one, and what a person's hands do besides."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.gesture import Gesture, GestureConfig, GestureWatch
from wam_core.joints import GRIPPERS

MS = 1_000_000
PERIOD_NS = 10 * MS
CONFIG = GestureConfig(
    close_below=0.15, close_ns=500 * MS, open_above=0.9, open_ns=1500 * MS, still_rad_s=0.3
)
HALF = (0.5, 0.5)
CLOSED = (0.1, 0.05)
OPEN = (0.95, 1.0)

# How long (ms), the openings, and the speed of the arms.
Part = tuple[int, tuple[float, float], float]


def seen(parts: Iterable[Part], watch: GestureWatch | None = None) -> list[tuple[int, Gesture]]:
    """The gestures of a sequence of postures at 100 Hz, with the ms at which they came."""
    watch = GestureWatch(CONFIG) if watch is None else watch
    found, stamp = [], 0
    for milliseconds, openings, speed in parts:
        for _ in range(milliseconds * MS // PERIOD_NS):
            position, velocity = np.zeros(14), np.zeros(14)
            position[list(GRIPPERS)] = openings
            velocity[3] = speed
            gesture = watch.take(stamp, position, velocity)
            if gesture is not None:
                found.append((stamp // MS, gesture))
            stamp += PERIOD_NS
    return found


def test_both_grippers_closed_for_a_while_begin_once() -> None:
    assert seen([(100, HALF, 0.0), (3000, CLOSED, 0.0)]) == [(600, Gesture.BEGIN)]


def test_both_grippers_wide_open_for_a_while_end_once() -> None:
    assert seen([(100, HALF, 0.0), (5000, OPEN, 0.1)]) == [(1600, Gesture.END)]


@pytest.mark.parametrize(
    'parts',
    [
        [(100, HALF, 0.0), (400, CLOSED, 0.0), (1000, HALF, 0.0)],  # too short
        [(100, HALF, 0.0), (3000, (0.05, 0.5), 0.0)],  # one hand only
        [(100, HALF, 0.0), (3000, (0.95, 0.5), 0.0)],
        [(100, HALF, 0.0), (3000, OPEN, 0.8)],  # arms on their way, grippers open for the task
        [(3000, CLOSED, 0.0)],  # closed since before anybody looked
        [(3000, OPEN, 0.0)],
        [(100, HALF, 0.0), (3000, (math.nan, 0.0), 0.0)],
    ],
)
def test_what_is_no_gesture(parts: list[Part]) -> None:
    assert seen(parts) == []


def test_a_hand_that_trembles_on_the_threshold_does_not_let_go() -> None:
    trembling: list[Part] = [(10, (0.14 + 0.05 * (tick % 2),) * 2, 0.0) for tick in range(100)]
    assert [gesture for _, gesture in seen([(100, HALF, 0.0), *trembling])] == [Gesture.BEGIN]


def test_the_next_one_needs_hands_that_were_otherwise() -> None:
    again: list[Part] = [(100, HALF, 0.0), (1000, CLOSED, 0.0)]
    assert len(seen([*again, (1000, CLOSED, 0.0)])) == 1
    assert len(seen([*again, *again])) == 2


def test_what_nobody_saw_does_not_count() -> None:
    watch = GestureWatch(CONFIG)
    position = np.zeros(14)
    position[list(GRIPPERS)] = 0.5
    still = np.zeros(14)
    assert watch.take(0, position, still) is None
    position[list(GRIPPERS)] = 0.0
    # Closed at both ends of a silence of two seconds, and after the clock went back.
    for stamp in (10 * MS, 400 * MS, 2400 * MS, 2800 * MS, 100 * MS, 500 * MS):
        assert watch.take(stamp, position, still) is None, stamp
    assert watch.take(600 * MS, position, still) is Gesture.BEGIN


@given(
    st.lists(
        st.tuples(
            st.integers(10, 1400),
            st.tuples(st.floats(0.21, 1.2), st.floats(-0.2, 1.2)),
            st.just(0.0),
        ),
        max_size=6,
    )
)
def test_nothing_begins_while_one_gripper_is_open(parts: list[Part]) -> None:
    assert Gesture.BEGIN not in [gesture for _, gesture in seen(parts)]
