"""Goals of /rollout/run, checked against the rig."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from wam_msgs.action import RunRollout

from wam_bringup.config import config_directory, load_rig, load_task
from wam_core.errors import WamError
from wam_nodes.rollout_plan import plan_of


def goal(**fields: object) -> RunRollout.Goal:
    return RunRollout.Goal(**{'task': 'transfer_cube', **fields})


def test_what_is_not_said_comes_from_the_task() -> None:
    plan = plan_of(goal(seed=5, record=True), load_rig('sim'))
    assert plan.task == load_task('transfer_cube')
    assert (plan.policy, plan.mode, plan.seed, plan.record) == ('', '', 5, True)
    assert plan.time_limit_s == plan.task.time_limit_s


def test_a_policy_file_stands_for_its_name() -> None:
    path = str(config_directory() / 'policies' / 'hold.yaml')
    assert plan_of(goal(policy=path), load_rig('sim')).policy == 'hold'


def test_a_real_rig_has_no_seed() -> None:
    assert plan_of(goal(seed=5), load_rig('aloha')).seed == -1


@pytest.mark.parametrize('limit', [-0.1, math.nan, math.inf])
def test_a_time_limit_that_makes_no_sense_is_refused(limit: float) -> None:
    with pytest.raises(WamError, match='time_limit_s'):
        plan_of(goal(time_limit_s=limit), load_rig('sim'))


def test_a_task_without_a_simulation_is_refused_on_a_simulated_rig(tmp_path: Path) -> None:
    path = tmp_path / 'fold.yaml'
    text = (config_directory() / 'tasks' / 'transfer_cube.yaml').read_text(encoding='utf-8')
    lines = [line for line in text.splitlines() if not line.startswith('scene:')]
    path.write_text('\n'.join(lines), encoding='utf-8')
    with pytest.raises(WamError, match="task 'fold' has no simulation"):
        plan_of(goal(task=str(path)), load_rig('sim'))
    real = replace(load_rig('sim'), simulated=False)
    assert plan_of(goal(task=str(path)), real).task.name == 'fold'
