"""Rewards and start poses, against gym_aloha's own tasks on the same physics states."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from dm_control import mujoco as dm_mujoco
from gym_aloha.constants import ASSETS_DIR
from gym_aloha.tasks.sim import InsertionTask, TransferCubeTask
from gym_aloha.utils import sample_box_pose, sample_insertion_pose

from wam_core.errors import WamError
from wam_core.joints import Vector
from wam_core.task import Stage, TaskSpec
from wam_sim.rig import SimRig

TASKS = {'transfer_cube': TransferCubeTask, 'peg_insertion': InsertionTask}
SCENES = {'transfer_cube': 'transfer_cube', 'peg_insertion': 'insertion'}
# Of the free joints, in the order of the MJCF.
OBJECTS = {'transfer_cube': ['cube'], 'peg_insertion': ['peg', 'socket']}


@pytest.fixture(params=sorted(TASKS))
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[SimRig, Any, Any]]:
    """Our rig, and gym_aloha's physics and task, of one scene."""
    name = request.param
    path = ASSETS_DIR / f'bimanual_viperx_{SCENES[name]}.xml'
    physics = dm_mujoco.Physics.from_xml_path(str(path))
    with SimRig(0, name) as rig:
        yield rig, physics, TASKS[name](random=False)


def grip(rig: SimRig, side: str) -> Vector:
    """Where an object is between the fingers of a gripper."""
    hand = rig.data.body(f'vx300s_{side}/gripper_link')
    return np.asarray(hand.xpos + hand.xmat.reshape(3, 3) @ [0.13, 0.0, 0.0])


def lower_the_arms(rig: SimRig) -> None:
    """Turns both shoulders until the grippers are at the table."""
    while grip(rig, 'right')[2] > 0.012:
        rig.data.qpos[[1, 9]] += 0.01
        rig.refresh()


def scenarios(rig: SimRig) -> Iterator[Vector]:
    """qpos of states that reach every stage: objects on the table, in grippers, in each other."""
    count = len(OBJECTS[rig.task.name])
    for lowered in (False, True):
        if lowered:
            lower_the_arms(rig)
        grips = [grip(rig, 'left'), grip(rig, 'right')]
        spots = [*grips, *np.array([[0.0, 0.5, 0.02], [0.0, 0.5, 0.3], [0.0, 0.53, 0.3]])]
        spots += [spot + offset for spot in grips for offset in np.eye(3) * 0.01]
        base = rig.data.qpos.copy()
        for first in spots:
            for second in spots if count > 1 else [first]:
                for opening in (0.022, 0.043, 0.055):
                    qpos = base.copy()
                    qpos[[6, 14]], qpos[[7, 15]] = opening, -opening
                    for index, spot in enumerate((first, second)[:count]):
                        qpos[16 + 7 * index : 19 + 7 * index] = spot
                    yield qpos


def test_rewards_are_those_of_gym_aloha(pair: tuple[SimRig, Any, Any]) -> None:
    rig, physics, task = pair
    seen = set()
    for qpos in scenarios(rig):
        with physics.reset_context():
            physics.data.qpos[:] = qpos
        expected = task.get_reward(physics)
        rig.data.qpos[:] = qpos
        rig.data.qvel[:] = 0.0
        rig.refresh()
        assert rig.task_state.reward == expected
        seen.add(expected)
    assert seen == {0, 1, 2, 3, 4}


@pytest.mark.parametrize('seed', [0, 1, 42, 2**32 - 1])
def test_start_poses_are_those_of_gym_aloha(seed: int) -> None:
    with SimRig(seed, 'transfer_cube') as rig:
        np.testing.assert_array_equal(rig.task_state.objects['cube'], sample_box_pose(seed))
        rig.reset('peg_insertion', seed)
        peg, socket = sample_insertion_pose(seed)
        np.testing.assert_array_equal(rig.task_state.objects['peg'], peg)
        np.testing.assert_array_equal(rig.task_state.objects['socket'], socket)


def test_a_reset_forgets_the_stage_and_a_stage_is_not_lost_before() -> None:
    with SimRig(0, 'transfer_cube') as rig:
        body = rig.data.body('vx300s_left/gripper_link')
        start = rig.data.qpos.copy()
        rig.data.qpos[16:19] = body.xpos + body.xmat.reshape(3, 3) @ [0.13, 0.0, 0.0]
        rig.refresh()
        assert rig.task_state.stage_name == 'transferred'
        assert (rig.task_state.score, rig.task_state.success) == (100.0, True)
        rig.data.qpos[:] = start
        rig.refresh()
        assert (rig.task_state.reward, rig.task_state.stage) == (0, 4)
        rig.reset()
        truth = rig.task_state
        assert (truth.stage, truth.stage_name, truth.score, truth.success) == (0, '', 0.0, False)


@pytest.mark.parametrize('seed', [-1, 2**32])
def test_seeds_outside_the_range_are_refused_and_change_nothing(seed: int) -> None:
    with SimRig(5, 'transfer_cube') as rig:
        with pytest.raises(WamError, match='seed'):
            rig.reset('peg_insertion', seed)
        assert (rig.task.name, rig.seed, rig.episode) == ('transfer_cube', 5, 1)
        rig.step(None)
        assert list(rig.task_state.objects) == ['cube']


def test_a_task_without_a_simulation_is_refused() -> None:
    task = TaskSpec('fold', 'fold the shirt', '', 10.0, (Stage('done', 100.0),), 'done')
    with pytest.raises(WamError, match='no simulation'):
        SimRig(0, task)


def test_a_task_with_fewer_stages_than_rewards_is_refused_and_changes_nothing() -> None:
    stages = (Stage('touched', 50.0), Stage('lifted', 100.0))
    task = TaskSpec('short', 'lift the peg', 'insertion', 10.0, stages, 'lifted')
    with SimRig(5, 'transfer_cube') as rig:
        with pytest.raises(WamError, match='2 stages, expected 4'):
            rig.reset(task, 5)
        assert (rig.task.name, rig.episode) == ('transfer_cube', 1)
        rig.step(None)
        assert list(rig.task_state.objects) == ['cube']
