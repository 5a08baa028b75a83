"""The scripted policy as the policy node sees it, and its inverse kinematics. No physics."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from gym_aloha.utils import sample_box_pose, sample_insertion_pose
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_bringup.config import load_policy, load_rig
from wam_core.errors import WamError
from wam_core.joints import ARM_SLICES, GRIPPERS, Vector
from wam_core.policy import InferenceRequest, Observation
from wam_sim.expert import peg_insertion, transfer_cube
from wam_sim.expert.grasp import from_above, level, yaw_of
from wam_sim.expert.inverse_kinematics import Kinematics
from wam_sim.expert.plan import Plan, build
from wam_sim.expert.policy import ScriptedPolicy

RIG = load_rig('sim')
CONFIG = load_policy('scripted')
NS = 1_000_000_000
CHUNK_NS = CONFIG.spec.horizon * CONFIG.spec.dt_ns
ARMS = [*range(6), *range(7, 13)]
KINEMATICS = Kinematics()
NO_IMAGES = np.zeros((0, 0, 0, 3), np.uint8)


def cube(seed: int) -> dict[str, Vector]:
    return {'cube': sample_box_pose(seed)}


def parts(seed: int) -> dict[str, Vector]:
    peg, socket = sample_insertion_pose(seed)
    return {'peg': peg, 'socket': socket}


def observed(
    objects: Mapping[str, Vector], stamp_ns: int = 0, position: Vector = RIG.start_pose
) -> Observation:
    zeros = np.zeros(14)
    return Observation(stamp_ns, NO_IMAGES, position, zeros, zeros, objects=objects)


def asked(mode: str = 'async') -> InferenceRequest:
    return InferenceRequest(1, 'a task', mode, np.zeros((0, 14)))


def whole_plan(objects: Mapping[str, Vector]) -> Plan:
    moves, checks = (transfer_cube if 'cube' in objects else peg_insertion).moves(objects)
    return build(KINEMATICS, RIG.start_pose, moves, checks, 0.04)


@pytest.mark.parametrize('objects', [cube(0), cube(7), parts(0), parts(7)])
def test_a_chunk_has_the_spec_s_shape_and_starts_where_the_arms_are(
    objects: Mapping[str, Vector],
) -> None:
    prediction = ScriptedPolicy(CONFIG).infer(observed(objects), asked())
    assert prediction.actions.shape == (CONFIG.spec.horizon, 14)
    np.testing.assert_array_equal(prediction.actions[0], RIG.start_pose)
    assert prediction.future_proprioception is not None
    np.testing.assert_array_equal(prediction.future_proprioception, prediction.actions[-1])
    assert prediction.value == 0.0
    assert set(prediction.stage_ms) == {'planning', 'sampling'}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), insertion=st.booleans())
def test_every_sampled_scene_has_a_plan_within_the_limits(seed: int, insertion: bool) -> None:
    rows = whole_plan(parts(seed) if insertion else cube(seed)).positions
    assert np.isfinite(rows).all()
    assert (rows >= RIG.lower).all() and (rows <= RIG.upper).all()
    speed = np.abs(np.diff(rows, axis=0)).max(axis=0) / (CONFIG.spec.dt_ns * 1e-9)
    assert speed[ARMS].max() <= 1.5
    assert speed[list(GRIPPERS)].max() <= 2.2
    assert 8.0 < len(rows) * 0.04 < 14.0


def test_async_chunks_are_the_same_function_of_time() -> None:
    policy = ScriptedPolicy(CONFIG)
    first = policy.infer(observed(cube(3)), asked()).actions
    second = policy.infer(observed(cube(3), 1 * NS, first[25]), asked()).actions
    np.testing.assert_allclose(second[:25], first[25:], atol=1e-12)
    between = policy.infer(observed(cube(3), NS + 20_000_000, second[0]), asked()).actions
    np.testing.assert_allclose(between[:-1], (second[:-1] + second[1:]) / 2, atol=1e-12)


@pytest.mark.parametrize('pause_ns', [-100_000_000, 0, 3 * NS])
def test_sync_chunks_follow_each_other_whatever_the_pause(pause_ns: int) -> None:
    policy = ScriptedPolicy(CONFIG)
    first = policy.infer(observed(cube(3)), asked('sync')).actions
    later = observed(cube(3), CHUNK_NS + pause_ns, first[-1])
    second = policy.infer(later, asked('sync')).actions
    assert np.abs(second[0] - first[-1]).max() < 0.1
    fresh = ScriptedPolicy(CONFIG)
    fresh.infer(observed(cube(3)), asked())
    expected = fresh.infer(observed(cube(3), CHUNK_NS, first[-1]), asked()).actions
    np.testing.assert_allclose(second, expected, atol=1e-12)


def test_a_repeated_request_does_not_advance_the_plan() -> None:
    policy = ScriptedPolicy(CONFIG)
    first = policy.infer(observed(cube(3)), asked()).actions
    np.testing.assert_array_equal(policy.infer(observed(cube(3)), asked()).actions, first)


def test_arms_that_did_not_move_get_the_rows_that_they_missed() -> None:
    policy = ScriptedPolicy(CONFIG)
    policy.infer(observed(cube(3)), asked())
    rows = policy.infer(observed(cube(3), 20 * NS), asked()).actions
    assert np.abs(rows[0] - RIG.start_pose)[ARMS].max() < 0.01


def test_the_last_row_is_held_and_the_value_ends_at_one() -> None:
    policy = ScriptedPolicy(CONFIG)
    objects = parts(1)
    prediction = policy.infer(observed(objects), asked())
    values = [prediction.value]
    for step in range(1, 9):
        position = prediction.actions[-1]
        hands = KINEMATICS.forward(position)
        if step > 2:
            objects = {
                name: np.append(hands[side].translation(), [1.0, 0.0, 0.0, 0.0])
                for name, side in (('peg', 'right'), ('socket', 'left'))
            }
        prediction = policy.infer(observed(objects, step * CHUNK_NS, position), asked())
        values.append(prediction.value)
    np.testing.assert_array_equal(prediction.actions, np.tile(prediction.actions[-1], (50, 1)))
    assert values == sorted(values, key=float) and values[-1] == 1.0


def test_a_cube_that_was_pushed_away_is_picked_up_where_it_is() -> None:
    policy = ScriptedPolicy(CONFIG)
    first = policy.infer(observed(cube(3)), asked()).actions
    moved = cube(3)
    moved['cube'][0] += 0.02
    again = policy.infer(observed(moved, NS, first[25]), asked()).actions
    np.testing.assert_array_equal(again[0], first[25])
    for step in range(1, 4):
        again = policy.infer(observed(moved, NS + step * CHUNK_NS, again[-1]), asked()).actions
        hands = [KINEMATICS.forward(row)['right'].translation() for row in again]
        if min(hand[2] for hand in hands) < 0.021:
            break
    lowest = min(hands, key=lambda hand: float(hand[2]))
    np.testing.assert_allclose(lowest, [*moved['cube'][:2], 0.02], atol=1e-3)


def test_a_cube_that_never_left_the_table_is_picked_up_again() -> None:
    policy = ScriptedPolicy(CONFIG)
    rows = policy.infer(observed(cube(3)), asked()).actions
    lows = []
    for step in range(1, 12):
        rows = policy.infer(observed(cube(3), step * CHUNK_NS, rows[-1]), asked()).actions
        lows.append(min(KINEMATICS.forward(row)['right'].translation()[2] for row in rows))
    downs = [before > 0.05 and after < 0.025 for before, after in itertools.pairwise(lows)]
    assert sum(downs) >= 2, lows


def test_reset_forgets_the_plan() -> None:
    policy = ScriptedPolicy(CONFIG)
    policy.infer(observed(cube(3)), asked())
    policy.reset('a task')
    position = RIG.start_pose + 0.05
    rows = policy.infer(observed(cube(3), NS, position), asked()).actions
    np.testing.assert_array_equal(rows[0], position)


@pytest.mark.parametrize('names', [(), ('banana',), ('peg',)])
def test_unknown_objects_are_refused_with_what_is_there_and_what_is_needed(
    names: tuple[str, ...],
) -> None:
    objects = {name: sample_box_pose(0) for name in names}
    with pytest.raises(WamError, match=r"(?s)\['cube'\] or \['peg', 'socket'\]") as error:
        ScriptedPolicy(CONFIG).infer(observed(objects), asked())
    assert str(sorted(names)) in str(error.value)


def test_an_object_out_of_reach_is_refused_with_its_place_and_then_planned_for() -> None:
    policy = ScriptedPolicy(CONFIG)
    far = cube(3)
    far['cube'][:2] = [-0.5, 0.9]
    with pytest.raises(WamError, match=r"move 'above': the right arm cannot reach \[-0.5, 0.9"):
        policy.infer(observed(far), asked())
    assert policy.infer(observed(cube(3)), asked()).actions.shape == (50, 14)


def test_arms_on_their_stops_start_from_there() -> None:
    policy = ScriptedPolicy(CONFIG)
    first = policy.infer(observed(cube(3), 0, RIG.sleep_pose - 0.3), asked()).actions
    np.testing.assert_array_equal(first[0], RIG.sleep_pose - 0.3)
    pushed = cube(3)
    pushed['cube'][0] += 0.05
    again = policy.infer(observed(pushed, NS, RIG.sleep_pose - 0.3), asked()).actions
    assert np.isfinite(again).all()


def test_options_are_refused() -> None:
    with pytest.raises(WamError, match=r"unknown key 'speed'.*misjudged_m"):
        ScriptedPolicy(replace(CONFIG, options={'speed': 2}))


@settings(max_examples=60, deadline=None)
@given(
    side=st.sampled_from(['left', 'right']),
    along=st.floats(-0.2, 0.05),
    across=st.floats(-0.15, 0.15),
    height=st.floats(0.02, 0.2),
    yaw=st.floats(-0.7, 0.7),
)
def test_the_inverse_of_a_pose_leads_to_the_pose(
    side: str, along: float, across: float, height: float, yaw: float
) -> None:
    x = along if side == 'left' else -along
    pose = from_above(side, [x, 0.5 + across, height], yaw)
    joints = KINEMATICS.reach(RIG.start_pose, {side: pose})
    reached = KINEMATICS.forward(joints)[side]
    np.testing.assert_allclose(reached.translation(), pose.translation(), atol=1e-3)
    turn = (reached.rotation().inverse() @ pose.rotation()).log()
    assert np.linalg.norm(turn) < 5e-3
    other = ARM_SLICES['right' if side == 'left' else 'left']
    np.testing.assert_allclose(joints[other], RIG.start_pose[other], atol=1e-6)


def test_the_hands_of_a_handover_point_at_each_other() -> None:
    place = np.array([0.0, 0.5, 0.3])
    left, right = level('left', place, math.pi / 2), level('right', place)
    forward = [pose.rotation().as_matrix()[:, 0] for pose in (left, right)]
    np.testing.assert_allclose(forward[0], -forward[1], atol=1e-12)
    fingers = [pose.rotation().as_matrix()[:, 1] for pose in (left, right)]
    assert abs(fingers[0] @ fingers[1]) < 1e-12


@given(yaw=st.floats(-math.pi, math.pi), turns=st.integers(-2, 2))
def test_the_yaw_of_a_square_is_the_least_turn(yaw: float, turns: int) -> None:
    half = yaw / 2 + turns * math.pi / 4
    pose = np.array([0, 0, 0, math.cos(half), 0, 0, math.sin(half)])
    found = yaw_of(pose, math.pi / 2)
    assert abs(found) <= math.pi / 4 + 1e-9
    assert abs(math.sin(2 * (found - yaw))) < 1e-6
