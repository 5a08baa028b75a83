"""Whole rollouts of a world-action model: of random weights, which fail, and say what they saw."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rollout_outcome import last_line

from wam_bringup.config import load_policy
from wam_data.manifest import read_manifest
from wam_data.reader import EpisodeReader
from wam_data.verify import verify

pytestmark = pytest.mark.slow

SPEC = load_policy('cosmos:tiny').spec
ROLLOUT = ('rollout', '--task', 'transfer_cube', '--policy', 'cosmos:tiny', '--no-preview')
# Two chunks at least: the second is asked for when the first has run, 2 s after the start.
SHORT = ('--mode', 'sync', '--time-limit', '6')
# 64 px: quicker than the policy file's 96, and 700 numbers of actions just fit into its frames.
PLANNING = (
    '{image: {size: 64}, decoding: {action_steps: 2, mode: autoregressive}, '
    'planning: {candidates: 2, futures: 1, values: 1, future_steps: 1, value_steps: 1}}'
)


def run(stack: Any, *words: str) -> Path:
    """The recording of a rollout that failed its task and nothing else."""
    command = stack.run(*ROLLOUT, *SHORT, *words, '--root', str(stack.root))
    assert command.wait() == 0, stack.report()
    line = last_line(command.output)
    assert line['outcome'] == 'failure', stack.report()
    assert 'failure: time limit of 6 s' in command.output
    return Path(line['episode'])


def messages(episode: Path, topic: str) -> list[Any]:
    with EpisodeReader(episode) as reader:
        return [message.fields() for message in reader.messages([topic])]


def check_futures(episode: Path, candidates: int, pixels: int) -> list[Any]:
    """The predictions of all chunks; that of the last one may come after the end."""
    chunks = messages(episode, '/action_chunk')
    futures = messages(episode, '/predicted_future')
    asked = [chunk.request_id for chunk in chunks]
    assert [chunk.error for chunk in chunks] == [''] * len(chunks)
    assert len(asked) >= 2
    assert [future.request_id for future in futures] in (asked, asked[:-1])
    for chunk, future in zip(chunks, futures, strict=False):
        assert future.header.stamp == chunk.header.stamp
        assert future.cameras == list(SPEC.cameras)
        images = np.reshape(future.data, (candidates, len(SPEC.cameras), pixels, pixels, 3))
        assert images.std() > 0.0
        assert future.decode_ms > 0.0
        actions = np.reshape(future.actions, (candidates, SPEC.horizon, SPEC.action_dim))
        assert np.array_equal(actions[future.chosen].ravel(), chunk.actions)
        assert len(future.values) == candidates
        assert np.isfinite(future.proprioception).all()
    return futures


def test_a_planner_of_random_weights_fails_and_all_that_it_compared_is_recorded(
    stack: Any,
) -> None:
    episode = run(stack, '--policy-options', PLANNING)
    for future in check_futures(episode, candidates=2, pixels=64):
        assert future.values[future.chosen] == max(future.values)
    manifest = read_manifest(episode)
    assert manifest.complete, manifest.stop_reason
    assert manifest.identity.policy == 'cosmos:tiny'
    assert manifest.identity.policy_specification['normaliser']
    assert verify(episode).ok, verify(episode).text()
    stages = [set(chunk.stage_names) for chunk in messages(episode, '/action_chunk')]
    expected = {'encode', 'policy', 'world model', 'value', 'total'}
    assert all(expected <= names for names in stages), stages


def test_a_policy_that_cannot_be_loaded_ends_the_graph_with_its_reason(stack: Any) -> None:
    options = '{model: {directory: nowhere}}'
    command = stack.run(*ROLLOUT, '--policy-options', options, '--root', str(stack.root))
    assert command.wait() == 1, stack.report()
    assert 'policy refused to start' in command.output
    assert 'nowhere' in command.output
    assert stack.episodes() == []
    assert stack.processes() == []
