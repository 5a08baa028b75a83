from collections import Counter

import pytest

from wam_core.errors import WamError
from wam_policy.cosmos.options import CosmosOptions, DecodingOptions, PlanningOptions
from wam_policy.cosmos.planning.runs import (
    Search,
    ensemble_steps,
    make_runs,
    next_batch,
    search_of,
)
from wam_policy.cosmos.planning.sampler import evaluations
from wam_policy.cosmos.sequence.layout import Pass


def make(decoding: dict[str, object] | None = None, **planning: object) -> Search:
    decoding = {'mode': 'autoregressive', **(decoding or {})}
    return search_of(
        CosmosOptions(decoding=DecodingOptions(**decoding), planning=PlanningOptions(**planning))
    )


def test_ensemble_steps_are_the_official_ones() -> None:
    assert ensemble_steps(5, 3) == (1, 3, 5)
    assert ensemble_steps(5, 5) == (1, 2, 3, 4, 5)
    assert ensemble_steps(5, 4) == (1, 2, 3, 5)
    assert ensemble_steps(5, 1) == (5,)


def test_the_papers_plan_has_488_evaluations() -> None:
    runs = make_runs(make(candidates=8), 8, urgent=False)
    assert sum(evaluations(run.steps) for run in runs) == 488
    per_candidate = Counter(run.purpose for run in runs if run.candidate == 3)
    assert per_candidate == {Pass.POLICY: 1, Pass.WORLD_MODEL: 3, Pass.V_VALUE: 15}
    # Ensembles count seeds up from the candidate's.
    offsets = {(run.future, run.value): run.offset for run in runs if run.purpose is Pass.V_VALUE}
    assert offsets == {(future, value): value for future in range(3) for value in range(5)}


def batches(search: Search, candidates: int, urgent: bool) -> list[tuple[Pass, int, int]]:
    pending, made, result = make_runs(search, candidates, urgent), set(), []
    while batch := next_batch(pending, made, search.batch):
        result.append((batch[0].purpose, evaluations(batch[0].steps), len(batch)))
        made |= {run.key for run in batch if run.purpose in (Pass.POLICY, Pass.WORLD_MODEL)}
        pending = [run for run in pending if run not in batch]
    assert not pending
    return result


@pytest.mark.parametrize('urgent', [False, True])
def test_the_papers_batches_are_full(urgent: bool) -> None:
    runs = batches(make(candidates=8, batch=8), 8, urgent)
    assert all(size == 8 for _, _, size in runs)
    assert sum(count for _, count, _ in runs) == 61


def test_few_candidates_share_batches_across_futures_and_steps() -> None:
    runs = batches(make(candidates=2, batch=8), 2, urgent=False)
    values = [(count, size) for purpose, count, size in runs if purpose is Pass.V_VALUE]
    # Two steps are one evaluation, as one step is: 2 candidates x 3 futures x 2.
    assert values == [(1, 8), (1, 4), (3, 6), (4, 6), (5, 6)]


def test_urgent_runs_give_comparable_values_early() -> None:
    runs = batches(make(candidates=4, batch=2), 4, urgent=True)
    first = [purpose for purpose, _, _ in runs[:6]]
    assert first == [Pass.POLICY, Pass.WORLD_MODEL, Pass.V_VALUE] * 2


def test_the_prefix_goes_to_no_later_chunk() -> None:
    """Chunks to execute and later ones are never in one batch: the former may have a prefix."""
    search = make(candidates=3, batch=2, depth=2, futures=1)
    pending, made = make_runs(search, 3, urgent=True), set()
    while batch := next_batch(pending, made, search.batch):
        assert len({bool(run.path) for run in batch if run.purpose is Pass.POLICY}) <= 1
        made |= {run.key for run in batch if run.purpose in (Pass.POLICY, Pass.WORLD_MODEL)}
        pending = [run for run in pending if run not in batch]


def test_parallel_mode_and_a_single_candidate() -> None:
    parallel = make({'mode': 'parallel'}, candidates=4)
    assert [run.purpose for run in make_runs(parallel, 4, False)] == [Pass.POLICY] * 4
    alone = make({'future_steps': 7, 'value_steps': 9})
    assert [(run.purpose, run.steps) for run in make_runs(alone, 1, False)] == [
        (Pass.POLICY, 10),
        (Pass.WORLD_MODEL, 7),
        (Pass.V_VALUE, 9),
    ]


def test_q_needs_no_future() -> None:
    runs = make_runs(make({'value': 'q'}, candidates=2), 2, False)
    assert Counter(run.purpose for run in runs) == {Pass.POLICY: 2, Pass.Q_VALUE: 10}
    assert all(run.parent == (run.candidate, (), -1) for run in runs[2:])


def test_paths_of_a_deeper_search() -> None:
    last = make(candidates=2, depth=3)
    assert last.paths == ((), (2,), (2, 2))
    every = make(candidates=2, depth=3, depth_aggregation='average')
    assert every.paths == ((), (0,), (1,), (2,), (2, 0), (2, 1), (2, 2))


def test_use_last_value_leaves_out_what_does_not_count() -> None:
    search = make(candidates=2, depth=2)
    runs = [run for run in make_runs(search, 2, False) if run.candidate == 0]
    assert Counter((run.purpose, run.path) for run in runs) == {
        (Pass.POLICY, ()): 1,
        (Pass.WORLD_MODEL, ()): 1,
        (Pass.POLICY, (2,)): 1,
        (Pass.WORLD_MODEL, (2,)): 3,
        (Pass.V_VALUE, (2,)): 15,
    }
    # With a deadline the near values are an answer in time.
    urgent = [run for run in make_runs(search, 2, True) if run.candidate == 0]
    assert Counter(run.path for run in urgent) == {(): 19, (2,): 19}
    shown = make(candidates=2, depth=2, future_images='average')
    nearest = [run for run in make_runs(shown, 1, False) if not run.path]
    assert Counter(run.purpose for run in nearest) == {Pass.POLICY: 1, Pass.WORLD_MODEL: 3}


@pytest.mark.parametrize('decoding', [{'mode': 'parallel'}, {'value': 'q'}])
def test_depth_needs_predicted_futures(decoding: dict[str, object]) -> None:
    with pytest.raises(WamError, match=r'options\.planning\.depth 2 needs predicted futures'):
        make(decoding, candidates=2, depth=2)
