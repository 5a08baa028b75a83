"""Best of N: candidate chunks, what they would lead to, and which of them is worth most."""

import math
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.network.denoiser import Context
from wam_policy.cosmos.options import CosmosOptions
from wam_policy.cosmos.planning.aggregation import (
    aggregate,
    along_depth,
    check_members,
    fewest_members,
    select,
)
from wam_policy.cosmos.planning.deadline import Deadline
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.planning.prefix import FrozenRows, frozen_rows
from wam_policy.cosmos.planning.runs import Member, search_of
from wam_policy.cosmos.planning.sampler import SEEDS, evaluations
from wam_policy.cosmos.planning.search import Found, Outcome, Query, Searcher
from wam_policy.cosmos.sequence.layout import Layout

WHERE: Final = 'see options.planning.deadline_s'


@dataclass(frozen=True)
class PlanCandidate:
    """One action chunk that might be executed.

    latents: (16, T, h, w) of the policy run; its action frame is the chunk. futures: sequences
    whose future frames are to be shown: one, or all those whose images are to be averaged.
    value: 0..1, None where it was not compared. values: of all members, before aggregation.
    """

    seed: int
    latents: Tensor
    futures: tuple[Tensor, ...]
    value: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """The candidates and which one to execute, an index of ``candidates``.

    complete: whether all of the search was done. note: what was not, and how late that was done.
    stage_ms: milliseconds of each pass in this process. evaluations: of the network, counting
    every sequence; forwards: counting a batch once, in this process.
    """

    candidates: tuple[PlanCandidate, ...]
    chosen: int
    complete: bool
    note: str
    stage_ms: Mapping[str, float]
    evaluations: int
    forwards: int


class Team(Protocol):
    """Other processes that search the last candidates; see ``workers.Workers``."""

    def reset(self, text: Tensor) -> None:
        """A new task."""

    def warm_up(self, known: Tensor, candidates: int) -> None:
        """All of them have compiled what they need for their share of so many candidates."""

    def own_share(self, candidates: int) -> int:
        """How many of the candidates, from the first, are left to this process."""

    def submit(
        self,
        known: Tensor,
        seeds: Sequence[int],
        deadline: Deadline | None,
        prefix: FrozenRows | None,
    ) -> None:
        """Hands out the candidates beyond this process's share."""

    def collect(self, deadline: Deadline | None) -> tuple[tuple[Found, ...], str]:
        """What was found in time, and a note about what was not."""


class Planner:
    """Plans with one checkpoint, or with a second one that judges the first one's proposals.

    Raises WamError for options that don't go together.
    """

    def __init__(
        self,
        policy: Passes,
        planning: Passes | None,
        layout: Layout,
        options: CosmosOptions,
        clock: Callable[[], float] = time.monotonic,
        workers: Team | None = None,
    ) -> None:
        search = search_of(options)
        self._options = options.planning
        self._seed = options.decoding.seed
        # A policy that judges one chunk reports the value as it is.
        self._aggregates = options.planning.candidates > 1 and bool(search.value_steps)
        if self._aggregates:
            members = len(search.value_steps) * max(1, len(search.future_steps))
            check_members(options.planning, members)
        self._guides = options.decoding.prefix == 'guide'
        self._layout = layout
        self._paths = search.paths
        self._least = evaluations(search.action_steps)  # that an answer takes at least
        self._policy = policy
        self._planning = planning
        self._searcher = Searcher(policy, planning or policy, layout, search, clock)
        self._workers = workers
        self._clock = clock
        self._contexts: tuple[Context, Context] | None = None

    def reset(self, text: Tensor) -> None:
        """A new task. text: its embedding, (512, 1024). If this fails, there is no task."""
        self._contexts = None
        context = self._policy.context(text)
        judging = context if self._planning is None else self._planning.context(text)
        self._contexts = context, judging
        if self._workers is not None:
            self._workers.reset(text)

    def warm_up(self, known: Tensor, candidates: int | None = None) -> None:
        """Runs all batch sizes that a plan may need, then learns how long they take.

        To be called after the first ``reset``. candidates: None: those of the options.
        """
        count = self._options.candidates if candidates is None else candidates
        if self._workers is not None:
            self._workers.warm_up(known, count)
            count = self._workers.own_share(count)
        deadline = None
        if self._options.deadline_s > 0.0:
            # Runs are in another order, so in other batches, than without one.
            deadline = Deadline(self._clock, math.inf)
        seeds = self._seeds(self._seed)[:count]
        for _ in range(2):
            self._searcher.costs.forget()
            self.find(known, seeds, deadline)
            self.find(known, seeds[:1], deadline)
            if self._guides:
                self._guide_one(known, seeds[0])
        for passes in filter(None, (self._policy, self._planning)):
            passes.settle()

    def _guide_one(self, known: Tensor, seed: int) -> None:
        row = torch.zeros((1, self._layout.action_dim))
        prefix = frozen_rows(row, self._layout, guided=True)
        # With no time left, this one run is all that is done.
        self.find(known, [seed], Deadline(self._clock, 0.0), prefix)

    def find(
        self,
        known: Tensor,
        seeds: Sequence[int],
        deadline: Deadline | None = None,
        prefix: FrozenRows | None = None,
        at_least_one: bool = True,
    ) -> Found:
        """What this process finds about the candidates with these seeds. Raises WamError.

        at_least_one: the first of them gets an action, in time or not.
        """
        if self._contexts is None:
            raise WamError('a plan without a task: reset(text) comes first')
        query = Query(known, *self._contexts, prefix)
        return self._searcher.find(query, seeds, deadline, at_least_one)

    def plan(
        self,
        known: Tensor,
        seed: int,
        deadline: Deadline | None = None,
        prefix: FrozenRows | None = None,
    ) -> Plan:
        """The best chunk for the current state that ``known`` (1, 16, T, h, w) holds.

        The candidates have the seeds ``seed``, ``seed`` + 1, ...; the outcome for a seed depends
        neither on the batch size nor on the number of workers. deadline: None: takes its time;
        one that is past still gets the first candidate's chunk.
        prefix: leading rows of the chunks to execute. Raises WamError.
        """
        seeds = self._seeds(seed)
        if self._workers is None:
            found: list[Found] = [self.find(known, seeds, deadline, prefix)]
            lost = ''
        else:
            share = self._workers.own_share(len(seeds))
            self._workers.submit(known, seeds, deadline, prefix)
            found = [self.find(known, seeds[:share], deadline, prefix)]
            others, lost = self._workers.collect(deadline)
            found += others
        outcomes = [outcome for each in found for outcome in each.outcomes]
        candidates, chosen, comparison = self._choose(outcomes, known.device)
        in_full = all(each.complete for each in found)
        notes = [lost] if lost else []
        if deadline is not None and not in_full:
            notes.insert(0, f'stopped by the deadline of {deadline.seconds:g} s: {comparison}')
        if deadline is not None and deadline.remaining() < 0.0:
            notes.append(self._lateness(deadline, found[0].evaluations))
        return Plan(
            candidates=candidates,
            chosen=chosen,
            complete=in_full and not lost,
            note='; '.join(notes),
            stage_ms=found[0].stage_ms,
            evaluations=sum(each.evaluations for each in found),
            forwards=found[0].forwards,
        )

    def least_s(self) -> float:
        """Seconds that one candidate's chunk takes; 0 before the first plan."""
        return self._searcher.costs.estimate(1, self._least) or 0.0

    def _lateness(self, deadline: Deadline, done: int) -> str:
        late = f'{-deadline.remaining():.2f} s later than the deadline of {deadline.seconds:g} s'
        if done > self._least:
            return late
        return f'{late}: encoding and one candidate take that long ({WHERE})'

    def _seeds(self, seed: int) -> list[int]:
        return [(seed + index) % SEEDS for index in range(self._options.candidates)]

    def _choose(
        self, outcomes: Sequence[Outcome], device: torch.device
    ) -> tuple[tuple[PlanCandidate, ...], int, str]:
        """The candidates, the index of the best one, and on what it was found."""
        compared = [outcome for outcome in outcomes if outcome.values]
        common = set.intersection(*[set(each.values) for each in compared]) if compared else set()
        scores = [self._score(each, common) for each in outcomes]
        candidates = tuple(
            PlanCandidate(
                each.seed,
                each.latents.to(device),
                tuple(future.to(device) for future in each.futures),
                score,
                tuple(each.values[member] for member in sorted(each.values)),
            )
            for each, score in zip(outcomes, scores, strict=True)
        )
        scored = [(index, score) for index, score in enumerate(scores) if score is not None]
        if not scored:
            return candidates, 0, 'no candidates were compared, the first one is executed'
        chosen = scored[select([score for _, score in scored])][0]
        comparison = (
            f'{len(scored)} of {self._options.candidates} candidates were compared, '
            f'on {len(common)} predicted value{"" if len(common) == 1 else "s"} each'
        )
        return candidates, chosen, comparison

    def _score(self, outcome: Outcome, common: Set[Member]) -> float | None:
        """The candidate's value on the common members; None: it has none, or too few."""
        if not outcome.values:
            return None
        fewest = fewest_members(self._options.aggregation) if self._aggregates else 1
        by_path = [
            [outcome.values[member] for member in sorted(common) if member[0] == path]
            for path in self._paths
        ]
        scores = [self._aggregated(values) for values in by_path if len(values) >= fewest]
        return along_depth(scores, self._options.depth_aggregation) if scores else None

    def _aggregated(self, values: Sequence[float]) -> float:
        if not self._aggregates:
            return values[0]
        return float(aggregate(torch.tensor(values), self._options.aggregation))
