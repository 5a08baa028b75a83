"""Plans with a deadline, on a clock that only the denoiser moves."""

import itertools
from collections.abc import Callable

import pytest
import torch
from fake_denoiser import LAYOUT, FakeDenoiser, known_latents, make_options, plan_of, text

from wam_policy.cosmos.options import CosmosOptions
from wam_policy.cosmos.planning.deadline import Deadline
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.planning.planner import Plan, Planner
from wam_policy.cosmos.planning.prefix import frozen_rows
from wam_policy.cosmos.sequence.layout import Pass


class Timed:
    """A planner on a clock that only the denoiser moves: a second per evaluation."""

    def __init__(self, options: CosmosOptions, seconds: Callable[[int], float]) -> None:
        self.now = 0.0
        self.denoiser = FakeDenoiser(tick=lambda batch: self.advance(seconds(batch)))
        passes = Passes(self.denoiser, LAYOUT, options.decoding)
        self.planner = Planner(passes, None, LAYOUT, options, self.clock)
        self.planner.reset(text())
        self.planner.warm_up(known_latents())

    def clock(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def plan(self, seconds: float) -> tuple[Plan, float]:
        """The plan and how long it took."""
        start = self.now
        plan = self.planner.plan(known_latents(), 195, Deadline(self.clock, seconds))
        return plan, self.now - start


def timed(seconds: Callable[[int], float] = lambda batch: 1.0, **planning: object) -> Timed:
    return Timed(make_options(deadline_s=1.0, **planning), seconds)


def test_a_deadline_is_kept_and_reported() -> None:
    rig = timed()  # all 4 candidates in a batch, some values two at a time: 3 + 9 + 27 evaluations
    for seconds in (3, 4, 5, 6, 9, 14, 20, 27, 36, 39):
        plan, taken = rig.plan(seconds)
        assert taken <= seconds
        assert plan.complete == (plan.note == '')
        assert len(plan.candidates) == 4
    assert plan.complete
    plan, _ = rig.plan(20.0)
    assert plan.note.startswith('stopped by the deadline of 20 s: 4 of 4 candidates were compared')


def test_candidates_are_compared_on_what_all_have() -> None:
    rig = timed(batch=4)
    plan, _ = rig.plan(5.0)  # policy 3, first future 1, first value 1
    assert plan.note.endswith('4 of 4 candidates were compared, on 1 predicted value each')
    full = plan_of(make_options())
    values = [candidate.value for candidate in plan.candidates]
    # Members are sorted: future 0, value 0 is the first of the complete plan's.
    assert values == pytest.approx([candidate.values[0] for candidate in full.candidates])
    assert values[plan.chosen] == max(value for value in values if value is not None)


def test_no_time_goes_into_futures_that_nobody_can_judge() -> None:
    rig = timed(batch=4, futures=2, values=2)  # 3 + 1 + 5 + 2 + 2 x 5 evaluations
    world, value = LAYOUT.clean(Pass.WORLD_MODEL), LAYOUT.clean(Pass.V_VALUE)
    for seconds in range(4, 20):
        rig.denoiser.calls.clear()
        plan, _ = rig.plan(float(seconds))
        passes = [clean for _, _, clean in rig.denoiser.calls]
        ends = [after for now, after in itertools.pairwise([*passes, None]) if now == world]
        assert set(ends) <= {world, value}
        assert (value in passes) == bool(plan.candidates[0].values) == (seconds >= 5)


def test_without_any_value_the_base_seed_is_executed() -> None:
    plan, taken = timed().plan(3.0)
    assert taken == 3.0 and plan.chosen == 0 and not plan.complete
    assert plan.note.endswith('no candidates were compared, the first one is executed')
    assert plan.candidates[0].value is None
    full = plan_of(make_options())
    assert torch.equal(plan.candidates[0].latents, full.candidates[0].latents)
    assert plan.candidates[0].futures == (plan.candidates[0].latents,)


def test_when_even_the_first_batch_is_too_slow_the_base_seed_runs_alone() -> None:
    rig = timed(lambda batch: float(batch))
    plan, taken = rig.plan(4.0)
    assert taken == 3.0
    assert [candidate.seed for candidate in plan.candidates] == [195]
    assert 'late' not in plan.note
    plan, taken = rig.plan(0.0)  # no time at all: late, but an answer
    assert taken == 3.0 and len(plan.candidates) == 1
    assert not plan.complete
    assert plan.note == (
        'stopped by the deadline of 0 s: no candidates were compared, the first one is executed; '
        '3.00 s later than the deadline of 0 s: encoding and one candidate take that long '
        '(see options.planning.deadline_s)'
    )


def test_one_candidate_that_is_late_is_complete_and_says_so() -> None:
    options = make_options({'mode': 'parallel'}, deadline_s=1.0, candidates=1)
    plan, taken = Timed(options, lambda batch: 1.0).plan(2.5)
    assert taken == 3.0 and plan.complete
    assert plan.note.startswith('0.50 s later than the deadline of 2.5 s: encoding and one')


def test_what_took_longer_than_before_is_late_without_blame_of_the_deadline() -> None:
    speed = [1.0]
    rig = timed(lambda batch: speed[0], batch=4)
    speed[0] = 1.5
    plan, taken = rig.plan(4.0)  # 3 evaluations, of which each took 1 s before
    assert taken == 4.5 and len(plan.candidates) == 4
    assert plan.note.endswith('first one is executed; 0.50 s later than the deadline of 4 s')


def test_guided_candidates_are_begun_only_as_far_as_there_is_time() -> None:
    rig = timed()
    prefix = frozen_rows(torch.zeros((1, LAYOUT.action_dim)), LAYOUT, guided=True)
    plans = []
    for seconds in (35.0, 36.0):  # 3 guided evaluations of 3 s for each of 4 candidates
        start = rig.now
        deadline = Deadline(rig.clock, seconds)
        plans.append(rig.planner.plan(known_latents(), 195, deadline, prefix))
        assert rig.now - start <= seconds
    assert [len(plan.candidates) for plan in plans] == [1, 4]
    plan, taken = rig.plan(39.0)  # which costs nothing to plans without a prefix
    assert plan.complete and taken == 39.0


@pytest.mark.parametrize(('prefix', 'seconds'), [('guide', 9.0), ('replace', 30.0)])
def test_the_warm_up_learns_what_guidance_takes(prefix: str, seconds: float) -> None:
    options = make_options({'prefix': prefix}, deadline_s=1.0)
    costs = Timed(options, lambda batch: 1.0).planner._searcher.costs
    assert costs.estimate(1, 3, guided=True) == seconds
    assert costs.estimate(1, 3) == 3.0


def test_the_least_that_an_answer_takes() -> None:
    assert timed(lambda batch: 1.0 + batch).planner.least_s() == 3 * 2.0


def test_a_worker_need_not_begin_what_it_cannot_end() -> None:
    rig = timed(batch=4)
    deadline = Deadline(rig.clock, 4.5)  # policy 3, first future 1, first value 1
    found = rig.planner.find(known_latents(), [195, 196], deadline, at_least_one=False)
    assert found.outcomes == () and not found.complete and found.forwards == 0
    deadline = Deadline(rig.clock, 5.0)
    found = rig.planner.find(known_latents(), [195, 196], deadline, at_least_one=False)
    assert [bool(outcome.values) for outcome in found.outcomes] == [True, True]


def test_a_large_search_compares_the_first_batch_before_it_proposes_more() -> None:
    rig = timed(batch=2)  # two batches of 3 + 2 evaluations for one value each
    plan, _ = rig.plan(7.0)
    assert [candidate.value is not None for candidate in plan.candidates] == [True] * 2
    assert '2 of 4 candidates were compared' in plan.note
    plan, _ = rig.plan(10.0)
    assert '4 of 4 candidates were compared, on 1 ' in plan.note


def test_a_value_that_others_lack_does_not_count() -> None:
    rig = timed(batch=2)
    # After 10 s all have a value; 6 s later the second future; 1 s later a value of it for two.
    plan, _ = rig.plan(17.0)
    assert [len(candidate.values) for candidate in plan.candidates] == [2, 2, 1, 1]
    assert '4 of 4 candidates were compared, on 1 ' in plan.note
    firsts = [candidate.values[0] for candidate in plan.candidates]
    assert [candidate.value for candidate in plan.candidates] == firsts


def test_the_time_that_compiling_took_is_forgotten() -> None:
    met: set[int] = set()

    def seconds(batch: int) -> float:
        first = batch not in met
        met.add(batch)
        return 1000.0 if first else 1.0

    options = make_options({'mode': 'parallel'}, deadline_s=1.0)
    plan, taken = Timed(options, seconds).plan(10.0)
    assert plan.complete and taken == 3.0


def test_lcb_waits_for_two_values() -> None:
    rig = timed(aggregation='lcb', batch=4)
    plan, _ = rig.plan(5.0)
    assert 'no candidates were compared' in plan.note
    plan, _ = rig.plan(6.0)  # the second value of the first future has one evaluation too
    assert '4 of 4 candidates were compared, on 2 ' in plan.note


def test_warm_up_runs_every_batch_size_of_a_plan() -> None:
    for planning in ({'candidates': 5, 'batch': 4}, {'candidates': 2, 'batch': 8}):
        rig = timed(**planning)
        warm = {batch for batch, _, _ in rig.denoiser.calls}
        rig.denoiser.calls.clear()
        rig.plan(1e6)
        assert {batch for batch, _, _ in rig.denoiser.calls} <= warm
        assert 1 in warm


def test_stage_times_are_those_of_the_clock() -> None:
    plan, taken = timed().plan(1e6)
    assert sum(plan.stage_ms.values()) == pytest.approx(taken * 1e3)
    assert plan.stage_ms == {'policy': 3e3, 'world model': 9e3, 'value': 27e3}
