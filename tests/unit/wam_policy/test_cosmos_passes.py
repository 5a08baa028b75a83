import pytest
import torch
from fake_denoiser import LAYOUT, WHOLE_CHUNK, FakeDenoiser, known_latents, text
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.options import DecodingOptions
from wam_policy.cosmos.planning.passes import Passes, advance, with_proprioception
from wam_policy.cosmos.planning.sampler import noise, sample, schedule, variance_scales
from wam_policy.cosmos.sequence.injection import extract_value
from wam_policy.cosmos.sequence.layout import Layout, Pass, make_layout


@pytest.fixture
def denoiser() -> FakeDenoiser:
    return FakeDenoiser()


def make(denoiser: FakeDenoiser, **options: object) -> Passes:
    return Passes(denoiser, denoiser.layout, DecodingOptions(**options))


def test_policy_is_the_sampler_with_the_noise_of_each_seed(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser), known_latents()
    context = passes.context(text())
    latents = passes.policy(known, context, [195, 7], 5)

    def x0(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
        return denoiser.x0(x, sigmas, LAYOUT.clean(Pass.POLICY), known, context)

    assert torch.equal(latents, sample(x0, noise([195, 7], LAYOUT.shape), 5))
    assert torch.equal(
        latents[:, :, : LAYOUT.action], known[:, :, : LAYOUT.action].expand(2, -1, -1, -1, -1)
    )


def test_a_sequence_depends_on_its_own_seed_only(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser), known_latents()
    context = passes.context(text())
    together = passes.policy(known, context, [1, 2, 3], 3)
    alone = passes.policy(known, context, [2], 3)
    assert torch.equal(together[1:2], alone)
    assert not torch.equal(together[0], together[1])


def test_number_of_evaluations_and_noise_levels(denoiser: FakeDenoiser) -> None:
    passes = make(denoiser)
    passes.policy(known_latents(), passes.context(text()), [0], 10)
    assert [sigmas for _, sigmas, _ in denoiser.calls] == [(sigma,) for sigma in schedule(10)]


@pytest.mark.parametrize('masked', [True, False])
def test_what_each_pass_is_given(denoiser: FakeDenoiser, masked: bool) -> None:
    passes, known = make(denoiser, masked=masked), known_latents()
    context = passes.context(text())
    latents = passes.policy(known, context, [0], 1)
    passes.world_model(latents, known, context, [0], 1)
    passes.value(latents, known, context, [0], 1)
    passes.value(latents, known, context, [0], 1, Pass.Q_VALUE)
    asked = [Pass.POLICY, Pass.WORLD_MODEL, Pass.V_VALUE, Pass.Q_VALUE]
    assert [clean for _, _, clean in denoiser.calls] == [
        LAYOUT.clean(purpose, masked) for purpose in asked
    ]


def test_v_is_blind_to_the_present_and_q_to_the_future(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser), known_latents()
    context = passes.context(text())
    latents = known_latents(1)
    other_present, other_future = latents.clone(), latents.clone()
    other_present[:, :, [*LAYOUT.current_state, LAYOUT.action]] += 1
    other_future[:, :, list(LAYOUT.future_state)] += 1

    def value(of: Tensor, purpose: Pass) -> float:
        return passes.value(of, known, context, [3], 3, purpose).item()

    v, q = value(latents, Pass.V_VALUE), value(latents, Pass.Q_VALUE)
    assert value(other_present, Pass.V_VALUE) == v != value(other_future, Pass.V_VALUE)
    assert value(other_future, Pass.Q_VALUE) == q != value(other_present, Pass.Q_VALUE)


def test_world_model_takes_the_action_as_it_was_generated(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser), known_latents()
    context = passes.context(text())
    latents = passes.policy(known, context, [1, 2], 3)
    futures = passes.world_model(latents, known, context, [5, 6], 3)
    upto = LAYOUT.action + 1
    assert torch.equal(futures[:, :, :upto], latents[:, :, :upto])
    assert not torch.equal(futures[:, :, upto:], latents[:, :, upto:])


def test_value_is_read_from_the_run(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser), known_latents()
    context = passes.context(text())
    values = passes.value(known, known, context, [1, 2], 2)
    assert values.shape == (2,) and values.dtype is torch.float32
    clean = LAYOUT.clean(Pass.V_VALUE)
    raw = sample(
        lambda x, sigmas: denoiser.x0(x, sigmas, clean, known, context),
        noise([1, 2], LAYOUT.shape),
        2,
    )
    assert torch.equal(values, extract_value(raw, LAYOUT))


def test_prefix_enters_all_estimates_but_the_last(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser), known_latents()
    context = passes.context(text())
    clean = LAYOUT.clean(Pass.POLICY)
    done = []

    def x0(x: Tensor, sigmas: tuple[float, ...]) -> Tensor:
        estimate = denoiser.x0(x, sigmas, clean, known, context)
        done.append(len(x))
        return estimate if len(done) == 4 else WHOLE_CHUNK.replaced(estimate)

    expected = sample(x0, noise([0], LAYOUT.shape), 4)
    assert torch.equal(passes.policy(known, context, [0], 4, WHOLE_CHUNK), expected)
    assert not torch.equal(passes.policy(known, context, [0], 4), expected)


def test_variance_scale_is_that_of_each_seed(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser, variance_scale=True), known_latents()
    context = passes.context(text())
    passes.policy(known, context, [4, 9], 3)
    first, last = denoiser.calls[0][1], denoiser.calls[-1][1]
    for index, seed in enumerate((4, 9)):
        high, low = variance_scales(seed)
        assert first[index] == pytest.approx(80 * high)
        assert last[index] == pytest.approx(4 * low)


def test_kept_noise_stays_right_when_it_overflows(denoiser: FakeDenoiser) -> None:
    passes, known = make(denoiser), known_latents()
    context = passes.context(text())
    first = passes.policy(known, context, [0, 1], 1)
    for start in range(2, 130, 10):
        passes.policy(known, context, list(range(start, start + 10)), 1)
    assert len(passes._noise) <= 64
    assert torch.equal(passes.policy(known, context, [0, 1], 1), first)
    many = passes.policy(known, context, list(range(70)), 1)
    assert torch.equal(many[:2], first)


def test_the_network_never_sees_inference_mode() -> None:
    class Watching(FakeDenoiser):
        def x0(self, x: Tensor, *arguments: object) -> Tensor:
            known = arguments[2]
            assert isinstance(known, Tensor)
            modes.append(torch.is_inference_mode_enabled())
            modes.extend(each.is_inference() for each in (x, known))
            return super().x0(x, *arguments)

    modes: list[bool] = []
    passes = make(Watching())
    with torch.inference_mode():
        known = known_latents()
        context = passes.context(text())
        latents = passes.policy(known, context, [0], 3)
        passes.world_model(latents, known, context, [0], 1)
        passes.value(latents, known, context, [0], 1)
    assert modes == [False] * 15


def test_wrong_shapes_and_purposes(denoiser: FakeDenoiser) -> None:
    passes = make(denoiser)
    context = passes.context(text())
    with pytest.raises(WamError, match=r'for 3 seeds, expected \(1 or 3, 16, '):
        passes.policy(known_latents().expand(2, -1, -1, -1, -1), context, [1, 2, 3], 1)
    with pytest.raises(WamError, match='expected'):
        passes.policy(known_latents()[:, :, :-1], context, [1], 1)
    with pytest.raises(WamError, match="'policy'"):
        passes.value(known_latents(), known_latents(), context, [1], 1, Pass.POLICY)


def test_advance_moves_the_future_and_keeps_the_measured_state() -> None:
    latents, known = known_latents(1), known_latents(2)
    result = advance(latents, known, LAYOUT)
    for current, future in zip(LAYOUT.images, LAYOUT.future_images, strict=True):
        assert torch.equal(result[:, :, current], latents[:, :, future])
    state = LAYOUT.proprioception
    assert state is not None
    assert torch.equal(result[:, :, state], known[:, :, state])
    rest = [0, LAYOUT.action, *LAYOUT.future_state, LAYOUT.value]
    assert torch.equal(result[:, :, rest], latents[:, :, rest])
    assert torch.equal(latents, known_latents(1))  # not changed in place


def test_layout_without_proprioception() -> None:
    layout: Layout = make_layout(['left', 'high'], False, 3, 2, 2, 16)
    latents, known = known_latents(1, layout), known_latents(2, layout)
    assert torch.equal(with_proprioception(latents, known, layout), latents)
    result = advance(latents, known, layout)
    assert torch.equal(result[:, :, 1:3], latents[:, :, 4:6])
