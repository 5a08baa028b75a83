"""Tasks of the simulated rig: start poses, stages that are kept, and what is refused."""

import numpy as np
import pytest
from gym_aloha.utils import sample_box_pose, sample_insertion_pose

from wam_core.errors import WamError
from wam_core.task import Stage, TaskSpec
from wam_sim.rig import SimRig


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
