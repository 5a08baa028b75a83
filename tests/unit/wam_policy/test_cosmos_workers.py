"""With processes of Ray; its cluster is started once, by the code under test."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fake_denoiser import (
    LAYOUT,
    WHOLE_CHUNK,
    FakeDenoiser,
    broken_planner,
    fake_planner,
    known_latents,
    text,
    troubled_planner,
)

from wam_core.errors import WamError
from wam_policy.cosmos.options import CosmosOptions, DecodingOptions, PlanningOptions
from wam_policy.cosmos.planning import workers
from wam_policy.cosmos.planning.passes import Passes
from wam_policy.cosmos.planning.planner import Plan, Planner
from wam_policy.cosmos.planning.prefix import FrozenRows
from wam_policy.cosmos.planning.ray_cluster import connect
from wam_policy.cosmos.planning.workers import Searching, Workers

ray = pytest.importorskip('ray')

OPTIONS = CosmosOptions(
    decoding=DecodingOptions(mode='autoregressive', action_steps=3),
    planning=PlanningOptions(candidates=5, futures=2, values=2, aggregation='average'),
)
TESTS = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def signals() -> Iterator[list[int]]:
    """Those that this process has received."""
    received: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    yield received
    signal.signal(signal.SIGTERM, previous)


@pytest.fixture(scope='module')
def cluster(signals: list[int]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as thread:
        # So that the worker processes find the planners of this test.
        patch.setenv('PYTHONPATH', str(TESTS), prepend=os.pathsep)
        # The policy node loads its policy in another thread, too.
        assert thread.submit(connect, ray, '', 4).result()
        yield
        ray.shutdown()


def with_workers(team: Workers) -> Planner:
    policy = Passes(FakeDenoiser(), LAYOUT, OPTIONS.decoding)
    planner = Planner(policy, None, LAYOUT, OPTIONS, workers=team)
    planner.reset(text())
    return planner


@pytest.fixture(scope='module')
def pair(cluster: None) -> Iterator[Workers]:
    team = Workers(partial(fake_planner, OPTIONS), ['cpu', 'cpu'], timeout_s=60.0)
    yield team
    team.close()


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('trouble')


@pytest.fixture(scope='module')
def troubled(cluster: None, folder: Path) -> Iterator[Workers]:
    """One worker; the planner has 3 of 5 candidates, it has 2."""
    team = Workers(partial(troubled_planner, OPTIONS, folder), ['cpu'], timeout_s=60.0)
    yield team
    team.close()


def values(plan: Plan) -> list[float]:
    assert all(candidate.value is not None for candidate in plan.candidates)
    return [candidate.value or 0.0 for candidate in plan.candidates]


def expected_plan(observation: int = 0, task: int = 0, prefix: FrozenRows | None = None) -> Plan:
    planner = fake_planner(OPTIONS)
    planner.reset(text(task))
    return planner.plan(known_latents(observation), 195, prefix=prefix)


@pytest.mark.slow
def test_workers_change_nothing(pair: Workers) -> None:
    planner = with_workers(pair)
    planner.warm_up(known_latents())
    plan, expected = planner.plan(known_latents(), 195), expected_plan()
    assert plan.complete and plan.note == ''
    assert plan.chosen == expected.chosen and plan.evaluations == expected.evaluations
    assert values(plan) == pytest.approx(values(expected), abs=1e-6)
    for one, other in zip(plan.candidates, expected.candidates, strict=True):
        assert one.seed == other.seed
        torch.testing.assert_close(one.latents, other.latents, atol=1e-6, rtol=0)
        torch.testing.assert_close(one.futures[0], other.futures[0], atol=1e-6, rtol=0)


@pytest.mark.slow
def test_task_and_prefix_reach_the_workers(pair: Workers) -> None:
    planner = with_workers(pair)
    planner.reset(text(1))
    plan = planner.plan(known_latents(), 195, prefix=WHOLE_CHUNK)
    expected = expected_plan(task=1, prefix=WHOLE_CHUNK)
    assert values(plan) == pytest.approx(values(expected), abs=1e-6)
    assert values(plan) != pytest.approx(values(expected_plan(task=1)), abs=1e-5)
    assert values(plan) != pytest.approx(values(expected_plan(prefix=WHOLE_CHUNK)), abs=1e-5)


@pytest.mark.slow
def test_a_late_worker_is_left_out_until_it_is_done(troubled: Workers, folder: Path) -> None:
    planner = with_workers(troubled)
    os.mkfifo(folder / 'pipe')
    troubled._timeout_s = 0.0
    plan = planner.plan(known_latents(), 195)
    assert (
        plan.note == 'worker 1 (cpu) is late, without its 2 of the candidates'
        and not plan.complete
    )
    assert [candidate.seed for candidate in plan.candidates] == [195, 196, 197]
    assert values(plan) == pytest.approx(values(expected_plan())[:3])
    assert values(plan)[plan.chosen] == max(values(plan))
    assert 'is busy with an earlier request' in planner.plan(known_latents(), 195).note
    with (folder / 'pipe').open('w'):
        (folder / 'pipe').unlink()
    ray.wait([troubled._workers[0].late], timeout=60)
    troubled._timeout_s = 60.0
    # Another observation: the late answer must not be taken for the new one.
    plan = planner.plan(known_latents(1), 195)
    assert plan.complete
    assert values(plan) == pytest.approx(values(expected_plan(observation=1)))


@pytest.mark.slow
def test_a_failure_of_one_request_is_reported_and_over(troubled: Workers, folder: Path) -> None:
    planner = with_workers(troubled)
    (folder / 'memory').touch()
    plan = planner.plan(known_latents(), 195)
    assert 'worker 1 (cpu) has failed' in plan.note and 'tried to allocate 3 GiB' in plan.note
    assert len(plan.candidates) == 3
    (folder / 'memory').unlink()
    assert planner.plan(known_latents(), 195).complete


@pytest.mark.slow
def test_a_worker_that_could_not_take_up_the_task_finds_nothing(
    troubled: Workers, folder: Path
) -> None:
    planner = with_workers(troubled)
    (folder / 'memory_at_reset').touch()
    planner.reset(text(1))
    ray.wait([troubled._workers[0].task], timeout=60)
    (folder / 'memory_at_reset').unlink()
    for _ in range(2):
        plan = planner.plan(known_latents(), 195)
        assert 'worker 1 (cpu) has failed' in plan.note
        assert 'tried to allocate 3 GiB' in plan.note
        assert [candidate.seed for candidate in plan.candidates] == [195, 196, 197]
    planner.reset(text(1))
    plan = planner.plan(known_latents(), 195)
    assert plan.complete
    assert values(plan) == pytest.approx(values(expected_plan(task=1)))


@pytest.mark.slow
def test_what_is_not_finite_in_a_worker_is_no_plan(troubled: Workers, folder: Path) -> None:
    planner = with_workers(troubled)
    (folder / 'overflow').touch()
    with pytest.raises(WamError, match=r"worker 1 \(cpu\): .*pass 'policy': .* not finite"):
        planner.plan(known_latents(), 195)
    (folder / 'overflow').unlink()
    assert planner.plan(known_latents(), 195).complete


@pytest.mark.slow
def test_a_dead_worker_is_reported_in_every_plan(troubled: Workers, folder: Path) -> None:
    planner = with_workers(troubled)
    (folder / 'poison').touch()
    for _ in range(2):
        plan = planner.plan(known_latents(), 195)
        assert 'worker 1 (cpu) has died' in plan.note and not plan.complete
        assert 'Some common causes' not in plan.note
        assert [candidate.seed for candidate in plan.candidates] == [195, 196, 197]


@pytest.mark.slow
def test_a_failure_of_this_process_leaves_no_answer_for_the_next_request(pair: Workers) -> None:
    planner = with_workers(pair)
    with pytest.raises(WamError, match='for 2 seeds'):
        planner.plan(known_latents().expand(3, -1, -1, -1, -1), 195)
    for worker in pair._workers:
        ray.wait([worker.answer], timeout=60)
    plan = planner.plan(known_latents(1), 195)
    assert plan.complete
    assert values(plan) == pytest.approx(values(expected_plan(observation=1)))


@pytest.mark.slow
def test_a_process_with_workers_ends_as_it_wants(pair: Workers, signals: list[int]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals == [signal.SIGTERM]


@pytest.mark.slow
def test_a_worker_that_cannot_start(cluster: None) -> None:
    with pytest.raises(WamError, match=r"worker 1 \(cpu\) can't start: .*'cpu' is not there"):
        Workers(broken_planner, ['cpu'])


def test_what_a_worker_does_with_its_time() -> None:
    worker = Searching(partial(fake_planner, OPTIONS), 'cpu')
    assert worker.ready() == 'cpu'
    worker.reset(text())
    worker.warm_up(known_latents(), 2)
    whole = worker.find(known_latents(), [198, 199], None, None)
    assert whole.complete and [outcome.seed for outcome in whole.outcomes] == [198, 199]
    cut = worker.find(known_latents(), [198, 199], 0.0, None)
    assert not cut.complete and cut.outcomes == () and cut.forwards == 0


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(WamError, match=r'options\.planning\.devices needs Ray.*pip install ray=='):
        Workers(partial(fake_planner, OPTIONS), ['cpu'])


@pytest.mark.parametrize(
    ('device', 'address', 'allowed'),
    [('gpu', '', 'cuda:0'), ('cuda', '', 'cuda:0'), ('cuda:1', 'auto', 'cpu, cuda;')],
)
def test_devices_that_ray_cannot_give(device: str, address: str, allowed: str) -> None:
    with pytest.raises(WamError, match=f'{device!r}.*{allowed}.*options.planning'):
        Workers(partial(fake_planner, OPTIONS), [device], address)


def test_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**arguments: object) -> None:
        raise ConnectionError('nobody answers')

    absent = SimpleNamespace(is_initialized=lambda: False, init=init)
    monkeypatch.setitem(sys.modules, 'ray', absent)
    with pytest.raises(WamError, match=r"no Ray cluster at '10\.0\.0\.1:6379': nobody answers"):
        Workers(partial(fake_planner, OPTIONS), ['cuda'], '10.0.0.1:6379')


def test_shares_are_even_and_the_first_candidates_stay_here() -> None:
    team = object.__new__(Workers)
    team._workers = [workers._Worker('one', None), workers._Worker('two', None)]
    assert team._shares(8) == [3, 3, 2]
    assert team._shares(1) == [1, 0, 0]
    assert team.own_share(5) == 2
