"""The policy node: requests, refusals, and policies that fail."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from wam_msgs.msg import ActionChunk, FrameSet, PredictedFuture, Proprioception
from wam_msgs.srv import PredictChunk, ResetPolicy

from wam_nodes.conversions import frame_set, nanoseconds, time_message

HERE = Path(__file__).resolve().parent
CAMERAS = ('cam_high', 'cam_left_wrist')
POSITION = np.linspace(-0.5, 0.5, 14)
POLICY_FILE = """
policy: {policy}
cameras: [{cameras}]
image: {{height: 8, width: 6, resampling: pil_bicubic}}
horizon: 10
dt_s: 0.04
options: {options}
"""


def policy_file(
    folder: Path, policy: str = 'fault', options: str = '{}', cameras: tuple[str, ...] = CAMERAS
) -> str:
    path = folder / 'testing.yaml'
    text = POLICY_FILE.format(policy=policy, options=options, cameras=', '.join(cameras))
    path.write_text(text, encoding='utf-8')
    return str(path)


class Bench:
    """A running policy node and everything around it."""

    def __init__(self, ros: Any, options: str = '{}') -> None:
        self.ros = ros
        self.process = start(ros, policy=policy_file(ros.folder, options=options))
        self.frames = ros.node.create_publisher(FrameSet, '/frame_set', 2)
        self.states = ros.node.create_publisher(Proprioception, '/proprioception', 10)
        self.chunks: list[ActionChunk] = ros.collect(ActionChunk, '/action_chunk')
        self.futures: list[PredictedFuture] = ros.collect(PredictedFuture, '/predicted_future')
        ros.wait(lambda: 'ready' in self.process.output, what='ready')
        ros.wait(
            lambda: (
                self.frames.get_subscription_count()
                and self.states.get_subscription_count()
                and ros.node.count_publishers('/action_chunk')
                and ros.node.count_publishers('/predicted_future')
            ),
            what='discovery',
        )

    def observe(self, stamp_ns: int | None = None) -> int:
        """Sends one observation; its stamp."""
        if stamp_ns is None:
            stamp_ns = self.ros.node.get_clock().now().nanoseconds
        state = Proprioception(position=POSITION)
        state.header.stamp = time_message(stamp_ns)
        self.states.publish(state)
        images = np.full((2, 8, 6, 3), 3, np.uint8)
        self.frames.publish(frame_set(CAMERAS, [stamp_ns, stamp_ns + 1], images))
        return stamp_ns

    def reset(self, task: str, policy: str = '') -> Any:
        return self.ros.call(
            ResetPolicy, '/policy/reset', ResetPolicy.Request(task=task, policy=policy)
        )

    def ask(self, request_id: int, task: str, not_before_ns: int = 0) -> Any:
        request = PredictChunk.Request(
            request_id=request_id,
            generation=2,
            task=task,
            mode='async',
            not_before=time_message(not_before_ns),
        )
        return self.ros.call(PredictChunk, '/policy/predict_chunk', request)

    def predict(self, request_id: int, task: str) -> ActionChunk:
        """The chunk that answers a request on a fresh observation."""

        def accepted() -> bool:
            self.observe()
            return bool(self.ask(request_id, task).accepted)

        self.ros.wait(accepted, what='an accepted request')
        self.ros.wait(lambda: any(chunk.request_id == request_id for chunk in self.chunks))
        return next(chunk for chunk in self.chunks if chunk.request_id == request_id)


def start(ros: Any, **params: Any) -> Any:
    path = os.pathsep.join([str(HERE / 'fault_policy'), os.environ.get('PYTHONPATH', '')])
    return ros.start('wam_nodes', 'policy', params, environment={'PYTHONPATH': path})


@pytest.fixture
def bench(ros: Any) -> Callable[..., Bench]:
    return lambda **options: Bench(ros, **options)


def test_a_request_is_answered_with_rows_on_the_time_of_the_observation(
    ros: Any, bench: Callable[..., Bench]
) -> None:
    b = bench()
    answer = b.reset('wave')
    assert answer.accepted, answer.message
    assert answer.policy == 'testing'
    assert json.loads(answer.specification)['horizon'] == 10
    chunk = b.predict(7, 'wave')
    assert chunk.error == ''
    assert (chunk.request_id, chunk.generation, chunk.task) == (7, 2, 'wave')
    assert chunk.policy == 'testing'
    assert chunk.dt.nanosec == 40_000_000
    assert (chunk.horizon, chunk.action_dim) == (10, 14)
    assert np.allclose(np.reshape(chunk.actions, (10, 14)), POSITION)
    assert chunk.stage_names == ['total']
    assert chunk.stage_ms[0] >= 0.0
    assert 0 < nanoseconds(chunk.header.stamp) <= ros.node.get_clock().now().nanoseconds
    assert b.futures == []
    assert b.process.terminate_and_wait() == 0


def test_what_is_predicted_of_the_future_is_published(
    ros: Any, bench: Callable[..., Bench]
) -> None:
    b = bench()
    assert b.reset('future').accepted
    chunk = b.predict(1, 'future')
    ros.wait(lambda: b.futures)
    (future,) = b.futures
    assert future.request_id == 1
    assert future.header.stamp == chunk.header.stamp
    assert nanoseconds(future.offset) == 10 * 40_000_000
    assert future.cameras == list(CAMERAS)
    assert (future.height, future.width) == (8, 6)
    assert set(future.data) == {7}
    assert len(future.data) == 2 * 8 * 6 * 3
    assert future.has_proprioception
    assert future.proprioception == pytest.approx(POSITION + 1.0)
    assert (future.has_value, future.value) == (True, 0.25)
    assert list(future.candidate_values) == [0.125, 0.25]
    assert chunk.stage_names == ['denoise', 'total']


def test_requests_that_cannot_be_served_are_refused_with_the_reason(
    bench: Callable[..., Bench],
) -> None:
    b = bench()
    assert 'reset to None' in b.ask(1, 'wave').message
    assert b.reset('wave').accepted
    refusal = b.ask(2, 'wave')
    assert not refusal.accepted
    assert refusal.message
    assert "'sing', but the policy was reset to 'wave'" in b.ask(3, 'sing').message

    def old() -> bool:
        b.observe(b.ros.node.get_clock().now().nanoseconds - 5 * 10**9)
        return 'observation_max_age_s' in b.ask(4, 'wave').message

    b.ros.wait(old, what='a refusal of an old observation')
    assert b.predict(5, 'wave').error == ''
    future_ns = b.ros.node.get_clock().now().nanoseconds + 3600 * 10**9
    assert not b.ask(6, 'wave', not_before_ns=future_ns).accepted
    assert [chunk.request_id for chunk in b.chunks] == [5]


def test_a_reset_that_fails_leaves_the_policy_unready(bench: Callable[..., Bench]) -> None:
    b = bench()
    other = b.reset('wave', policy='cosmos')
    assert not other.accepted
    assert "'cosmos', but 'testing' is loaded" in other.message
    assert "expected one of ['possible']" in b.reset('impossible').message
    assert b.reset('broken reset').message == 'ZeroDivisionError: reset divided by zero'
    b.observe()
    assert not b.ask(1, 'broken reset').accepted
    assert b.reset('wave').accepted


@pytest.mark.parametrize(
    ('task', 'text'),
    [
        ('strange', 'StrangeError: nobody has heard of me'),
        ('key', "KeyError: 'statistics'"),
        ('nan', 'not finite: nan at row 3, column 5'),
        ('shape', 'shape (9, 14), expected (10, 14)'),
        ('prefix', 'prefix_rows'),
        ('future of another shape', 'proprioception'),
    ],
)
def test_a_policy_that_fails_makes_an_error_chunk_and_the_node_goes_on(
    bench: Callable[..., Bench], task: str, text: str
) -> None:
    b = bench()
    assert b.reset(task).accepted
    chunk = b.predict(1, task)
    assert text in chunk.error
    assert chunk.horizon == 0
    assert len(chunk.actions) == 0
    b.ros.wait(lambda: text in b.process.output, what='the log')
    assert b.reset('wave').accepted
    assert b.predict(2, 'wave').error == ''


def test_a_second_request_is_refused_while_an_inference_runs(
    ros: Any, bench: Callable[..., Bench], tmp_path: Path
) -> None:
    release = tmp_path / 'release'
    b = bench(options=f'{{release: {release}}}')
    assert b.reset('wait').accepted

    def accepted() -> bool:
        b.observe()
        return bool(b.ask(1, 'wait').accepted)

    ros.wait(accepted)
    for request_id in (2, 3):
        b.observe()
        refusal = b.ask(request_id, 'wait')
        assert not refusal.accepted
        assert refusal.message == 'busy: the policy infers request 1'
    assert b.chunks == []
    release.touch()
    ros.wait(lambda: b.chunks)
    assert b.chunks[0].error == ''
    assert b.predict(4, 'wait').error == ''


def test_a_reset_that_waited_for_an_inference_keeps_requests_out(
    ros: Any, bench: Callable[..., Bench], tmp_path: Path
) -> None:
    release, reset_release = tmp_path / 'release', tmp_path / 'reset_release'
    b = bench(options=f'{{release: {release}, reset_release: {reset_release}}}')
    assert b.reset('wait').accepted

    def accepted() -> bool:
        b.observe()
        return bool(b.ask(1, 'wait').accepted)

    ros.wait(accepted)
    client = ros.node.create_client(ResetPolicy, '/policy/reset')
    ros.wait(client.service_is_ready)
    resetting = client.call_async(ResetPolicy.Request(task='slow reset'))
    ros.wait(lambda: 'is being reset' in b.ask(2, 'wait').message)
    release.touch()
    ros.wait(lambda: b.chunks)
    assert b.ask(3, 'slow reset').message == 'busy: the policy is being reset'
    reset_release.touch()
    ros.wait(resetting.done)
    assert resetting.result().accepted
    assert b.predict(4, 'slow reset').error == ''


def test_frames_of_other_cameras_are_named_and_not_used(
    ros: Any, bench: Callable[..., Bench]
) -> None:
    b = bench()
    diagnostics: list[DiagnosticArray] = ros.collect(DiagnosticArray, '/diagnostics')
    assert b.reset('wave').accepted
    images = np.zeros((2, 8, 6, 3), np.uint8)

    def named() -> bool:
        now_ns = ros.node.get_clock().now().nanoseconds
        b.frames.publish(frame_set(('cam_high', 'cam_low'), [now_ns, now_ns], images))
        messages = [status.message for array in diagnostics for status in array.status]
        return any("/frame_set has cameras ['cam_high', 'cam_low']" in text for text in messages)

    ros.wait(named, what='the diagnosis')
    assert not b.ask(1, 'wave').accepted
    assert b.predict(2, 'wave').error == ''


@pytest.mark.parametrize(
    ('params', 'parts'),
    [
        ({'policy': 'cosmoss'}, ["unknown policy 'cosmoss'", "'hold'"]),
        ({'polcy': 'hold'}, ["unknown parameter 'polcy' = 'hold'", "'policy'", 'policy-0.yaml']),
        ({'observation_depth': 0}, ["'observation_depth' = 0", '2 to 1000', 'policy-0.yaml']),
        ({'rig': 'tabletop'}, ["unknown rig 'tabletop'", "'sim'"]),
        ({'options': '[1'}, ["options = '[1'"]),
    ],
)
def test_bad_parameters_stop_the_node_at_start_up(
    ros: Any, params: dict[str, Any], parts: list[str]
) -> None:
    process = start(ros, **params)
    assert process.wait() == 1
    for part in parts:
        assert part in process.output
    assert 'Traceback' not in process.output


def test_a_policy_that_does_not_fit_the_rig_stops_the_node(ros: Any) -> None:
    path = policy_file(ros.folder, 'hold', cameras=('cam_high', 'cam_low'))
    process = start(ros, policy=path)
    assert process.wait() == 1
    assert "needs camera 'cam_low'" in process.output
    assert "rig 'sim' has" in process.output
