import math
import re
from pathlib import Path

import pytest
import torch
from fake_denoiser import (
    LAYOUT,
    WHOLE_CHUNK,
    FakeDenoiser,
    TroubledDenoiser,
    fake_planner,
    known_latents,
    make_options,
    plan_of,
    planner_with,
    text,
)
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.random_weights import random_weights
from wam_policy.cosmos.network.denoiser import Denoiser
from wam_policy.cosmos.network.transformer import PRESETS, build
from wam_policy.cosmos.options import AGGREGATIONS, CosmosOptions
from wam_policy.cosmos.planning.aggregation import aggregate
from wam_policy.cosmos.planning.deadline import Deadline
from wam_policy.cosmos.planning.passes import Passes, advance
from wam_policy.cosmos.planning.planner import Planner
from wam_policy.cosmos.sequence.injection import extract_value
from wam_policy.cosmos.sequence.layout import Pass, make_layout


class Serial:
    """One sequence at a time, loop by loop as the official server does it; the reference."""

    def __init__(self, options: CosmosOptions, judge: Passes | None = None) -> None:
        self.options = options
        self.policy = Passes(FakeDenoiser(), LAYOUT, options.decoding)
        self.judge = judge or self.policy
        self.known = known_latents()
        self.context = self.policy.context(text())

    def futures(self, latents: Tensor, seed: int) -> list[Tensor]:
        planning = self.options.planning
        steps = torch.linspace(1, planning.future_steps, planning.futures).int().tolist()
        return [
            self.judge.world_model(latents, self.known, self.context, [seed + index], count)
            for index, count in enumerate(steps)
        ]

    def value(self, sequences: list[Tensor], seed: int, purpose: Pass = Pass.V_VALUE) -> float:
        planning = self.options.planning
        steps = torch.linspace(1, planning.value_steps, planning.values).int().tolist()
        values = [
            self.judge.value(sequence, self.known, self.context, [seed + index], count, purpose)
            for sequence in sequences
            for index, count in enumerate(steps)
        ]
        return aggregate(torch.stack(values), planning.aggregation).item()

    def candidate(self, seed: int) -> tuple[Tensor, float]:
        """The first chunk's latents and the value."""
        steps, planning = self.options.decoding.action_steps, self.options.planning
        first = self.policy.policy(self.known, self.context, [seed], steps)
        if self.options.decoding.value == 'q':
            return first[0], self.value([first], seed, Pass.Q_VALUE)
        futures = self.futures(first, seed)
        values = [self.value(futures, seed)]
        for _ in range(1, planning.depth):
            for future in list(futures):
                given = advance(future, self.known, LAYOUT)
                latents = self.policy.policy(given, self.context, [seed], steps)
                futures = self.futures(latents, seed)
                values.append(self.value(futures, seed))
        if planning.depth_aggregation == 'average':
            return first[0], sum(values) / len(values)
        return first[0], values[-1]


@pytest.mark.parametrize('urgent', [False, True])
@pytest.mark.parametrize(
    ('decoding', 'planning'),
    [
        ({}, {}),
        ({}, {'aggregation': 'majority_mean', 'batch': 3}),
        ({}, {'aggregation': 'lcb', 'futures': 2, 'values': 2}),
        ({'value': 'q'}, {}),
        ({'variance_scale': True, 'masked': False}, {'candidates': 3}),
        ({}, {'candidates': 2, 'depth': 2}),
        ({}, {'candidates': 2, 'depth': 3, 'futures': 2, 'values': 2}),
        (
            {},
            {
                'candidates': 2,
                'depth': 3,
                'futures': 2,
                'values': 2,
                'depth_aggregation': 'average',
            },
        ),
    ],
)
def test_a_plan_is_what_one_sequence_after_the_other_gives(
    decoding: dict[str, object], planning: dict[str, object], urgent: bool
) -> None:
    options = make_options(decoding, **planning)
    plan = plan_of(options, deadline=Deadline(lambda: 0.0, 1.0) if urgent else None)
    serial = Serial(options)
    expected = [serial.candidate(195 + index) for index in range(options.planning.candidates)]
    values = [value for _, value in expected]
    assert [candidate.seed for candidate in plan.candidates] == [
        195 + index for index in range(len(expected))
    ]
    for candidate, (latents, value) in zip(plan.candidates, expected, strict=True):
        torch.testing.assert_close(candidate.latents, latents, atol=1e-6, rtol=0)
        assert candidate.value == pytest.approx(value, abs=1e-6)
    assert len(set(values)) > 1
    assert plan.chosen == values.index(max(values))
    assert plan.complete and plan.note == ''


@pytest.mark.parametrize('batch', [1, 2, 3, 8, 64])
def test_the_batch_size_changes_nothing(batch: int) -> None:
    plan, alone = plan_of(make_options(batch=batch)), plan_of(make_options(batch=1))
    assert plan.chosen == alone.chosen and plan.evaluations == alone.evaluations
    assert plan.forwards <= alone.forwards
    for one, other in zip(plan.candidates, alone.candidates, strict=True):
        torch.testing.assert_close(one.latents, other.latents, atol=1e-6, rtol=0)
        torch.testing.assert_close(one.futures[0], other.futures[0], atol=1e-6, rtol=0)
        assert one.values == pytest.approx(other.values, abs=1e-6)


def test_the_batch_size_changes_nothing_with_the_real_network() -> None:
    layout = make_layout(['left', 'high'], horizon=3, action_dim=2, state_dim=2, image_size=16)
    model = build(PRESETS['tiny'], torch.device('cpu'), torch.float32)
    model.load_state_dict(random_weights(model, 0))
    context, known = torch.randn((512, 1024), generator=torch.manual_seed(0)), known_latents()
    plans = []
    for batch in (1, 3, 8):
        options = make_options(candidates=3, futures=2, values=2, batch=batch)
        passes = Passes(Denoiser(model, layout, torch.float32), layout, options.decoding)
        planner = Planner(passes, None, layout, options)
        planner.reset(context)
        plans.append(planner.plan(known, 195))
    for plan in plans[1:]:
        assert plan.chosen == plans[0].chosen
        for one, other in zip(plan.candidates, plans[0].candidates, strict=True):
            torch.testing.assert_close(one.latents, other.latents, atol=2e-5, rtol=0)
            assert one.values == pytest.approx(other.values, abs=2e-5)
    first, second, _ = plans[0].candidates
    assert (first.latents - second.latents).abs().max() > 1e-3
    assert first.values != second.values


def test_parallel_mode_reads_the_value_of_the_same_run() -> None:
    options = make_options({'mode': 'parallel'})
    plan = plan_of(options)
    for candidate in plan.candidates:
        value = extract_value(candidate.latents[None], LAYOUT).item()
        assert candidate.value == value and candidate.values == (value,)
        assert candidate.futures == (candidate.latents,)
    values = [candidate.value for candidate in plan.candidates]
    assert values[plan.chosen] == max(value for value in values if value is not None)
    assert plan.evaluations == 4 * 3 and plan.forwards == 3
    assert set(plan.stage_ms) == {'policy'}


def test_a_single_candidate_is_decoded_without_ensembles_or_aggregation() -> None:
    options = make_options({'future_steps': 2, 'value_steps': 3}, candidates=1, aggregation='lcb')
    plan = plan_of(options)
    serial = Serial(options)
    first = serial.policy.policy(serial.known, serial.context, [195], 3)
    future = serial.policy.world_model(first, serial.known, serial.context, [195], 2)
    value = serial.policy.value(future, serial.known, serial.context, [195], 3)
    (candidate,) = plan.candidates
    torch.testing.assert_close(candidate.futures[0], future[0], atol=1e-6, rtol=0)
    assert candidate.value == pytest.approx(value.item(), abs=1e-6)
    assert plan.evaluations == 3 + 1 + 3


def test_futures_to_show() -> None:
    last = plan_of(make_options()).candidates[1]
    every = plan_of(make_options(future_images='average')).candidates[1]
    assert len(last.futures) == 1 and len(every.futures) == 3
    torch.testing.assert_close(last.futures[0], every.futures[2])


def test_the_planning_checkpoint_judges_with_its_own_context() -> None:
    class Judge(FakeDenoiser):
        def context(self, text: Tensor) -> Tensor:
            return super().context(text) + 0.5

    options = make_options()
    policy = Passes(FakeDenoiser(), LAYOUT, options.decoding)
    judge = Judge()
    planner = Planner(policy, Passes(judge, LAYOUT, options.decoding), LAYOUT, options)
    planner.reset(text())
    plan = planner.plan(known_latents(), 195)
    own = plan_of(options)
    assert torch.equal(plan.candidates[0].latents, own.candidates[0].latents)
    assert plan.candidates[0].values != own.candidates[0].values
    purposes = {clean for _, _, clean in judge.calls}
    assert purposes == {LAYOUT.clean(Pass.WORLD_MODEL), LAYOUT.clean(Pass.V_VALUE)}


def test_prefix_enters_the_chunk_to_execute_and_no_later_one() -> None:
    options = make_options(candidates=2, depth=2, futures=1, values=1)
    known = known_latents()
    passes = Passes(FakeDenoiser(), LAYOUT, options.decoding)
    context = passes.context(text())
    for candidate in plan_of(options, prefix=WHOLE_CHUNK).candidates:
        seeds = [candidate.seed]
        chunk = passes.policy(known, context, seeds, 3, WHOLE_CHUNK)
        assert torch.equal(candidate.latents, chunk[0])
        future = passes.world_model(chunk, known, context, seeds, 5)
        later = passes.policy(advance(future, known, LAYOUT), context, seeds, 3)
        end = passes.world_model(later, known, context, seeds, 5)
        value = passes.value(end, known, context, seeds, 5)
        assert candidate.values[-1] == pytest.approx(value.item(), abs=1e-6)


def test_seeds_wrap_around() -> None:
    planner = fake_planner(make_options(candidates=3, futures=1, values=1))
    planner.reset(text())
    plan = planner.plan(known_latents(), 2**32 - 1)
    assert [candidate.seed for candidate in plan.candidates] == [2**32 - 1, 0, 1]


def test_a_plan_without_a_task() -> None:
    with pytest.raises(WamError, match='reset'):
        fake_planner(make_options()).plan(known_latents(), 0)


def test_lcb_of_one_value_is_refused_when_the_planner_is_made() -> None:
    with pytest.raises(WamError, match='lcb'):
        fake_planner(make_options(aggregation='lcb', futures=1, values=1))
    fake_planner(make_options({'mode': 'parallel'}, aggregation='lcb', futures=1, values=1))


class Overflowing(FakeDenoiser):
    """In one pass, and for the first sequence of a batch only."""

    def __init__(self, purpose: Pass, number: float) -> None:
        super().__init__()
        self._purpose, self._number = purpose, number

    def _estimate(self, x: Tensor, sigmas: object, clean: object, *arguments: object) -> Tensor:
        estimate = super()._estimate(x, sigmas, clean, *arguments)
        if clean == LAYOUT.clean(self._purpose):
            estimate[0, :, LAYOUT.value] = self._number
        return estimate


@pytest.mark.parametrize('aggregation', AGGREGATIONS)
@pytest.mark.parametrize('number', [math.nan, math.inf])
@pytest.mark.parametrize('purpose', [Pass.POLICY, Pass.WORLD_MODEL, Pass.V_VALUE, Pass.Q_VALUE])
def test_what_is_not_finite_is_no_plan(purpose: Pass, number: float, aggregation: str) -> None:
    value = 'q' if purpose is Pass.Q_VALUE else 'v'
    options = make_options({'value': value}, aggregation=aggregation)
    planner = planner_with(Overflowing(purpose, number), options)
    planner.reset(text())
    with pytest.raises(WamError, match=re.escape(f'{purpose.value!r}: the network gave')):
        planner.plan(known_latents(), 0)


def test_a_reset_that_fails_leaves_no_task(tmp_path: Path) -> None:
    planner = planner_with(TroubledDenoiser(tmp_path), make_options())
    planner.reset(text())
    trouble = tmp_path / 'memory_at_reset'
    trouble.touch()
    with pytest.raises(torch.OutOfMemoryError):
        planner.reset(text(1))
    trouble.unlink()
    with pytest.raises(WamError, match='a plan without a task'):
        planner.plan(known_latents(), 0)
