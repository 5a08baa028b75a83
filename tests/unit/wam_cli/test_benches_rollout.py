"""What the rollout bench counts, and the queue rule of the client that it compares with."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest

from wam_bringup.config import load_policy, load_task
from wam_cli.benches import peers, rollout
from wam_cli.benches.rollout_clients import (
    ClientEpisode,
    EpisodeOverError,
    LeRobotClient,
    TimestepQueue,
)
from wam_cli.benches.rollout_figures import after_splices, figures, standing
from wam_cli.benches.rollout_trials import PEERS
from wam_cli.usage import UsageError
from wam_core.errors import WamError
from wam_core.joints import DIM
from wam_core.policy import InferenceRequest, Matrix, Observation, Prediction
from wam_sim.expert.plan import Plan
from wam_sim.lockstep import Trace
from wam_sim.rig import SimRig

DT_S = 0.04


def column(values: list[float]) -> Matrix:
    """(T, 14): the left waist does what is given, the rest nothing."""
    rows = np.zeros((len(values), DIM))
    rows[:, 0] = values
    return rows


def trace(commands: list[float], rows: list[float]) -> Trace:
    count = len(commands)
    return Trace(
        time_ns=np.arange(count) * 40_000_000,
        requested=column(commands),
        limited=column(commands),
        measured=column(commands),
        request_id=np.where(np.array(rows) >= 0, 1, 0),
        row=np.array(rows),
    )


def plan(values: list[float]) -> Plan:
    return Plan(column(values), np.zeros(len(values)), {}, (), DT_S)


def still(commands: list[float], rows: list[float], expert: list[float]) -> tuple[int, int]:
    """Ticks that count, and those that stand still."""
    told = trace(commands, rows)
    steps = np.abs(np.diff(commands, prepend=commands[:1]))
    due, stands = standing(told, {1: (plan(expert), 0.0)}, steps)
    return int(due.sum()), int(stands.sum())


def test_the_experts_own_pause_is_not_standing_still() -> None:
    expert = [0.0, 0.1, 0.2, 0.2, 0.2, 0.3]
    assert still(expert, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], expert) == (5, 0)


def test_waiting_while_the_plan_would_move_is() -> None:
    expert = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    commands = [0.0, 0.1, 0.2, 0.2, 0.2, 0.3, 0.4, 0.5, 0.6]
    rows = [0.0, 1.0, 2.0, -1.0, -1.0, 3.0, 4.0, 5.0, 6.0]
    assert still(commands, rows, expert) == (8, 2)


def test_waiting_counts_from_where_the_pause_of_the_plan_would_have_ended() -> None:
    expert = [0.0, 0.1, 0.1, 0.1, 0.2, 0.3]
    commands = [0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    rows = [0.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0]
    # Two ticks of pause, then two on which the plan moves; after its end nothing counts.
    assert still(commands, rows, expert) == (5, 2)


def test_steps_after_another_chunk_took_over_are_told_apart() -> None:
    chunks = np.array([0, 1, 1, 1, 1, 0, 2, 2, 2, 2])
    np.testing.assert_array_equal(
        after_splices(chunks, 2),
        [False, True, True, False, False, False, True, True, False, False],
    )


def test_peaks_are_finite_differences_from_rest() -> None:
    commands = [0.0, 0.0, 0.04, 0.08]
    told = trace(commands, [0.0, 1.0, 2.0, 3.0])
    got = figures(told, {1: (plan(commands), 0.0)}, 3.5, 0.07)
    assert got.max_step == pytest.approx(0.04)
    assert got.velocity == pytest.approx(1.0)
    assert got.acceleration == pytest.approx(1.0 / DT_S)
    assert got.jerk == pytest.approx(1.0 / DT_S**2)
    assert got.tracking_ms == pytest.approx((2 * 0.04**2) / 3 / 12)
    assert (got.finish_s, got.chunk_step) == (3.5, 0.07)


def old_and_new(old: Matrix, new: Matrix) -> Matrix:
    return 0.3 * old + 0.7 * new


def test_lerobots_queue_drops_the_past_aggregates_overlaps_and_takes_the_rest() -> None:
    queue = TimestepQueue(old_and_new)
    queue.merge(0, column([0.0, 1.0, 2.0, 3.0]), 1)
    assert [queue.pop(), queue.pop()][1] is not None and queue.latest == 1
    queue.merge(1, column([11.0, 12.0, 13.0, 14.0]), 2)
    taken = []
    while (action := queue.pop()) is not None:
        taken.append((queue.latest, round(float(action[0][0]), 6), action[1], action[2]))
    blended = [9.0, 10.0]  # 0.3 of 2 and 0.7 of 12, and so on
    assert taken == [(2, blended[0], 2, 1.0), (3, blended[1], 2, 2.0), (4, 14.0, 2, 3.0)]
    assert queue.pop() is None and queue.latest == 4


def test_lerobots_client_asks_when_half_of_the_chunk_is_left() -> None:
    queue = TimestepQueue(old_and_new)
    assert queue.wants_observation
    queue.merge(0, column([0.0] * 4), 1)
    assert not queue.wants_observation
    queue.pop()
    assert not queue.wants_observation
    queue.pop()
    assert queue.wants_observation


class _Counting:
    """Chunks of ten rows at the place where the arms are, and when they were asked for."""

    def __init__(self) -> None:
        self.spec = replace(load_policy('scripted').spec, horizon=10)
        self.timesteps: list[int] = []

    def reset(self, task: str) -> None:
        self.timesteps.clear()

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        self.timesteps.append(observation.stamp_ns // 40_000_000)
        return Prediction(np.tile(observation.position, (10, 1)))


@pytest.mark.parametrize(
    ('latency_s', 'timesteps', 'holds'),
    [
        # Half of ten rows is left after timestep 4; the answer is there at the next tick.
        (0.0, [0, 4, 8, 12, 16, 20], [0]),
        # While the server infers it keeps the newest observation, and infers that one next.
        (0.08, [0, 4, 5, 9, 10, 14, 15, 19, 20], [0, 1]),
        # An answer that takes longer than half of a chunk: the queue runs empty.
        (0.28, [0, 4, 9], [0, 1, 2, 3, 4, 5, 6, 17, 22, 23, 24]),
    ],
)
def test_lerobots_server_infers_the_newest_observation(
    latency_s: float, timesteps: list[int], holds: list[int]
) -> None:
    policy, task = _Counting(), replace(load_task('transfer_cube'), time_limit_s=1.0)
    with SimRig(0, task, leaders=False) as rig:
        episode = ClientEpisode(policy, task, rig, latency_s, 0.5)
        client = LeRobotClient(episode, old_and_new)
        with pytest.raises(EpisodeOverError):
            while True:
                client.step()
    assert policy.timesteps == timesteps
    assert np.flatnonzero(episode.trace.row < 0.0).tolist() == holds
    assert len(episode.trace.row) == 25


def settings(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    rollout.add_arguments(parser)
    return parser.parse_args(list(words))


def installed() -> bool:
    try:
        peers.python()
    except WamError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize('alone', [True, False])
def test_the_result_has_the_promised_fields(alone: bool) -> None:
    if not alone and not installed():
        pytest.skip('`make peers` was not run')
    words = ['--trials', '1', '--latency', '0.3', '--mode', 'async', '--processes', '1']
    result = rollout.run(settings(*words, *(['--no-peers'] if alone else [])))
    result = json.loads(json.dumps(result))
    rows = result['rows']
    executors = ['wam', *([] if alone else PEERS)]
    assert [(row['executor'], row['disagreement']) for row in rows] == [
        (executor, disagreement) for disagreement in (False, True) for executor in executors
    ]
    assert 0.03 < result['expert_max_step_rad'] < 0.06
    for row in rows:
        assert row['latency_s'] == 0.3 and row['trials'] == 1
        assert 0.0 <= row['still_share'] < 0.2
        assert row['max_splice_step_rad'] <= row['max_command_step_rad'] < 0.2
        assert row['peak_velocity'] == pytest.approx(row['max_command_step_rad'] / DT_S)
        assert row['peak_acceleration'] > 0.0 and row['peak_jerk'] > 0.0
        assert 0.0 < row['tracking_rms_rad'] < 0.05
        assert row['successes'] == 1 and 8.0 < row['finish_s'] < 15.0


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (('--mode', 'async,psychic'), 'psychic'),
        (('--latency', '0.1,soon'), 'soon'),
        (('--latency', '-1'), 'allowed 0 to 10'),
        (('--trials', '0'), '--trials 0'),
        (('--disagreement', '1'), '0.2 rad'),
    ],
)
def test_wrong_arguments_are_refused(words: tuple[str, str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        rollout.run(settings('--no-peers', *words))
