"""Rig, task and policy files: the shipped ones are read, and a fault in one is named."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from wam_core.errors import WamError
from wam_core.motion_limits import MotionLimits
from wam_core.policy import parse_policy
from wam_core.rig import parse_grippers, parse_rig
from wam_core.task import parse_task

CONFIG = Path(__file__).parents[3] / 'config'


def read(name: str) -> Any:
    return yaml.safe_load((CONFIG / name).read_text(encoding='utf-8'))


GRIPPERS = read('grippers.yaml')
SIM = read('rigs/sim.yaml')
CUBE = read('tasks/transfer_cube.yaml')


def changed(manifest: Any, path: str, value: object) -> Any:
    """A copy with one value changed; None takes the key out."""
    result = copy.deepcopy(manifest)
    *parents, key = path.split('.')
    inner = result
    for parent in parents:
        inner = inner[parent]
    if value is None:
        del inner[key]
    else:
        inner[key] = value
    return result


@pytest.mark.parametrize('path', sorted((CONFIG / 'rigs').glob('*.yaml')), ids=lambda p: p.stem)
def test_a_shipped_rig_is_whole(path: Path) -> None:
    rig = parse_rig(path.stem, read(f'rigs/{path.name}'), GRIPPERS, path.name)
    names = ('lower', 'upper', 'velocity', 'acceleration', 'jerk', 'start_pose', 'sleep_pose')
    for vector in (getattr(rig, name) for name in names):
        assert vector.shape == (14,)
        assert np.array_equal(vector[:7], vector[7:])
        assert not vector.flags.writeable
    # The vx300s URDF's ranges in degrees.
    assert np.degrees(rig.lower[1:3]) == pytest.approx([-106.0, -101.0], abs=0.01)
    assert np.degrees(rig.upper[1:3]) == pytest.approx([72.0, 92.0], abs=0.01)
    assert np.degrees([rig.lower[4], rig.upper[4]]) == pytest.approx([-107.0, 128.0], abs=0.01)
    limits = MotionLimits.of(rig)
    for pose in (rig.start_pose, rig.sleep_pose):
        assert np.all((pose >= limits.reach_lower) & (pose <= limits.reach_upper))


def test_the_gripper_profiles_are_the_constants_of_the_field() -> None:
    profiles = parse_grippers(GRIPPERS)
    angles = {
        name: [
            (part.closed_rad, part.open_rad) for part in (profile.follower, profile.leader) if part
        ]
        for name, profile in profiles.items()
    }
    assert angles == {
        'aloha_ros1': [(-0.6213, 1.4910), (-0.6842, 0.3083)],
        'interbotix_ros2': [(0.6197, 1.6214), (-0.0552, 0.8298)],
    }


def test_a_profile_without_leader_angles_is_named_when_somebody_leads() -> None:
    mine = {'aloha_ros1': {'closed': 0.0, 'open': 1.0}}
    rig = parse_rig('sim', SIM, mine, 'sim.yaml')
    with pytest.raises(
        WamError, match=r"'aloha_ros1' of rig 'sim' has no `leader`.*grippers.yaml"
    ):
        rig.leader_calibration  # noqa: B018
    with pytest.raises(WamError, match=r"leader: missing key 'open'"):
        parse_rig('sim', SIM, changed(GRIPPERS, 'aloha_ros1.leader.open', None), 'sim.yaml')


@pytest.mark.parametrize('path', sorted((CONFIG / 'tasks').glob('*.yaml')), ids=lambda p: p.stem)
def test_a_shipped_task_scores_from_0_to_100(path: Path) -> None:
    task = parse_task(path.stem, read(f'tasks/{path.name}'), path.name)
    scores = [task.score(stage) for stage in range(len(task.stages) + 1)]
    assert scores[0] == 0.0
    assert scores[-1] == 100.0
    assert scores == sorted(scores)
    assert not task.succeeded(0)
    assert task.succeeded(len(task.stages))


@pytest.mark.parametrize(
    'path', sorted((CONFIG / 'policies').glob('*.yaml')), ids=lambda p: p.stem
)
def test_a_shipped_policy_names_its_entry_point(path: Path) -> None:
    policy = parse_policy(path.stem, read(f'policies/{path.name}'), path.name)
    assert policy.entry_point
    assert policy.spec.name == path.stem
    assert policy.spec.horizon * policy.spec.dt_ns > 0
    assert policy.spec.action_dim == 14


@pytest.mark.parametrize(
    ('path', 'value', 'text'),
    [
        ('limits.lower', [0.0] * 6, 'limits: lower has 6 numbers, expected 7'),
        ('limits.lower', [9.0] * 7, 'every lower must be below its upper'),
        ('limits.velocity', [0.0] * 7, 'velocity must be above 0, got 0'),
        ('limits.jerk', None, "limits: missing key 'jerk'"),
        ('limits.acceleration', [-1.0] * 7, 'acceleration must be above 0, got -1'),
        ('limits.snap', 1.0, "limits: unknown key 'snap'"),
        ('limits.gripper_dead_band', 0.9, 'gripper_dead_band = 0.9, allowed 0 to 0.5'),
        ('start_pose', [0.0] * 6 + [2.0], 'start_pose .* is outside limits'),
        ('gripper_profile', 'mine', "gripper_profile = 'mine', expected one of"),
        ('followers.left', None, "followers: missing key 'left'"),
        ('cameras.cam_high.rate_hz', 0, 'cam_high: rate_hz = 0, allowed 1 to 200'),
        ('simulated', 'yes', "simulated = 'yes', expected true or false"),
    ],
)
def test_a_fault_in_a_rig_is_named(path: str, value: object, text: str) -> None:
    with pytest.raises(WamError, match=f'sim.yaml: .*{text}'):
        parse_rig('sim', changed(SIM, path, value), GRIPPERS, 'sim.yaml')


@pytest.mark.parametrize(
    ('path', 'value', 'text'),
    [
        ('success', 'flown', "success = 'flown', expected one of"),
        ('time_limit_s', 0, 'time_limit_s = 0, allowed 1 to 3600'),
        ('stages', [], 'stages: expected at least one'),
        (
            'stages',
            [{'name': 'a', 'points': 50}, {'name': 'b', 'points': 20}],
            r'points must not decrease, got \[50\.0, 20\.0\]',
        ),
        ('stages', [{'name': 'a', 'points': 101}], r'stages\[0\]: points = 101, allowed 0 to 100'),
    ],
)
def test_a_fault_in_a_task_is_named(path: str, value: object, text: str) -> None:
    with pytest.raises(WamError, match=text):
        parse_task('cube', changed(CUBE, path, value), 'cube.yaml')


@pytest.mark.parametrize(
    ('path', 'value', 'text'),
    [
        ('horizon', 0, 'horizon = 0, allowed 1 to 1000'),
        ('horizon', 1.5, 'horizon = 1.5, expected a whole number'),
        ('image.depth', 3, "image: unknown key 'depth'"),
        ('policy', None, "missing key 'policy'"),
        ('weights', 'x', "unknown key 'weights'"),
    ],
)
def test_a_fault_in_a_policy_is_named(path: str, value: object, text: str) -> None:
    with pytest.raises(WamError, match=text):
        parse_policy('hold', changed(read('policies/hold.yaml'), path, value), 'hold.yaml')
