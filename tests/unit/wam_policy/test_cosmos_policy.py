"""CosmosPolicy with tiny random weights: what goes in, what comes out, and what is refused."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from wam_core.errors import WamError
from wam_core.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec
from wam_policy.cosmos import model
from wam_policy.cosmos.options import parse_options
from wam_policy.cosmos.policy import CosmosPolicy
from wam_policy.cosmos.sequence.layout import make_layout
from wam_policy.policy import Policy

CAMERAS = ('cam_left_wrist', 'cam_right_wrist', 'cam_high')
SPEC = PolicySpec('testing', CAMERAS, 80, 80, 'pil_bicubic', horizon=20, dt_ns=40_000_000)
OPTIONS: dict[str, Any] = {
    'model': {'preset': 'tiny', 'dtype': 'float32', 'device': 'cpu'},
    'image': {'size': 64},
    'decoding': {'action_steps': 3},
    'warm_up': False,
}
PLANNING = {
    'decoding': {'action_steps': 3, 'mode': 'autoregressive'},
    'planning': {'candidates': 3, 'futures': 2, 'values': 2, 'future_steps': 3, 'value_steps': 3},
}
NO_PREFIX = np.zeros((0, 14))


def make(
    changes: Mapping[str, Any] | None = None, clock: Callable[[], float] = time.monotonic
) -> CosmosPolicy:
    policy = CosmosPolicy(PolicyConfig('cosmos', SPEC, {**OPTIONS, **(changes or {})}), clock)
    policy.reset('hand over the cube')
    return policy


def observe(seed: int = 0, position: float = 0.1) -> Observation:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (3, 80, 80, 3), np.uint8)
    return Observation(1_000_000_000, images, np.full(14, position), np.zeros(14), np.zeros(14))


def ask(prefix: np.ndarray[Any, Any] = NO_PREFIX, start_ns: int = 0) -> InferenceRequest:
    return InferenceRequest(1, 'hand over the cube', 'rtc', prefix, start_ns)


@pytest.fixture(scope='module')
def policy() -> Iterator[CosmosPolicy]:
    yield make()


def test_it_is_a_policy_that_names_its_statistics(policy: CosmosPolicy) -> None:
    assert isinstance(policy, Policy)
    assert len(policy.spec.normaliser) == 64
    assert replace(policy.spec, normaliser='') == SPEC


def test_the_same_question_has_the_same_answer(policy: CosmosPolicy) -> None:
    first, again = (policy.infer(observe(), ask()) for _ in range(2))
    assert first.actions.shape == (20, 14)
    np.testing.assert_array_equal(first.actions, again.actions)
    assert first.value == again.value
    assert policy.evaluations == 3
    assert {'images', 'encode', 'policy', 'extract'} <= set(first.stage_ms)


@pytest.mark.parametrize('other', [observe(seed=1), observe(position=0.3)])
def test_images_and_state_matter(policy: CosmosPolicy, other: Observation) -> None:
    here, there = (policy.infer(each, ask()).actions for each in (observe(), other))
    assert np.abs(here - there).max() > 1e-4


def test_the_instruction_matters(policy: CosmosPolicy) -> None:
    first = policy.infer(observe(), ask()).actions
    policy.reset('fold the shirt')
    second = policy.infer(observe(), ask()).actions
    policy.reset('hand over the cube')
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(policy.infer(observe(), ask()).actions, first)


def test_a_seed_per_request_counts_from_the_reset() -> None:
    policy = make({'decoding': {'action_steps': 3, 'seed_per_request': 'next'}})
    first, second = (policy.infer(observe(), ask()).actions for _ in range(2))
    assert np.abs(first - second).max() > 1e-4
    policy.reset('hand over the cube')
    np.testing.assert_array_equal(policy.infer(observe(), ask()).actions, first)


def test_the_future_is_decoded_when_asked_for(policy: CosmosPolicy) -> None:
    prediction = policy.infer(observe(), ask())
    assert prediction.decode_images is not None
    images = prediction.decode_images()
    assert images.shape == (1, 3, 64, 64, 3)
    assert images.dtype == np.uint8
    assert np.shape(prediction.future_proprioception) == (14,)
    assert prediction.value is not None
    assert 0 <= prediction.value <= 1


@pytest.mark.parametrize('way', ['replace', 'guide'])
def test_frozen_rows_enter_the_denoising(way: str) -> None:
    policy = make({'decoding': {'action_steps': 5, 'prefix': way}})
    rows = np.linspace(-0.5, 0.5, 7 * 14).reshape(7, 14)
    # The prefix starts two rows before the observation: five of its rows are still to come.
    request = ask(rows, 1_000_000_000 - 2 * SPEC.dt_ns)
    free, bound = policy.infer(observe(), ask()), policy.infer(observe(), request)
    assert (free.prefix_rows, bound.prefix_rows) == (0, 5)
    assert np.abs(bound.actions[5:] - free.actions[5:]).max() > 1e-4
    again = policy.infer(observe(), request)
    np.testing.assert_array_equal(again.actions, bound.actions)


def test_guidance_takes_little_memory_where_there_is_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, saved = [], []
    for little in (False, True):
        monkeypatch.setattr(model, 'recomputes', lambda *_, little=little: little)
        policy = make()
        count: list[int] = []
        with saved_tensors_hooks(lambda tensor, count=count: count.append(1) or tensor, _same):
            answers.append(policy.infer(observe(), ask(np.zeros((7, 14)), 1_000_000_000)))
        saved.append(len(count))
    assert [answer.prefix_rows for answer in answers] == [7, 7]
    np.testing.assert_array_equal(answers[0].actions, answers[1].actions)
    assert 0 < saved[1] < saved[0]


def test_what_guidance_keeps_counts_as_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = make_layout(CAMERAS, horizon=50, image_size=224)
    guided, off = (parse_options({'decoding': {'prefix': way}}, 'f') for way in ('guide', 'off'))
    cpu = torch.device('cpu')
    # 7.3 GiB were counted, and are not there while a picture is decoded, which takes 2.7.
    more = model.needed_bytes(guided, layout, False) - model.needed_bytes(off, layout, False)
    assert 4.5 < more / 2**30 < 5.0
    for missing in (0, 1):
        available = model.needed_bytes(guided, layout, False) - missing
        memory = psutil.virtual_memory()._replace(available=available)
        monkeypatch.setattr(psutil, 'virtual_memory', lambda memory=memory: memory)
        assert model.recomputes(guided, layout, cpu) == bool(missing)
        assert not model.recomputes(off, layout, cpu)
        model.check_memory(guided, layout, cpu)


def _same(tensor: Any) -> Any:
    return tensor


def test_a_task_that_cannot_be_taken_up_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = make()
    monkeypatch.setattr(policy._model.planner, 'reset', failing_reset)
    with pytest.raises(WamError, match='no room'):
        policy.reset('fold the shirt')
    with pytest.raises(WamError, match='before it was given a task'):
        policy.infer(observe(), ask())


def failing_reset(_: Any) -> None:
    raise WamError('no room')


@pytest.mark.parametrize(
    'decoding',
    [
        {'prefix': 'off'},
        {'prefix': 'replace', 'action_steps': 1},
        {'prefix': 'replace', 'action_steps': 2},
    ],
)
def test_nothing_is_bound_where_nothing_can_be(decoding: dict[str, Any]) -> None:
    policy = make({'decoding': {'action_steps': 3, **decoding}})
    request = ask(np.zeros((7, 14)), 1_000_000_000)
    assert policy.infer(observe(), request).prefix_rows == 0


@pytest.mark.parametrize('scale', ['finger', 'finger_ros2', 'angle'])
def test_the_gripper_is_told_as_the_training_data_tell_it(
    scale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = make({'model': {**OPTIONS['model'], 'gripper_state': scale}})
    seen: list[Any] = []
    statistics = type(policy._model.statistics)
    normalise = statistics.normalise_state

    def listen(self: Any, state: Any) -> Any:
        seen.append(state)
        return normalise(self, state)

    monkeypatch.setattr(statistics, 'normalise_state', listen)
    policy.infer(observe(position=0.5), ask())
    np.testing.assert_array_equal(seen[0][:6], 0.5)
    assert (seen[0][6] == 0.5) == (scale == 'angle')


def test_a_past_prefix_binds_nothing(policy: CosmosPolicy) -> None:
    assert policy.infer(observe(), ask(np.zeros((3, 14)), 0)).prefix_rows == 0


def test_a_plan_shows_all_candidates_and_takes_the_best() -> None:
    prediction = make(PLANNING).infer(observe(), ask())
    values = [candidate.value for candidate in prediction.candidates]
    assert len(values) == 3
    assert prediction.value == values[prediction.chosen] == max(value or 0.0 for value in values)
    np.testing.assert_array_equal(
        prediction.actions, prediction.candidates[prediction.chosen].actions
    )
    assert prediction.note == ''
    assert prediction.decode_images is not None
    assert prediction.decode_images().shape == (3, 3, 64, 64, 3)


def test_a_plan_cut_short_says_so_and_acts_all_the_same() -> None:
    planning = {**PLANNING['planning'], 'deadline_s': 1e-6}
    prediction = make({**PLANNING, 'planning': planning}).infer(observe(), ask())
    assert 'deadline' in prediction.note
    assert prediction.actions.shape == (20, 14)
    assert prediction.value is None
    assert prediction.decode_images is not None
    assert prediction.decode_images().ndim == 5


@pytest.mark.parametrize(('deadline_s', 'late'), [(2.5, ''), (1.25, '0.75 s later than the')])
def test_the_deadline_counts_from_the_question_and_encoding_is_always_done(
    deadline_s: float, late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    planning = {**PLANNING['planning'], 'deadline_s': deadline_s}
    policy = make({**PLANNING, 'planning': planning, 'warm_up': True}, lambda: now[0])
    encode = policy._model.codec.encode

    def slow(images: Any) -> Any:
        now[0] += 2.0
        return encode(images)

    monkeypatch.setattr(policy._model.codec, 'encode', slow)
    prediction = policy.infer(observe(), ask())
    if not late:
        assert prediction.note == '' and len(prediction.candidates) == 3
        return
    assert prediction.note.count(late) == 1
    assert 'encoding and one candidate take that long' in prediction.note
    alone = make({**PLANNING, 'planning': {'candidates': 1}}).infer(observe(), ask())
    np.testing.assert_array_equal(prediction.actions, alone.actions)


@pytest.mark.parametrize(('deadline_s', 'warnings'), [(1.5, 1), (600.0, 0), (0.0, 0)])
def test_a_deadline_that_cannot_be_kept_is_said_once_at_the_start(
    deadline_s: float, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = itertools.count()
    planning = {'candidates': 1, 'deadline_s': deadline_s}
    policy = make({'planning': planning, 'warm_up': True}, lambda: float(next(ticks)))
    policy.infer(observe(), ask())
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == warnings
    assert all('encoding and one candidate take 2.00 s here' in text for text in texts)


def test_the_warm_up_leaves_no_trace() -> None:
    warm = make({'warm_up': True})
    np.testing.assert_array_equal(
        warm.infer(observe(), ask()).actions, make().infer(observe(), ask()).actions
    )


def test_a_policy_without_a_task_says_so() -> None:
    policy = CosmosPolicy(PolicyConfig('cosmos', SPEC, OPTIONS))
    with pytest.raises(WamError, match='before it was given a task'):
        policy.infer(observe(), ask())


def test_wrong_observations_are_refused_with_both_sides(policy: CosmosPolicy) -> None:
    two = replace(observe(), images=observe().images[:2])
    with pytest.raises(WamError, match=r'\(2, 80, 80, 3\).*\(3, 80, 80, 3\)'):
        policy.infer(two, ask())
    with pytest.raises(WamError, match='14 finite numbers'):
        policy.infer(replace(observe(), position=np.full(14, np.nan)), ask())
    with pytest.raises(WamError, match='14 finite numbers'):
        policy.infer(replace(observe(), position=np.zeros(7)), ask())


def test_numbers_that_are_not_finite_are_refused_and_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = make()
    good = policy.infer(observe(), ask()).actions
    planner = policy._model.planner
    plan = planner.plan

    def poisoned(*arguments: Any) -> Any:
        found = plan(*arguments)
        found.candidates[0].latents.fill_(float('nan'))
        return found

    monkeypatch.setattr(planner, 'plan', poisoned)
    with pytest.raises(WamError, match='not finite'):
        policy.infer(observe(), ask())
    monkeypatch.undo()
    np.testing.assert_array_equal(policy.infer(observe(), ask()).actions, good)


def test_running_out_of_memory_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = make()

    def full(*_: Any) -> Any:
        raise torch.cuda.OutOfMemoryError('tried to allocate 2 GiB')

    monkeypatch.setattr(policy._model.planner, 'plan', full)
    with pytest.raises(WamError, match=r'cpu ran out of memory: tried to allocate 2 GiB.*`batch`'):
        policy.infer(observe(), ask())


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(WamError, match=r"'cuda:7' is not there, found \['cpu'.*`device`"):
        make({'model': {**OPTIONS['model'], 'device': 'cuda:7'}})


def test_too_little_memory_is_told_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    little = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, 'virtual_memory', lambda: little)
    with pytest.raises(WamError, match=r'0\.0 GiB of free memory, the policy needs about'):
        make()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'image': {'size': 100}}, 'multiples of 16'),
        ({'image': {'size': 16}}, 'does not fit'),
        ({'decoding': {'steps': 3}}, "unknown key 'steps'"),
        ({'decoding': {'action_steps': 0}}, 'action_steps = 0'),
        (
            {'planing': {}},
            "'planing', .*'decoding', 'image', 'model', 'planning', 'savings', 'warm",
        ),
        ({'model': {'preset': 'huge'}}, "preset = 'huge'"),
        ({'model': {**OPTIONS['model'], 'directory': '/nowhere'}}, '/nowhere'),
    ],
)
def test_options_that_do_not_suit_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WamError, match=message):
        make(changes)
