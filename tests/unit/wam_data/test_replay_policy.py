from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from wam_core.errors import WamError
from wam_core.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec
from wam_data.layout import RECORDING
from wam_data.replay_policy import ReplayPolicy
from wam_data.writer import EpisodeWriter

DT_NS = 40_000_000
HORIZON = 10
SPEC = PolicySpec('replay', (), 1, 1, 'none', HORIZON, DT_NS)


def policy(episode: Path) -> ReplayPolicy:
    return ReplayPolicy(PolicyConfig('replay', SPEC, {'episode': str(episode)}))


def rows(replay: ReplayPolicy, stamp_ns: int) -> list[float]:
    zeros = np.zeros(14)
    observation = Observation(stamp_ns, np.zeros((0, 1, 1, 3), np.uint8), zeros, zeros, zeros)
    request = InferenceRequest(1, 'move', 'async', np.zeros((0, 14)))
    actions = replay.infer(observation, request).actions
    assert actions.shape == (HORIZON, 14)
    assert (actions == actions[:, :1]).all()
    return [float(value) for value in actions[:, 0]]


def test_the_entry_point_is_it() -> None:
    (found,) = entry_points(group='wam.policies', name='replay')
    assert found.load() is ReplayPolicy


def test_rows_are_those_that_reached_the_arms(recorded: Path) -> None:
    replay = policy(recorded)
    replay.reset('move')
    assert rows(replay, 1000) == pytest.approx([k / 50 for k in range(HORIZON)])


def test_the_phase_follows_the_observations(recorded: Path) -> None:
    replay = policy(recorded)
    rows(replay, 0)
    assert rows(replay, 5 * DT_NS)[0] == pytest.approx(5 / 50)
    assert rows(replay, round(5.5 * DT_NS))[0] == pytest.approx(5.5 / 50)


def test_a_pause_between_chunks_loses_no_row(recorded: Path) -> None:
    replay = policy(recorded)
    rows(replay, 0)
    assert rows(replay, 100 * DT_NS)[0] == pytest.approx(HORIZON / 50)


def test_the_last_row_is_held(recorded: Path) -> None:
    replay = policy(recorded)
    for number in range(8):
        last = rows(replay, number * HORIZON * DT_NS)
    assert last == pytest.approx([49 / 50] * HORIZON)


def test_reset_starts_again(recorded: Path) -> None:
    replay = policy(recorded)
    rows(replay, 0)
    rows(replay, 5 * DT_NS)
    replay.reset('move')
    assert rows(replay, 500 * DT_NS)[0] == 0.0


@pytest.mark.parametrize('value', ['', 7, None])
def test_no_episode_given(value: object) -> None:
    with pytest.raises(WamError, match='expected the directory of a recorded episode'):
        ReplayPolicy(PolicyConfig('replay', SPEC, {'episode': value}))


def test_unknown_option() -> None:
    with pytest.raises(WamError, match="unknown option 'episodes'"):
        ReplayPolicy(PolicyConfig('replay', SPEC, {'episodes': 'x'}))


def test_a_missing_episode_is_named(tmp_path: Path) -> None:
    with pytest.raises(WamError, match='nothing-here'):
        policy(tmp_path / 'nothing-here')


def test_a_cut_episode_is_named(episode: Path) -> None:
    path = episode / RECORDING
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(WamError, match=episode.name):
        policy(episode)


def test_an_episode_that_moved_no_arm(begin: Callable[..., EpisodeWriter]) -> None:
    writer = begin()
    writer.finish()
    with pytest.raises(WamError, match='nothing to replay'):
        policy(writer.directory)
