"""What the policy node shows of the predicted future."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from policy_bench import CAMERAS, POSITION, Bench, levels
from wam_msgs.msg import PredictedFuture
from wam_msgs.srv import ResetPolicy

from wam_nodes.conversions import nanoseconds


def test_what_is_predicted_of_the_future_is_published(ros: Any) -> None:
    b = Bench(ros)
    assert b.reset('future').accepted
    chunk = b.predict(1, 'future')
    ros.wait(lambda: b.futures)
    (future,) = b.futures
    assert future.request_id == 1
    assert future.header.stamp == chunk.header.stamp
    assert nanoseconds(future.offset) == 10 * 40_000_000
    assert (future.candidates, future.chosen) == (1, 0)
    assert (future.horizon, future.action_dim) == (10, 14)
    assert list(future.actions) == list(chunk.actions)
    assert list(future.values) == [0.25]
    assert future.proprioception == pytest.approx(POSITION + 1.0)
    assert future.cameras == list(CAMERAS)
    assert (future.height, future.width) == (8, 6)
    assert set(future.data) == {7}
    assert len(future.data) == 2 * 8 * 6 * 3
    assert future.decode_ms > 0.0
    assert future.note == ''
    assert chunk.stage_names == ['denoise', 'total']


def test_a_planner_shows_all_candidates_and_the_chosen_one(ros: Any) -> None:
    b = Bench(ros)
    assert b.reset('plan').accepted
    chunk = b.predict(1, 'plan')
    ros.wait(lambda: b.futures)
    (future,) = b.futures
    assert (future.candidates, future.chosen) == (3, 1)
    assert future.note == '1 of 3 not judged: deadline'
    actions = np.reshape(future.actions, (3, 10, 14))
    assert np.array_equal(actions[1].ravel(), chunk.actions)
    assert actions[:, 0, 0] == pytest.approx(POSITION[0] + np.array([0.1, 0.0, 0.2]))
    assert future.values == pytest.approx([0.125, 0.5, np.nan], nan_ok=True)
    states = np.reshape(future.proprioception, (3, 14))
    assert states[1] == pytest.approx(POSITION + 2.0)
    assert np.isnan(states[2]).all()
    images = np.reshape(future.data, (3, 2, 8, 6, 3))
    assert [set(candidate.ravel()) for candidate in images] == [{7}, {8}, {9}]


def test_images_are_decoded_for_somebody_only(ros: Any, tmp_path: Path) -> None:
    log = tmp_path / 'log'
    b = Bench(ros, options=f'{{log: {log}}}', watched=False)
    assert b.reset('future').accepted
    for request_id in (1, 2):
        assert b.predict(request_id, 'future').error == ''
    assert log.read_text().splitlines() == ['reset future']
    futures: list[PredictedFuture] = ros.collect(PredictedFuture, '/predicted_future')
    ros.wait(lambda: ros.node.count_publishers('/predicted_future'))

    def shown() -> bool:
        b.predict(3 + len(b.chunks), 'future')
        return any(len(future.data) for future in futures)

    ros.wait(shown, what='images')
    assert 'decode future' in log.read_text()


def test_a_request_that_comes_while_images_are_decoded_is_served_next(
    ros: Any, tmp_path: Path
) -> None:
    release = tmp_path / 'release'
    b = Bench(ros, options=f'{{decode_release: {release}, log: {tmp_path / "log"}}}')
    assert b.reset('future').accepted
    b.predict(1, 'future')  # the chunk doesn't wait for the images
    b.begin(2, 'future')
    assert b.ask(3, 'future').message == 'busy: the policy infers request 2'
    newest_ns = b.observe()
    assert (len(b.chunks), b.futures) == (1, [])
    release.touch()
    ros.wait(lambda: len(b.futures) == 2)
    assert [future.request_id for future in b.futures] == [1, 2]
    assert [chunk.error for chunk in b.chunks] == ['', '']
    # Of the newest observation, not of the one that was the newest when the request came.
    assert nanoseconds(b.chunks[1].header.stamp) == newest_ns


def test_a_reset_while_a_request_waits_for_images_refuses_the_request(
    ros: Any, tmp_path: Path
) -> None:
    release = tmp_path / 'release'
    b = Bench(ros, options=f'{{decode_release: {release}}}')
    assert b.reset('future').accepted
    b.predict(1, 'future')
    b.begin(2, 'future')
    client = ros.node.create_client(ResetPolicy, '/policy/reset')
    ros.wait(client.service_is_ready)
    resetting = client.call_async(ResetPolicy.Request(task='wave'))
    ros.wait(lambda: 'is being reset' in b.ask(3, 'future').message)
    release.touch()
    ros.wait(resetting.done)
    ros.wait(lambda: len(b.chunks) == 2)
    assert (b.chunks[1].request_id, b.chunks[1].horizon) == (2, 0)
    assert b.chunks[1].error == 'busy: the policy is being reset'
    assert b.predict(4, 'wave').error == ''


@pytest.mark.parametrize(
    ('task', 'text'),
    [
        ('broken images', 'StrangeError: the decoder broke'),
        ('images of another shape', 'expected uint8, (1, 2, height, width, 3)'),
    ],
)
def test_images_that_cannot_be_decoded_cost_nothing_but_themselves(
    ros: Any, task: str, text: str
) -> None:
    b = Bench(ros)
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    assert b.reset(task).accepted
    assert b.predict(1, task).error == ''
    ros.wait(lambda: b.futures)
    (future,) = b.futures
    assert (len(future.data), list(future.cameras)) == (0, [])
    assert list(future.values) == [0.25]
    assert text in future.note
    ros.wait(lambda: (DiagnosticStatus.WARN, True) in levels(diagnostics, text))
    assert b.predict(2, task).error == ''
