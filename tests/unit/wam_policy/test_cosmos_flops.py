"""Counted arithmetic against PyTorch's own counter, and peaks of devices."""

from dataclasses import replace

import pytest
import torch
from cosmos_networks import LAYOUT, make_problem
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from wam_policy.cosmos.network.flops import device_peak, forward_flops, peak, plain_flops, tflops
from wam_policy.cosmos.network.transformer import PRESETS
from wam_policy.cosmos.options import SavingOptions
from wam_policy.cosmos.sequence.layout import make_layout

EVERYTHING = SavingOptions(compile='off')
SAVINGS = {
    'everything': EVERYTHING,
    'no frame_modulation': replace(EVERYTHING, frame_modulation=False),
    'no cached_modulation': replace(EVERYTHING, cached_modulation=False),
    'no cached_context': replace(EVERYTHING, cached_context=False),
}


@pytest.mark.parametrize('name', SAVINGS)
def test_counts_what_runs(name: str) -> None:
    problem = make_problem(SAVINGS[name], sigmas=(80.0, 4.0, 4.0))
    problem.x0()  # what is cached is not part of an evaluation
    # The counter knows attention on the CPU by its matrix products only.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        problem.x0()
    assert forward_flops(PRESETS['tiny'], LAYOUT, 3, SAVINGS[name]) == counter.get_total_flops()


def test_counts_what_runs_plainly() -> None:
    problem = make_problem(EVERYTHING)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        problem.plain()
    plain = plain_flops(PRESETS['tiny'], LAYOUT, 2)
    assert plain == counter.get_total_flops()
    diffusers = replace(EVERYTHING, own_forward=False)
    assert forward_flops(PRESETS['tiny'], LAYOUT, 2, diffusers) == plain


def test_2b_is_8_4_tflop() -> None:
    aloha = make_layout(('left', 'right', 'high'))
    assert aloha.tokens == 2156
    once = forward_flops(PRESETS['2b'], aloha)
    assert once == pytest.approx(8.41e12, rel=1e-3)
    assert forward_flops(PRESETS['2b'], aloha, 8) == 8 * once
    assert tflops(once, 0.01) == pytest.approx(841, rel=1e-3)


@pytest.mark.parametrize(
    ('name', 'bfloat16', 'eight'),
    [
        ('NVIDIA H100 80GB HBM3', 989.4, 1978.9),
        ('NVIDIA H100 PCIe', 756.5, 1513.0),
        ('NVIDIA H200', 989.4, 1978.9),
        ('NVIDIA H200 NVL', 835.5, 1671.0),
        ('NVIDIA A100-SXM4-80GB', 312.0, None),
        ('NVIDIA GeForce RTX 4090', 165.2, 330.3),
        ('NVIDIA L4', 121.0, 242.5),
        ('NVIDIA L40S', 362.1, 733.0),
        ('NVIDIA RTX A1000', None, None),
        ('AMD Instinct MI300X', None, None),
    ],
)
def test_peaks(name: str, bfloat16: float | None, eight: float | None) -> None:
    assert (peak(name), peak(name, fp8=True)) == (bfloat16, eight)


def test_a_cpu_has_no_peak() -> None:
    assert device_peak(torch.device('cpu')) is None
