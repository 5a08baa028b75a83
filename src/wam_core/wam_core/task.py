"""A task as data, config/tasks/<name>.yaml: its instruction, time limit and score rubric."""

from dataclasses import dataclass

from wam_core.errors import WamError
from wam_core.mapping import Section


@dataclass(frozen=True)
class Stage:
    """points: 0..100, the score when this is the highest stage reached."""

    name: str
    points: float


@dataclass(frozen=True)
class TaskSpec:
    """scene: of the simulated rig; empty: the task has no simulation. success: a stage's name."""

    name: str
    language: str
    scene: str
    time_limit_s: float
    stages: tuple[Stage, ...]
    success: str

    def score(self, stage: int) -> float:
        """Points of the ``stage``-th stage, counted from 1; 0 for stage 0."""
        return self.stages[stage - 1].points if stage > 0 else 0.0

    def succeeded(self, stage: int) -> bool:
        """Whether reaching the ``stage``-th stage, counted from 1, is a success."""
        names = [entry.name for entry in self.stages]
        return stage > names.index(self.success)


def parse_task(name: str, task: object, source: str) -> TaskSpec:
    """Builds a TaskSpec from the contents of a task file.

    Raises WamError with ``source`` and the key for anything missing, unknown or out of range.
    """
    section = Section(task, source)
    stages = tuple(
        _stage(Section(entry, f'{source}: stages[{index}]'))
        for index, entry in enumerate(section.sequence('stages'))
    )
    points = [stage.points for stage in stages]
    if not stages:
        raise WamError(f'{source}: stages: expected at least one with a name and points')
    if points != sorted(points):
        raise WamError(f'{source}: stages: points must not decrease, got {points}')
    spec = TaskSpec(
        name=name,
        language=section.text('language'),
        scene=section.text('scene') if 'scene' in section else '',
        time_limit_s=section.number('time_limit_s', 1.0, 3600.0),
        stages=stages,
        success=section.text('success', [stage.name for stage in stages]),
    )
    section.close()
    return spec


def _stage(section: Section) -> Stage:
    stage = Stage(section.text('name'), section.number('points', 0.0, 100.0))
    section.close()
    return stage
