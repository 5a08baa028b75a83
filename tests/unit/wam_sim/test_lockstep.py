"""Whole episodes in one process: the scripted expert, the real executor, the simulated rig."""

from dataclasses import replace

import numpy as np
import pytest

from wam_bringup.config import load_policy, load_rig, load_task
from wam_core.errors import WamError
from wam_core.policy import Image, InferenceRequest, Observation, Prediction
from wam_core.prefix import resample
from wam_sim.expert.policy import ScriptedPolicy
from wam_sim.lockstep import LockstepConfig, LockstepResult, run_episode

RIG = load_rig('sim')
CONFIG = load_policy('scripted')
TRANSFER = load_task('transfer_cube')
INSERTION = load_task('peg_insertion')
TASKS = {'transfer_cube': TRANSFER, 'peg_insertion': INSERTION}


def episode(
    task: str, seed: int, mode: str = 'async', latency_s: float = 0.1, age_s: float = 0.0
) -> LockstepResult:
    config = LockstepConfig(latency_s=latency_s, age_s=age_s)
    return run_episode(ScriptedPolicy(CONFIG), TASKS[task], seed, mode, config)


@pytest.mark.parametrize(
    ('task', 'seed', 'mode', 'latency_s', 'age_s'),
    [
        ('transfer_cube', 0, 'async', 0.1, 0.0),
        ('transfer_cube', 1, 'sync', 0.5, 0.1),
        ('transfer_cube', 2, 'async', 0.5, 0.1),
        ('peg_insertion', 0, 'async', 0.1, 0.0),
        ('peg_insertion', 1, 'sync', 0.5, 0.1),
        ('peg_insertion', 2, 'async', 0.5, 0.1),
    ],
)
def test_the_expert_solves_its_tasks(
    task: str, seed: int, mode: str, latency_s: float, age_s: float
) -> None:
    result = episode(task, seed, mode, latency_s, age_s)
    assert result.outcome == 'success'
    assert result.score == 100.0 and result.stage == 4 and len(result.stages) == 4
    assert result.final_stage == 4, 'the success did not last'
    assert result.refused == 0 and result.underruns == 0
    assert result.position_clamps == 0 and result.velocity_clamps == 0
    assert 8.0 < result.sim_s < TASKS[task].time_limit_s
    assert result.chunks >= 4


@pytest.mark.parametrize('task', ['transfer_cube', 'peg_insertion'])
def test_the_success_lasts_after_the_plan_is_done(task: str) -> None:
    config = LockstepConfig(hold_s=6.0)
    result = run_episode(ScriptedPolicy(CONFIG), TASKS[task], 4, 'async', config)
    assert result.outcome == 'success' and result.final_stage == 4
    end = result.trace.measured[-1]
    assert end[6] > 0.3, 'the left gripper holds nothing'
    assert np.abs(np.diff(result.trace.measured[-10:], axis=0)).max() < 0.01
    if task == 'transfer_cube':
        assert end[13] > 0.7, 'the right gripper has not let go'


class _Clumsy(ScriptedPolicy):
    """Keeps the right gripper open for the first ``clumsy_s``."""

    clumsy_s = 7.0

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        prediction = super().infer(observation, request)
        if observation.stamp_ns < self.clumsy_s * 1e9:
            prediction.actions[:, 13] = 0.8
        return prediction


@pytest.mark.parametrize('task', ['transfer_cube', 'peg_insertion'])
def test_a_grasp_that_failed_is_tried_again(task: str) -> None:
    patient = replace(TASKS[task], time_limit_s=40.0)
    result = run_episode(_Clumsy(CONFIG), patient, 0, 'async', LockstepConfig(latency_s=0.2))
    assert result.outcome == 'success' and result.sim_s > 15.0


@pytest.mark.slow
@pytest.mark.parametrize(('task', 'enough'), [('transfer_cube', 19), ('peg_insertion', 18)])
def test_the_expert_solves_nearly_every_seed(task: str, enough: int) -> None:
    outcomes = [episode(task, seed, 'async', 0.3, 0.1).outcome for seed in range(20)]
    assert outcomes.count('success') >= enough, outcomes


def test_one_seed_is_one_episode() -> None:
    first, second = episode('transfer_cube', 5), episode('transfer_cube', 5)
    assert replace(first, trace=second.trace) == second
    for name in ('time_ns', 'requested', 'limited', 'measured', 'request_id', 'row'):
        np.testing.assert_array_equal(getattr(first.trace, name), getattr(second.trace, name))
    other = episode('transfer_cube', 6)
    assert not np.array_equal(first.trace.measured[:200], other.trace.measured[:200])


def test_the_trace_has_a_row_per_tick_and_keeps_the_limits() -> None:
    trace = episode('transfer_cube', 3, 'async', 0.9).trace
    assert set(np.diff(trace.time_ns)) == {40_000_000}
    assert trace.requested.shape == trace.limited.shape == trace.measured.shape
    assert (trace.limited >= RIG.lower).all() and (trace.limited <= RIG.upper).all()
    speed = np.abs(np.diff(trace.limited, axis=0)) / 0.04
    assert (speed <= RIG.velocity * (1 + 1e-9)).all()
    assert (trace.request_id[trace.row >= 0.0] > 0).all()
    assert (np.diff(trace.request_id) >= 0).all()


class _Idle:
    """Keeps the arms where they were first seen, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.spec = replace(CONFIG.spec, cameras=('cam_high',))
        self.fails = fails
        self.images: list[Image] = []

    def reset(self, task: str) -> None:
        self.images.clear()

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        self.images.append(observation.images)
        if self.fails:
            raise WamError('no idea')
        return Prediction(np.tile(observation.position, (self.spec.horizon, 1)))


def test_arms_that_stay_fail_at_the_time_limit() -> None:
    task = replace(TRANSFER, time_limit_s=3.0)
    result = run_episode(_Idle(), task, 0)
    assert (result.outcome, result.score, result.stage) == ('failure', 0.0, 0)
    assert result.stages == () and result.sim_s == pytest.approx(3.0)
    assert result.chunks == 2 and result.steps > 60


def test_a_policy_that_fails_is_counted_and_the_arms_hold() -> None:
    result = run_episode(_Idle(fails=True), replace(TRANSFER, time_limit_s=2.0), 0)
    assert result.outcome == 'failure' and result.chunks == 0 and result.refused >= 2
    assert np.ptp(result.trace.limited, axis=0).max() < 1e-3


@pytest.mark.parametrize(
    ('latency_s', 'age_s', 'row'), [(0.0, 0.0, 1.0), (0.2, 0.0, 5.0), (0.2, 0.12, 8.0)]
)
def test_a_chunk_is_as_late_as_asked_for(latency_s: float, age_s: float, row: float) -> None:
    """Row k is due k periods after the observation; latency 0 is delivered at the next tick.

    The first chunk is asked for at rest, and followed from its row 0 whenever it comes.
    """
    config = LockstepConfig(latency_s=latency_s, age_s=age_s)
    trace = run_episode(_Idle(), replace(TRANSFER, time_limit_s=3.0), 0, 'async', config).trace
    assert trace.row[trace.request_id == 1][0] == 0.0
    assert trace.row[trace.request_id == 2][0] == row


def test_pictures_are_resized_as_asked_for_and_left_out_otherwise() -> None:
    task = replace(TRANSFER, time_limit_s=1.0)
    idle = _Idle()
    run_episode(idle, task, 0, config=LockstepConfig(resize=lambda image: image[::2, ::2]))
    assert idle.images[0].shape == (1, 240, 320, 3) and idle.images[0].any()
    run_episode(idle, task, 0)
    assert idle.images[0].shape == (0, 0, 0, 3)


class _Repeating(_Idle):
    """Gives a request's prefix back, as a policy does that conditions on it."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[Observation, InferenceRequest]] = []

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        self.requests.append((observation, request))
        prediction = super().infer(observation, request)
        frozen = resample(
            request.prefix,
            request.prefix_start_ns,
            self.spec.dt_ns,
            observation.stamp_ns,
            self.spec.horizon,
        )
        prediction.actions[: len(frozen)] = frozen
        return replace(prediction, prefix_rows=len(frozen))


@pytest.mark.parametrize(('mode', 'repeated'), [('sync', 0), ('async', 0), ('rtc', 10)])
def test_a_prefix_reaches_the_policy_and_its_repetition_the_executor(
    mode: str, repeated: int
) -> None:
    policy = _Repeating()
    config = LockstepConfig(latency_s=0.4, age_s=0.08)
    result = run_episode(policy, replace(TRANSFER, time_limit_s=6.0), 0, mode, config)
    # An executor refuses rows that claim to repeat a prefix that it has not sent.
    assert result.chunks >= 2 and result.refused == 0
    observation, request = policy.requests[-1]
    assert request.mode == mode
    if not repeated:
        assert len(request.prefix) == 0
        return
    assert request.prefix_start_ns <= observation.stamp_ns
    end_ns = request.prefix_start_ns + (len(request.prefix) - 1) * policy.spec.dt_ns
    assert end_ns >= observation.stamp_ns + repeated * policy.spec.dt_ns


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(WamError, match='telepathic'):
        run_episode(_Idle(), TRANSFER, 0, 'telepathic')


def test_a_clumsy_expert_fails_some_scenes_and_always_the_same() -> None:
    def outcomes() -> list[str]:
        policy = ScriptedPolicy(load_policy('scripted:clumsy'))
        found = []
        for seed in (0, 5, 0):
            policy.reset('')
            found.append(run_episode(policy, TRANSFER, seed).outcome)
        return found

    assert outcomes() == ['success', 'failure', 'success']
