"""Rewards, against gym_aloha's own tasks on the same physics states."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from wam_core.joints import Vector
from wam_sim.rig import SimRig

pytest.importorskip('dm_control', reason='dm_control has no wheels for Python 3.13 (labmaze)')

from dm_control import mujoco as dm_mujoco
from gym_aloha.constants import ASSETS_DIR
from gym_aloha.tasks.sim import InsertionTask, TransferCubeTask

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
