"""What a plan consists of: sampling runs, which come first, which fit into one batch.

The tree of runs, their seeds and numbers of steps are those of cosmos-policy, ``deploy.py`` and
``get_future_state_prediction``, ``get_value_prediction``, ``get_qvalue_prediction``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wam_core.errors import WamError
from wam_policy.cosmos.options import CosmosOptions
from wam_policy.cosmos.planning.sampler import evaluations
from wam_policy.cosmos.sequence.layout import Pass

# The futures chosen on the way from the present to a chunk: () is the chunk to execute.
Path = tuple[int, ...]
# path, future and value of one predicted value; future -1: Q, which needs none.
Member = tuple[Path, int, int]
# candidate, path and future of a latent sequence; future -1: that of the policy.
Key = tuple[int, Path, int]

NO_FUTURE = -1


@dataclass(frozen=True)
class Search:
    """The shape of a candidate's tree.

    future_steps, value_steps: of each ensemble member; empty: the policy run predicts these too.
    purpose: Pass.V_VALUE or Pass.Q_VALUE. average: whether every future and its value counts
    along the depth, or the last alone. show_all: whether all nearest futures are to be shown.
    """

    action_steps: int
    future_steps: tuple[int, ...]
    value_steps: tuple[int, ...]
    purpose: Pass
    depth: int
    average: bool
    show_all: bool
    batch: int

    @property
    def paths(self) -> tuple[Path, ...]:
        """Of all chunks, nearest first.

        Deeper than two, the official code continues from the last future of the last branch.
        """
        paths: list[Path] = [()]
        branch: Path = ()
        last = len(self.future_steps) - 1
        for _ in range(self.depth - 1):
            children = range(last + 1) if self.average else (last,)
            paths += [(*branch, child) for child in children]
            branch = (*branch, last)
        return tuple(paths)

    def evaluations_to_value(self, run: 'Run') -> int:
        """What it takes after this run, at least, until its sequence has a value."""
        steps: tuple[int, ...] = ()
        if run.purpose is Pass.POLICY:
            steps = (*self.future_steps[:1], *self.value_steps[:1])
        elif run.purpose is Pass.WORLD_MODEL:
            steps = self.value_steps[:1]
        return sum(evaluations(each) for each in steps)


@dataclass(frozen=True)
class Run:
    """One denoising of one sequence. offset: of its seed from the candidate's."""

    purpose: Pass
    candidate: int
    path: Path
    steps: int
    future: int = NO_FUTURE
    value: int = 0
    offset: int = 0

    @property
    def key(self) -> Key:
        """Of the sequence that a policy or world model run makes, or that a value is of."""
        return self.candidate, self.path, self.future

    @property
    def parent(self) -> Key | None:
        """Of the sequence that it needs; None: the current state is enough."""
        if self.purpose is Pass.POLICY:
            return (self.candidate, self.path[:-1], self.path[-1]) if self.path else None
        if self.purpose is Pass.WORLD_MODEL:
            return self.candidate, self.path, NO_FUTURE
        return self.key

    def joins(self, other: 'Run') -> bool:
        """Whether both can be sequences of one batch."""
        return (
            self.purpose is other.purpose
            and evaluations(self.steps) == evaluations(other.steps)
            and bool(self.path) == bool(other.path)
        )


def search_of(options: CosmosOptions) -> Search:
    """The tree that the options ask for. Raises WamError for what doesn't go together."""
    decoding, planning = options.decoding, options.planning
    alone = planning.candidates == 1
    futures: tuple[int, ...] = ()
    values: tuple[int, ...] = ()
    if decoding.mode == 'autoregressive':
        values = (decoding.value_steps,)
        if not alone:
            values = ensemble_steps(planning.value_steps, planning.values)
    if decoding.mode == 'autoregressive' and decoding.value == 'v':
        futures = (decoding.future_steps,)
        if not alone:
            futures = ensemble_steps(planning.future_steps, planning.futures)
    depth = 1 if alone else planning.depth
    if depth > 1 and not futures:
        raise WamError(
            f'options.planning.depth {depth} needs predicted futures, allowed: '
            "options.decoding.mode 'autoregressive' with options.decoding.value 'v'; "
            f'given {decoding.mode!r} with {decoding.value!r}'
        )
    return Search(
        action_steps=decoding.action_steps,
        future_steps=futures,
        value_steps=values,
        purpose=Pass.V_VALUE if decoding.value == 'v' else Pass.Q_VALUE,
        depth=depth,
        average=planning.depth_aggregation == 'average',
        show_all=not alone and planning.future_images == 'average',
        batch=planning.batch,
    )


def ensemble_steps(last: int, members: int) -> tuple[int, ...]:
    """Evaluations of each member, from 1 to ``last``, for diversity; one member has ``last``."""
    if members == 1:
        return (last,)
    return tuple(np.linspace(1, last, members).astype(int).tolist())


def make_runs(search: Search, candidates: int, urgent: bool) -> list[Run]:
    """All runs of so many candidates, in the order of their importance.

    urgent: whether there is a deadline. Then comparable values come as early as possible;
    otherwise runs of a kind stay together, so that batches are full, and values that the answer
    doesn't depend on are left out.
    """
    runs = [
        run for candidate in range(candidates) for run in _of_candidate(search, candidate, urgent)
    ]
    return sorted(runs, key=lambda run: _urgency(run, search) if urgent else _order(run))


def next_batch(pending: Sequence[Run], made: Iterable[Key], limit: int) -> list[Run]:
    """The most important run whose parent is made, and those that join it. Empty: none."""
    known = set(made)
    ready = [run for run in pending if run.parent is None or run.parent in known]
    return [run for run in ready if run.joins(ready[0])][:limit]


def _of_candidate(search: Search, candidate: int, urgent: bool) -> Iterator[Run]:
    paths = search.paths
    for path in paths:
        yield Run(Pass.POLICY, candidate, path, search.action_steps)
        judged = urgent or search.average or path == paths[-1]
        wanted = judged or (search.show_all and not path)
        for future, steps in enumerate(search.future_steps):
            if wanted or future == len(search.future_steps) - 1:
                yield Run(Pass.WORLD_MODEL, candidate, path, steps, future, offset=future)
        for future in range(len(search.future_steps)) or (NO_FUTURE,):
            for value, steps in enumerate(search.value_steps if judged else ()):
                yield Run(search.purpose, candidate, path, steps, future, value, offset=value)


def _order(run: Run) -> tuple[object, ...]:
    stage = {Pass.POLICY: 0, Pass.WORLD_MODEL: 1}.get(run.purpose, 2)
    return len(run.path), stage, run.path, run.value, run.future, run.candidate


def _urgency(run: Run, search: Search) -> tuple[object, ...]:
    """First one value for each candidate, a batch of candidates at a time; then one for each
    further future; then all others.
    """
    future = max(run.future, 0)
    is_value = run.purpose in (Pass.V_VALUE, Pass.Q_VALUE)
    tier = 2 if run.value else min(future, 1)
    block = run.candidate // search.batch if tier == 0 else 0
    rank = 0 if run.purpose is Pass.POLICY else 2 * future + 1 + is_value
    return len(run.path), tier, block, run.value, rank, run.path, run.candidate
