"""The bench's figures at tiny size; how quick it is, is nobody's business here."""

from dataclasses import replace

import pytest
import torch

from wam_core.errors import WamError
from wam_policy.cosmos.benchmark import Case, measure

TINY = Case('tiny', 'cpu', 'direct', steps=3, calls=2, eager_calls=1, dtype='float32')
FIELDS = {
    'config', 'device', 'mode', 'steps', 'total_ms', 'stages_ms', 'nfe', 'tflops', 'peak_share',
    'peak_memory_gb', 'startup_s', 'eager', 'speedup', 'max_abs_diff',
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_the_plain_path_gives_the_same_actions() -> None:
    told: list[str] = []
    figures = measure(TINY, told.append)
    assert set(figures) >= FIELDS
    assert figures['nfe'] == 3
    assert figures['device'] == 'cpu'
    assert figures['peak_share'] is None  # nobody states one for a CPU
    assert 0 <= float(str(figures['max_abs_diff'])) < 1e-4
    assert float(str(figures['max_abs_diff_to_10_steps'])) > 1e-4
    assert len(told) == 3
    assert 'fp8_effect' not in figures


def test_what_fp8_does_to_the_actions() -> None:
    case = replace(TINY, steps=10, dtype='bfloat16', fp8=True, calls=1)
    figures = measure(case, lambda _: None)
    moved = figures['fp8_effect']
    assert isinstance(moved, dict)
    assert moved['max_abs'] >= moved['mean_abs'] > 0
    assert 1e-4 < moved['relative'] < 1


@pytest.mark.slow
def test_a_plan_of_the_papers_ensembles() -> None:
    case = replace(TINY, mode='plan', candidates=2, batch=2, calls=1)
    figures = measure(case, lambda _: None)
    assert figures['nfe'] == 2 * (3 + 9 + 42)
    assert 0 <= float(str(figures['max_abs_diff'])) < 1e-4


def test_a_gpu_is_set_up_before_its_memory_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    ready: list[bool] = []

    def reset(device: torch.device) -> None:
        if not ready:
            raise RuntimeError('Invalid device argument 0: did you call init?')

    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'init', lambda: ready.append(True))
    monkeypatch.setattr(torch.cuda, 'reset_peak_memory_stats', reset)
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (0, 0))
    with pytest.raises(WamError, match=r'cuda:0 has 0\.0 GiB of free memory'):
        measure(replace(TINY, device='cuda'), lambda _: None)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(WamError, match="'cuda:9' is not there"):
        measure(replace(TINY, device='cuda:9'), lambda _: None)
