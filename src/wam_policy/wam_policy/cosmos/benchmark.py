"""What a Cosmos Policy costs on a device, beside the plain eager path of the same model."""

import gc
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from wam_core.policy import (
    InferenceRequest,
    Matrix,
    Observation,
    PolicyConfig,
    PolicySpec,
    Prediction,
)
from wam_policy.cosmos.model import find_device
from wam_policy.cosmos.network.flops import device_peak, forward_flops
from wam_policy.cosmos.network.fp8 import effect
from wam_policy.cosmos.network.transformer import PRESETS
from wam_policy.cosmos.policy import CosmosPolicy
from wam_policy.cosmos.sequence.layout import make_layout

CAMERAS: Final = ('cam_left_wrist', 'cam_right_wrist', 'cam_high')
HORIZON: Final = 50
IMAGE_SIZES: Final = {'2b': 224, 'tiny': 96}
CAMERA_SIZE: Final = 256  # px, as the images come from camera_sync
TASK: Final = 'measure'
# The paper's: 10 steps for the action, ensembles of up to 5 for futures and values (A.4.2).
PAPER_STEPS: Final = 10
PLANNING: Final = {'futures': 3, 'values': 5, 'future_steps': 5, 'value_steps': 5}
NOTHING_SAVED: Final = {
    'own_forward': False,
    'encode_prefix': False,
    'encode_blanks_once': False,
    'frame_modulation': False,
    'cached_modulation': False,
    'cached_context': False,
    'compile': 'off',
}


@dataclass(frozen=True)
class Case:
    """What to measure. mode: direct or plan. steps: of the action. calls: timed ones."""

    config: str
    device: str
    mode: str
    steps: int = PAPER_STEPS
    calls: int = 20
    eager_calls: int = 20
    candidates: int = 8
    batch: int = 8
    dtype: str = 'bfloat16'
    fp8: bool = False


def measure(case: Case, progress: Callable[[str], None]) -> dict[str, object]:
    """The figures of one case. progress: is told what begins. Raises WamError.

    tflops: floating point operations of the network, counted, over the whole time of a call.
    fp8_effect: how far FP8 alone moved the actions, see ``fp8.Effect``; where it is asked for. In
    a plan the best candidate may be another one, and its actions are then compared.
    """
    device = find_device(case.device)
    _free(device)
    progress('loading and warming up')
    start = time.perf_counter()
    policy = _policy(case, {'fp8': case.fp8}, case.batch)
    startup_s = time.perf_counter() - start
    progress(f'{case.calls} calls')
    ours = _timed(policy, case.calls)
    evaluations = policy.evaluations
    memory_gb = _peak_memory_gb(device)
    del policy
    _free(device)
    effects = _effects(case, device, ours.actions)
    progress(f'the plain eager path, {case.eager_calls} calls')
    eager = _timed(_policy(case, NOTHING_SAVED, 1), case.eager_calls)
    return {
        **_conditions(case, device),
        'total_ms': _percentiles(ours.total_ms),
        'stages_ms': {name: _percentiles(ms) for name, ms in ours.stages_ms.items()},
        'nfe': evaluations,
        **_rate(case, device, evaluations, ours),
        'peak_memory_gb': memory_gb,
        'startup_s': round(startup_s, 2),
        'eager': {'calls': case.eager_calls, 'total_ms': _percentiles(eager.total_ms)},
        'speedup': round(float(np.median(eager.total_ms) / np.median(ours.total_ms)), 2),
        'max_abs_diff': float(np.abs(ours.actions - eager.actions).max()),
        **effects,
    }


def _conditions(case: Case, device: torch.device) -> dict[str, object]:
    return {
        'config': case.config,
        'device': _device_name(device),
        'mode': case.mode,
        'steps': case.steps,
        'dtype': case.dtype,
        'fp8': case.fp8,
        'candidates': case.candidates if case.mode == 'plan' else 1,
        'calls': case.calls,
    }


def _rate(case: Case, device: torch.device, evaluations: int, timing: '_Timing') -> dict[str, Any]:
    layout = make_layout(CAMERAS, horizon=HORIZON, image_size=IMAGE_SIZES[case.config])
    flops = evaluations * forward_flops(PRESETS[case.config], layout)
    tflops = flops / float(np.median(timing.total_ms)) / 1e9
    peak = device_peak(device, case.fp8)
    return {
        'tflops': round(tflops, 4),
        'peak_share': None if peak is None else round(tflops / peak, 4),
    }


@dataclass(frozen=True)
class _Timing:
    actions: Matrix
    total_ms: Sequence[float]
    stages_ms: Mapping[str, Sequence[float]]


def _policy(case: Case, savings: Mapping[str, object], batch: int) -> CosmosPolicy:
    spec = PolicySpec(
        name=f'cosmos_{case.config}',
        cameras=CAMERAS,
        image_height=CAMERA_SIZE,
        image_width=CAMERA_SIZE,
        resampling='pil_bicubic',
        horizon=HORIZON,
        dt_ns=40_000_000,
    )
    planning: dict[str, object] = {'candidates': 1}
    if case.mode == 'plan':
        planning = {**PLANNING, 'candidates': case.candidates, 'batch': batch}
    options = {
        'model': {'preset': case.config, 'device': case.device, 'dtype': case.dtype},
        'image': {'size': IMAGE_SIZES[case.config]},
        'decoding': {
            'mode': 'autoregressive' if case.mode == 'plan' else 'parallel',
            'action_steps': case.steps,
        },
        'planning': planning,
        'savings': savings,
    }
    policy = CosmosPolicy(PolicyConfig('cosmos', spec, options))
    policy.reset(TASK)
    return policy


def _timed(policy: CosmosPolicy, calls: int) -> _Timing:
    """The same observation again and again: the times are of warm code, the actions the same."""
    observation = _observation()
    request = InferenceRequest(0, TASK, 'sync', np.zeros((0, 14)))
    totals: list[float] = []
    stages: dict[str, list[float]] = {}
    for _ in range(calls):
        start = time.perf_counter()
        prediction: Prediction = policy.infer(observation, request)
        totals.append((time.perf_counter() - start) * 1e3)
        for name, ms in prediction.stage_ms.items():
            stages.setdefault(name, []).append(ms)
    return _Timing(prediction.actions, totals, stages)


def _observation() -> Observation:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (len(CAMERAS), CAMERA_SIZE, CAMERA_SIZE, 3), np.uint8)
    zeros = np.zeros(14)
    return Observation(0, images, generator.uniform(-1, 1, 14), zeros, zeros)


def _effects(case: Case, device: torch.device, actions: Matrix) -> dict[str, object]:
    """How far the actions are from those of the paper's number of steps, and without FP8."""
    effects: dict[str, object] = {}
    if case.steps != PAPER_STEPS:
        paper = _actions(replace(case, steps=PAPER_STEPS), device)
        name = f'max_abs_diff_to_{PAPER_STEPS}_steps'
        effects[name] = float(np.abs(actions - paper).max())
    if case.fp8:
        exact = torch.from_numpy(_actions(replace(case, fp8=False), device))
        effects['fp8_effect'] = asdict(effect(exact, torch.from_numpy(actions)))
    return effects


def _actions(case: Case, device: torch.device) -> Matrix:
    actions = _timed(_policy(case, {'fp8': case.fp8}, case.batch), 1).actions
    _free(device)
    return actions


def _percentiles(ms: Sequence[float]) -> dict[str, float]:
    return {f'p{share}': round(float(np.percentile(ms, share)), 3) for share in (50, 99)}


def _peak_memory_gb(device: torch.device) -> float:
    """Of the GPU's allocator; on a CPU of the whole process."""
    if device.type == 'cuda':
        return round(torch.cuda.max_memory_allocated(device) / 1e9, 3)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 3)


def _free(device: torch.device) -> None:
    gc.collect()
    if device.type == 'cuda':
        # The last of these does not do that itself, and fails on a GPU not used before.
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == 'cuda' else str(device)
