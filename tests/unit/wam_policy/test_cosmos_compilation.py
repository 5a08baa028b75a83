"""Compilation: when it happens, that it changes nothing, and CUDA graphs where there is a GPU."""

from dataclasses import replace
from functools import partial
from threading import Thread

import fake_cuda
import pytest
import torch
from cosmos_networks import LAYOUT, make_problem, text

from wam_core.errors import WamError
from wam_policy.cosmos.network.compilation import Captured, _Held, compiled, wanted
from wam_policy.cosmos.network.fp8 import effect
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.sequence.layout import Pass

CUDA = torch.device('cuda')
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')


@pytest.mark.parametrize(
    ('option', 'device', 'expected'),
    [
        ('auto', 'cpu', False),
        ('auto', 'cuda', True),
        ('on', 'cpu', True),
        ('off', 'cuda', False),
    ],
)
def test_auto_is_for_gpus(option: str, device: str, expected: bool) -> None:
    assert wanted(option, torch.device(device)) is expected


def test_many_shapes_compile_in_any_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, 'compile', partial(torch.compile, backend='eager'))
    doubled = compiled(lambda x: 2 * x)
    seen: list[float] = []

    def work() -> None:
        seen.extend(doubled(torch.ones(count, 3)).sum().item() for count in range(1, 13))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [6.0 * count for count in range(1, 13)]


@pytest.mark.slow
def test_compiled_network_gives_the_same() -> None:
    problem = make_problem(SavingOptions(compile='on'), sigmas=(80.0, 4.0))
    torch.testing.assert_close(problem.x0(), problem.plain(), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_compiled_network_rounds_where_the_eager_one_does() -> None:
    """Equal on one processor, where another sums in another order; without, it is half off."""
    sigmas = (80.0, 4.0)
    rounded = make_problem(SavingOptions(compile='on'), torch.bfloat16, sigmas)
    exact = make_problem(sigmas=sigmas).plain()
    theirs = effect(exact, rounded.plain()).relative
    assert effect(rounded.plain(), rounded.x0()).relative < 0.2 * theirs


@pytest.mark.slow
def test_a_value_between_two_operations_is_rounded() -> None:
    pixels = torch.arange(256).bfloat16()
    scaled = compiled(lambda x: x / 127.5 - 1.0)
    assert torch.equal(scaled(pixels), pixels / 127.5 - 1.0)


def test_held_tensors_are_copied_when_they_change() -> None:
    first, second = torch.ones(2), torch.full((2,), 2.0)
    held = _Held([first])
    held.take([first])
    buffer = held.buffers[0]
    buffer += 5  # shows whether it is copied again
    held.take([first])
    assert buffer.tolist() == [6.0, 6.0]
    held.take([second])
    assert buffer.tolist() == [2.0, 2.0]
    held.take([first])
    assert buffer.tolist() == [1.0, 1.0]


def test_graphs_read_their_inputs_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cuda.install(monkeypatch)
    calls: list[int] = []

    def scaled(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return x * factor

    captured = Captured(scaled, CUDA)
    two, three = torch.tensor(2.0), torch.tensor(3.0)
    first = captured([torch.ones(2)], [two])
    assert first.tolist() == [2.0, 2.0]
    assert captured([torch.full((2,), 5.0)], [three]).tolist() == [15.0, 15.0]
    # Another shape is another graph, but the held tensor is one buffer for all.
    assert captured([torch.ones(1).expand(3)], [two]).tolist() == [2.0, 2.0, 2.0]
    assert captured([torch.ones(2)], [two]).tolist() == [2.0, 2.0]
    assert captured.graphs == 2
    assert first.tolist() == [2.0, 2.0], 'a later call wrote into an earlier result'
    # Rehearsals and capture, then replays only.
    captured([torch.ones(3)], [two])
    assert [calls.count(size) for size in (2, 3)] == [4 + 3, 4 + 2]


def test_a_denoiser_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cuda.install(monkeypatch)
    problem = make_problem(sigmas=(80.0, 4.0, 17.8))
    denoiser = problem.denoiser
    denoiser._captured = Captured(denoiser._estimate, torch.device('cpu'))
    other = replace(problem, context=denoiser.context(text(8)))
    value = replace(problem, clean=LAYOUT.clean(Pass.V_VALUE))
    fewer = replace(problem, x=-problem.x[:2], sigmas=(9.0, 80.0))
    for asked in (problem, other, fewer, value, problem, fewer):
        torch.testing.assert_close(asked.x0(), asked.plain(), atol=1e-5, rtol=0)
    assert denoiser._captured.graphs == 2, 'passes and texts share the graph of a size'


def test_memory_that_is_too_little_stays_that_error(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cuda.install(monkeypatch)

    def too_large(x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError('no room')

    with pytest.raises(torch.OutOfMemoryError, match='no room'):
        Captured(too_large, CUDA)([torch.ones(2)])


def test_a_failing_capture_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cuda.install(monkeypatch)

    def fails(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError('not permitted when stream is capturing')

    with pytest.raises(WamError, match=r'no CUDA graph on cuda: not permitted.*compile: off'):
        Captured(fails, CUDA)([torch.ones(2)])


@needs_gpu
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_graphs_give_what_eager_gives(dtype: torch.dtype) -> None:
    sigmas = (80.0, 4.0, 17.8)
    problem = make_problem(dtype=dtype, sigmas=sigmas, device=CUDA)
    other = problem.denoiser.context(text(8))
    problem.x0()
    problem.denoiser.settle()
    tolerance = 1e-4 if dtype == torch.float32 else 0.1
    for context in (problem.context, other, problem.context):
        for count in (1, 2, 3):
            asked = replace(problem, x=problem.x[:count], sigmas=sigmas[:count], context=context)
            first = asked.x0()
            kept = first.clone()
            torch.testing.assert_close(first, asked.plain(), atol=tolerance, rtol=0)
            replace(asked, x=-asked.x).x0()
            assert torch.equal(first, kept), 'a later call wrote into an earlier result'
    captured = problem.denoiser._captured
    assert captured is not None
    assert captured.graphs == 1


@needs_gpu
def test_fp8_runs_in_a_graph() -> None:
    if torch.cuda.get_device_capability() < (8, 9):
        pytest.skip('needs FP8')
    savings = SavingOptions(fp8=True)
    problem = make_problem(savings, dtype=torch.bfloat16, device=CUDA)
    eager = make_problem(replace(savings, compile='off'), dtype=torch.bfloat16, device=CUDA)
    torch.testing.assert_close(problem.x0(), eager.x0(), atol=0.1, rtol=0)


@needs_gpu
def test_what_cannot_be_captured_is_named() -> None:
    def synchronises(x: torch.Tensor) -> torch.Tensor:
        return x + x.sum().item()

    with pytest.raises(WamError, match=r'no CUDA graph on cuda.*savings.compile: off'):
        Captured(synchronises, CUDA)([torch.ones(2, device=CUDA)])
