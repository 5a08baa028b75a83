"""Carries out the runs of a plan in batches, until all are done or time is up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wam_policy.cosmos.network.denoiser import Context
from wam_policy.cosmos.planning.deadline import Costs, Deadline
from wam_policy.cosmos.planning.passes import Passes, advance
from wam_policy.cosmos.planning.prefix import FrozenRows
from wam_policy.cosmos.planning.runs import (
    NO_FUTURE,
    Key,
    Member,
    Run,
    Search,
    make_runs,
    next_batch,
)
from wam_policy.cosmos.planning.sampler import SEEDS, evaluations
from wam_policy.cosmos.sequence.injection import extract_value
from wam_policy.cosmos.sequence.layout import Layout, Pass


@dataclass(frozen=True)
class Query:
    """What is asked. known: (1, 16, T, h, w), its frames before the action hold the state."""

    known: Tensor
    context: Context
    planning_context: Context
    prefix: FrozenRows | None = None


@dataclass(frozen=True)
class Outcome:
    """What was found of one candidate.

    latents: (16, T, h, w) of the policy. futures: sequences with predicted futures to show.
    values: 0..1.
    """

    seed: int
    latents: Tensor
    futures: tuple[Tensor, ...]
    values: Mapping[Member, float]


@dataclass(frozen=True)
class Found:
    """outcomes: of the candidates that got an action.

    complete: whether nothing was left out for want of time. evaluations: of the network, counting
    every sequence; forwards: counting a batch once. stage_ms: milliseconds of each pass.
    """

    outcomes: tuple[Outcome, ...]
    complete: bool
    evaluations: int
    forwards: int
    stage_ms: Mapping[str, float]


@dataclass
class _Progress:
    latents: dict[Key, Tensor] = field(default_factory=dict)
    values: dict[int, dict[Member, float]] = field(default_factory=dict)
    evaluations: int = 0
    forwards: int = 0
    stage_ms: dict[str, float] = field(default_factory=dict)


class Searcher:
    """Searches with the policy's checkpoint and the planning one (which may be the same)."""

    def __init__(
        self,
        policy: Passes,
        planning: Passes,
        layout: Layout,
        search: Search,
        clock: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._planning = planning
        self._layout = layout
        self._search = search
        self._clock = clock
        self.costs = Costs()

    def find(
        self,
        query: Query,
        seeds: Sequence[int],
        deadline: Deadline | None,
        at_least_one: bool = True,
    ) -> Found:
        """Everything about the candidates with these seeds that the deadline leaves time for.

        at_least_one: the first candidate gets an action, in time or not.
        """
        pending = make_runs(self._search, len(seeds), deadline is not None)
        progress = _Progress()
        complete = True
        while batch := next_batch(pending, progress.latents, self._search.batch):
            first = at_least_one and not progress.forwards
            done = self._in_time(batch, query, deadline, first)
            if done:
                self._carry_out(done, query, seeds, progress)
            complete = complete and len(done) == len(batch)
            dropped = set(batch)
            pending = [run for run in pending if run not in dropped]
        outcomes = [
            self._outcome(candidate, seed, progress)
            for candidate, seed in enumerate(seeds)
            if (candidate, (), NO_FUTURE) in progress.latents
        ]
        return Found(
            tuple(outcomes), complete, progress.evaluations, progress.forwards, progress.stage_ms
        )

    def _in_time(
        self, batch: list[Run], query: Query, deadline: Deadline | None, first: bool
    ) -> list[Run]:
        """The runs of the batch to carry out. first: one is, in time or not."""
        if deadline is None:
            return batch
        # A sequence that nobody has time to judge is of no use.
        onward = 0 if first else self._search.evaluations_to_value(batch[0])
        if deadline.fits(self._expected(batch, query, onward)):
            return batch
        if not first:
            return []
        # A batch size that was never run might compile first, for longer than the whole batch.
        # Guided runs are not compiled.
        alone = _is_guided(batch, query) or self.costs.knows(1)
        return batch[:1] if alone else batch

    def _expected(self, batch: list[Run], query: Query, onward: int) -> float | None:
        """Seconds of the runs and of so many evaluations after them; None: unknown."""
        count, guided = evaluations(batch[0].steps), _is_guided(batch, query)
        run = self.costs.estimate(len(batch), count, guided)
        after = self.costs.estimate(len(batch), onward)
        return None if run is None else run + (after or 0.0)

    def _carry_out(
        self, batch: list[Run], query: Query, seeds: Sequence[int], progress: _Progress
    ) -> None:
        start = self._clock()
        result = self._sample(batch, query, seeds, progress)
        if result.is_cuda:
            torch.cuda.synchronize(result.device)  # else the clock would show the launch only
        seconds = self._clock() - start
        count = evaluations(batch[0].steps)
        self.costs.record(len(batch), count, seconds, _is_guided(batch, query))
        progress.forwards += count
        progress.evaluations += count * len(batch)
        stage = _STAGES[batch[0].purpose]
        progress.stage_ms[stage] = progress.stage_ms.get(stage, 0.0) + seconds * 1e3
        if batch[0].purpose in (Pass.POLICY, Pass.WORLD_MODEL):
            progress.latents |= {run.key: result[row] for row, run in enumerate(batch)}
            return
        for run, value in zip(batch, result.tolist(), strict=True):
            member = (run.path, run.future, run.value)
            progress.values.setdefault(run.candidate, {})[member] = value

    def _sample(
        self, batch: list[Run], query: Query, seeds: Sequence[int], progress: _Progress
    ) -> Tensor:
        run = batch[0]
        of_runs = [(seeds[each.candidate] + each.offset) % SEEDS for each in batch]
        if run.parent is None:
            return self._policy.policy(
                query.known, query.context, of_runs, run.steps, query.prefix
            )
        parents = [progress.latents[each.parent] for each in batch if each.parent is not None]
        latents = torch.stack(parents)
        if run.purpose is Pass.POLICY:
            given = advance(latents, query.known, self._layout)
            return self._policy.policy(given, query.context, of_runs, run.steps)
        arguments = (latents, query.known, query.planning_context, of_runs, run.steps)
        if run.purpose is Pass.WORLD_MODEL:
            return self._planning.world_model(*arguments)
        return self._planning.value(*arguments, run.purpose)

    def _outcome(self, candidate: int, seed: int, progress: _Progress) -> Outcome:
        latents = progress.latents[candidate, (), NO_FUTURE]
        futures = [
            progress.latents[candidate, (), future]
            for future in range(len(self._search.future_steps))
            if (candidate, (), future) in progress.latents
        ]
        values = progress.values.get(candidate, {})
        if not self._search.value_steps:
            # Decoded in parallel: the policy's own sequence holds the value.
            values = {((), NO_FUTURE, 0): float(extract_value(latents[None], self._layout)[0])}
        shown = futures if self._search.show_all else futures[-1:]
        return Outcome(seed, latents, tuple(shown) or (latents,), values)


def _is_guided(batch: list[Run], query: Query) -> bool:
    return batch[0].parent is None and query.prefix is not None and query.prefix.guided


_STAGES = {
    Pass.POLICY: 'policy',
    Pass.WORLD_MODEL: 'world model',
    Pass.V_VALUE: 'value',
    Pass.Q_VALUE: 'value',
}
