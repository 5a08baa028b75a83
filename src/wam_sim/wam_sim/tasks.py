"""What a simulated task counts as progress, and where its objects start.

The rewards are those of gym_aloha's TransferCubeTask and InsertionTask (tasks/sim.py), computed
from the same contacts; a reward of n is the n-th stage of the task's file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from gym_aloha.utils import sample_box_pose, sample_insertion_pose

from wam_core.errors import WamError
from wam_core.joints import Vector
from wam_core.task import TaskSpec
from wam_sim.scene import OBJECT_JOINTS

Contacts = frozenset[tuple[str, str]]

_GREATEST_REWARD: Final = 4  # of both tasks
_SEED_LIMIT: Final = 2**32  # exclusive; of NumPy's RandomState, which gym_aloha samples with
_LEFT: Final = 'vx300s_left/10_left_gripper_finger'
_RIGHT: Final = 'vx300s_right/10_right_gripper_finger'
_SOCKET: Final = ('socket-1', 'socket-2', 'socket-3', 'socket-4')


@dataclass(frozen=True)
class TaskTruth:
    """What the simulator knows of a task.

    stage: highest since the reset, 0 none. reward: the stage that holds right now.
    score: 0..100. objects: name -> (7,) position m and quaternion w x y z in the world frame.
    """

    stage: int
    stage_name: str
    reward: int
    score: float
    success: bool
    objects: Mapping[str, Vector]


class Task:
    """Follows one task in one scene since its last reset; a task that ``check_task`` passes."""

    def __init__(self, spec: TaskSpec, model: Any, data: Any) -> None:
        self.spec = spec
        self._reward_of, self._sample = _REWARDS[spec.scene], _SAMPLERS[spec.scene]
        self._model, self._data = model, data
        self._addresses = {
            name: int(model.jnt_qposadr[model.joint(joint).id])
            for name, joint in OBJECT_JOINTS[spec.scene].items()
        }
        self._geoms = [model.geom(index).name for index in range(model.ngeom)]
        self._stage = self._reward = 0

    def reset(self, seed: int) -> None:
        """Puts the objects where gym_aloha's sampler puts them for this seed, and forgets."""
        for name, pose in self._sample(seed).items():
            address = self._addresses[name]
            self._data.qpos[address : address + 7] = pose
        self._stage = self._reward = 0

    def update(self) -> None:
        """Looks at the present contacts."""
        self._reward = self._reward_of(contacts(self._data, self._geoms))
        self._stage = max(self._stage, self._reward)

    def truth(self) -> TaskTruth:
        """What is known now."""
        stage = self._stage
        return TaskTruth(
            stage=stage,
            stage_name=self.spec.stages[stage - 1].name if stage else '',
            reward=self._reward,
            score=self.spec.score(stage),
            success=self.spec.succeeded(stage),
            objects={
                name: self._data.qpos[address : address + 7].copy()
                for name, address in self._addresses.items()
            },
        )


def check_task(spec: TaskSpec) -> None:
    """Raises WamError for a scene that is not simulated, and for fewer stages than its rewards."""
    if spec.scene not in _REWARDS:
        raise WamError(
            f'task {spec.name!r}: scene {spec.scene!r} is not simulated, '
            f'expected one of {sorted(_REWARDS)}'
        )
    if len(spec.stages) < _GREATEST_REWARD:
        raise WamError(
            f'task {spec.name!r}: {len(spec.stages)} stages, expected {_GREATEST_REWARD} or more: '
            f'one for each reward of scene {spec.scene!r}'
        )


def check_seed(seed: int) -> None:
    """Raises WamError for a seed that gym_aloha's samplers don't take."""
    if not 0 <= seed < _SEED_LIMIT:
        raise WamError(f'seed = {seed}, allowed 0 to {_SEED_LIMIT - 1}')


def contacts(data: Any, geoms: list[str]) -> Contacts:
    """Names of the two geoms of every present contact, in MuJoCo's order."""
    pairs = data.contact.geom[: data.ncon].tolist()
    return frozenset((geoms[first], geoms[second]) for first, second in pairs)


def transfer_cube_reward(pairs: Contacts) -> int:
    """1 the right gripper touches, 2 lifts; 3 the left one touches, 4 has it off the table."""
    on_table = ('red_box', 'table') in pairs
    if ('red_box', _LEFT) in pairs:
        return 3 if on_table else 4
    if ('red_box', _RIGHT) in pairs:
        return 1 if on_table else 2
    return 0


def insertion_reward(pairs: Contacts) -> int:
    """1 both are touched, 2 lifted; 3 peg and socket meet in the air, 4 peg reaches the pin."""
    if ('red_peg', 'pin') in pairs:
        return 4
    aloft = ('red_peg', 'table') not in pairs and not _any_socket(pairs, second='table')
    if aloft and any(('red_peg', part) in pairs for part in _SOCKET):
        return 3
    if ('red_peg', _RIGHT) in pairs and _any_socket(pairs, second=_LEFT):
        return 2 if aloft else 1
    return 0


def _any_socket(pairs: Contacts, second: str) -> bool:
    return any((part, second) in pairs for part in _SOCKET)


def _sample_cube(seed: int) -> dict[str, Vector]:
    return {'cube': np.asarray(sample_box_pose(seed), dtype=np.float64)}


def _sample_insertion(seed: int) -> dict[str, Vector]:
    peg, socket = sample_insertion_pose(seed)
    return {'peg': np.asarray(peg, np.float64), 'socket': np.asarray(socket, np.float64)}


_REWARDS: Final[Mapping[str, Callable[[Contacts], int]]] = {
    'transfer_cube': transfer_cube_reward,
    'insertion': insertion_reward,
}
_SAMPLERS: Final[Mapping[str, Callable[[int], dict[str, Vector]]]] = {
    'transfer_cube': _sample_cube,
    'insertion': _sample_insertion,
}
