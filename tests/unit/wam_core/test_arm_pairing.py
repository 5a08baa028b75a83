"""Two arms' joint states as one: order of names, pairing, and what is refused."""

import math

import numpy as np
import pytest

from wam_bringup.config import load_rig
from wam_core.arm_pairing import ArmPairing, RigState
from wam_core.joints import GRIPPERS

NAMES = [
    'waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate', 'gripper',
    'left_finger', 'right_finger',
]  # fmt: skip

PERIOD_NS = 10


@pytest.fixture
def pairing() -> ArmPairing:
    return ArmPairing(load_rig('sim').gripper, PERIOD_NS)


def add(
    pairing: ArmPairing,
    side: str,
    stamp_ns: int,
    offset: float,
    **changes: list[float] | list[str],
) -> RigState | None:
    """Adds a sample that completes one pair at most."""
    values = [offset + 0.01 * index for index in range(9)]
    fields = {
        'names': NAMES,
        'position': values,
        'velocity': [2 * value for value in values],
        'effort': [3 * value for value in values],
    }
    states = pairing.add(side, stamp_ns, **{**fields, **changes})  # type: ignore[arg-type]
    assert len(states) <= 1
    return states[0] if states else None


def test_a_pair_has_both_arms_and_the_older_stamp(pairing: ArmPairing) -> None:
    assert add(pairing, 'left', 105, 0.1) is None
    state = add(pairing, 'right', 100, 0.5)
    assert state is not None
    assert state.stamp_ns == 100
    assert state.arm_stamps_ns == (105, 100)
    assert state.position[:6] == pytest.approx([0.1, 0.11, 0.12, 0.13, 0.14, 0.15])
    assert state.position[7:13] == pytest.approx([0.5, 0.51, 0.52, 0.53, 0.54, 0.55])
    assert state.gripper_angle == pytest.approx([0.16, 0.56])
    span = 1.4910 + 0.6213  # aloha_ros1
    assert state.position[list(GRIPPERS)] == pytest.approx(
        [(0.16 + 0.6213) / span, (0.56 + 0.6213) / span]
    )
    assert state.velocity[[0, 6]] == pytest.approx([0.2, 0.32 / span])
    assert state.effort[[0, 6, 7, 13]] == pytest.approx([0.3, 0.48, 1.5, 1.68])


def test_joints_are_found_by_name_not_by_place(pairing: ArmPairing) -> None:
    order = np.random.default_rng(0).permutation(9)
    values = 0.1 + 0.01 * np.arange(9)
    add(pairing, 'right', 1, 0.1)
    state = add(
        pairing,
        'left',
        1,
        0.1,
        names=[NAMES[index] for index in order],
        position=values[order].tolist(),
        velocity=(2 * values[order]).tolist(),
        effort=(3 * values[order]).tolist(),
    )
    assert state is not None
    assert state.position[:7] == pytest.approx(state.position[7:])
    assert state.velocity[:7] == pytest.approx(state.velocity[7:])
    assert state.effort[:7] == pytest.approx(state.effort[7:])


def test_each_sample_is_used_once_also_when_one_arm_comes_in_a_burst(pairing: ArmPairing) -> None:
    for tick in range(5):
        assert add(pairing, 'left', 10 * tick, 0.1 * tick) is None
    for tick in range(5):
        state = add(pairing, 'right', 10 * tick + 1, 0.3)
        assert state is not None
        assert state.arm_stamps_ns == (10 * tick, 10 * tick + 1)
        assert state.position[0] == pytest.approx(0.1 * tick)
    assert add(pairing, 'right', 51, 0.3) is None
    assert pairing.unpaired == {'left unpaired': 0, 'right unpaired': 0}


def test_what_finds_no_partner_is_counted(pairing: ArmPairing) -> None:
    for tick in range(20):
        assert add(pairing, 'left', 10 * tick, 0.1) is None
    state = add(pairing, 'right', 190, 0.1)
    assert state is not None
    assert state.arm_stamps_ns == (190, 190)
    assert pairing.unpaired == {'left unpaired': 19, 'right unpaired': 0}


@pytest.mark.parametrize('phase_ns', [0, 1, 3, 5, 7, 9])
@pytest.mark.parametrize('first', ['left', 'right'])
def test_pairs_are_close_whichever_arm_comes_first(
    pairing: ArmPairing, phase_ns: int, first: str
) -> None:
    second = 'right' if first == 'left' else 'left'
    # One arm was there before the other.
    add(pairing, first, 0, 0.1)
    add(pairing, first, 10, 0.1)
    spreads = []
    for tick in range(2, 50):
        arrivals = sorted([(10 * tick, first), (10 * tick - 10 + phase_ns, second)])
        states = [add(pairing, side, stamp_ns, 0.1) for stamp_ns, side in arrivals]
        spreads += [abs(np.subtract(*state.arm_stamps_ns)) for state in states if state]
    assert len(spreads) >= 46
    assert max(spreads[2:]) <= 7


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'names': NAMES[1:]}, 'left unusable'),
        ({'names': []}, 'left unusable'),
        ({'position': [0.0] * 3}, 'left unusable'),
        ({'effort': []}, 'left unusable'),
        ({'position': [math.nan] * 9}, 'left not finite'),
        ({'velocity': [math.inf] * 9}, 'left not finite'),
    ],
)
def test_a_bad_sample_is_counted_and_named(
    pairing: ArmPairing, changes: dict[str, object], reason: str
) -> None:
    add(pairing, 'right', 1, 0.1)
    assert add(pairing, 'left', 1, 0.1, **changes) is None
    assert pairing.refused == {reason: 1}
    assert pairing.last_refusal.startswith('left: ')
    assert add(pairing, 'left', 2, 0.1) is not None


def test_a_frozen_driver_makes_no_new_state(pairing: ArmPairing) -> None:
    add(pairing, 'left', 1, 0.1)
    add(pairing, 'right', 1, 0.1)
    assert add(pairing, 'left', 1, 0.1) is None
    assert add(pairing, 'right', 11, 0.1) is None
    assert pairing.refused == {'left repeated': 1}


def test_a_silent_arm_is_stale(pairing: ArmPairing) -> None:
    assert pairing.stale(0, 10) == ('left', 'right')
    add(pairing, 'left', 100, 0.1)
    add(pairing, 'right', 105, 0.1)
    assert pairing.stale(112, 10) == ('left',)
    assert pairing.stale(110, 10) == ()
