"""The rollout node, with the test as simulator, policy, executor and recorder."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from std_srvs.srv import Trigger
from wam_msgs.action import RunRollout
from wam_msgs.msg import EpisodeEvent, ExecutorState, Proprioception, TaskState
from wam_msgs.srv import ResetPolicy, ResetScene, StartEpisode, StartExecution, StopEpisode

from wam_bringup.config import load_task
from wam_nodes.conversions import time_message
from wam_nodes.qos import LATCHED

CONFIG = Path(__file__).resolve().parents[2] / 'config'
TICK_NS = 40_000_000
TASK = load_task('transfer_cube')


class World:
    """Everything that a rollout talks to. ``calls`` are the services called, in order."""

    def __init__(self, ros: Any, *, absent: tuple[str, ...] = (), **params: Any) -> None:
        self.ros = ros
        self.time_ns = 50 * 10**9
        self.calls: list[tuple[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}  # service -> fields of its next answers
        self.state = ExecutorState(state=ExecutorState.IDLE)
        self.truth = TaskState(task='', seed=0)
        self.speed = 0.0
        self.alive = True
        self.frozen = False
        self.feedback: list[RunRollout.Feedback] = []
        self.process = ros.start(
            'wam_nodes', 'rollout', {'use_sim_time': True, **params}, CONFIG / 'rollout.yaml'
        )
        self.states = ros.node.create_publisher(ExecutorState, '/executor_state', 10)
        self.truths = ros.node.create_publisher(TaskState, '/task_state', LATCHED)
        self.measured = ros.node.create_publisher(Proprioception, '/proprioception', 10)
        self.events: list[EpisodeEvent] = ros.collect(EpisodeEvent, '/episode_event')
        self.services = {}
        for name, kind in {
            '/sim/reset_scene': ResetScene,
            '/policy/reset': ResetPolicy,
            '/executor/hold': Trigger,
            '/executor/start': StartExecution,
            '/recorder/start_episode': StartEpisode,
            '/recorder/stop_episode': StopEpisode,
        }.items():
            if name not in absent:
                self.services[name] = ros.node.create_service(kind, name, self.serve(name))
        self.client = ActionClient(ros.node, RunRollout, '/rollout/run')
        ros.wait(self.client.server_is_ready, what='the action')
        self.shake_hands()

    def shake_hands(self) -> None:
        """Until a goal is answered: Fast DDS loses answers to a client not discovered yet."""
        asked: list[Any] = []

        def answered() -> bool:
            asked.append(self.client.send_goal_async(RunRollout.Goal(task='nonsense')))
            deadline = time.monotonic() + 1.0
            while time.monotonic() < deadline and not asked[-1].done():
                self.step()
            return any(future.done() for future in asked)

        self.ros.wait(answered, what='an answer of the action')
        handle = next(future for future in asked if future.done()).result()
        assert self.result(handle).status == GoalStatus.STATUS_ABORTED

    def serve(self, name: str) -> Callable[[Any, Any], Any]:
        def answer(request: Any, response: Any) -> Any:
            self.calls.append((name, request))
            fields = self.answers.get(name, {})
            if hasattr(response, 'accepted'):
                response.accepted = True
            for key, value in fields.items():
                setattr(response, key, value)
            if getattr(response, 'accepted', True):
                self.react(name, request, response)
            return response

        return answer

    def react(self, name: str, request: Any, response: Any) -> None:
        if name == '/sim/reset_scene':
            self.truth = TaskState(
                task=request.task, seed=request.seed, episode=self.truth.episode + 1
            )
        elif name == '/executor/start':
            self.state.generation += 1
            self.state.state = ExecutorState.HOLDING
            self.state.stop_reason = ''
            response.generation = self.state.generation
        elif name == '/executor/hold' and self.state.state != ExecutorState.STOPPED:
            self.state.state = ExecutorState.IDLE
        elif name == '/policy/reset':
            response.policy, response.specification = 'scripted', '{"horizon": 50}'
        elif name == '/recorder/start_episode':
            response.episode = '/data/e1.partial'
        elif name == '/recorder/stop_episode':
            response.episode = '/data/e1'

    def step(self) -> None:
        """One control period of the world."""
        if self.frozen:
            self.ros.spin()
            return
        self.time_ns += TICK_NS
        stamp = time_message(self.time_ns)
        self.ros.set_time(self.time_ns)
        measured = Proprioception(velocity=[self.speed] * 14)
        measured.header.stamp = self.state.header.stamp = self.truth.header.stamp = stamp
        self.measured.publish(measured)
        self.truths.publish(self.truth)
        if self.alive:
            self.states.publish(self.state)
        self.ros.spin(0.01)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        def stepped() -> bool:
            self.step()
            return bool(condition())

        self.ros.wait(stepped, what=what)

    def send(self, **fields: Any) -> Any:
        """Sends a goal; its handle, once it was accepted."""
        goal = RunRollout.Goal(**{'task': 'transfer_cube', 'seed': 3, 'record': True, **fields})
        future = self.client.send_goal_async(
            goal, feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        self.until(future.done, 'the goal to be accepted')
        handle = future.result()
        assert handle.accepted
        return handle

    def result(self, handle: Any) -> Any:
        """Status and result of a goal."""
        future = handle.get_result_async()
        self.until(future.done, 'the result')
        return future.result()

    def running(self) -> None:
        """Lets the executor follow its first chunk."""
        self.until(lambda: self.state.state == ExecutorState.HOLDING, 'the start of the executor')
        self.state.state = ExecutorState.RUNNING
        self.state.chunks_merged = 1

    def reach(self, stage: int) -> None:
        self.truth.stage = stage
        self.truth.success = TASK.succeeded(stage)

    def called(self) -> list[str]:
        return [name for name, _ in self.calls]

    def request(self, name: str) -> Any:
        """The only request of that service."""
        (found,) = [request for called, request in self.calls if called == name]
        return found


@pytest.fixture
def world(ros: Any) -> Callable[..., World]:
    return lambda **options: World(ros, **options)


def kinds(w: World) -> list[str]:
    return [event.kind for event in w.events]


def test_a_success_from_the_reset_to_the_labelled_recording(world: Callable[..., World]) -> None:
    w = world()
    handle = w.send(policy='scripted', mode='async')
    w.running()
    w.reach(1)
    w.until(lambda: 'stage' in kinds(w), 'the stage event')
    w.until(lambda: any(item.stage == 'touched' for item in w.feedback), 'the feedback')
    w.reach(4)
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    result = answer.result
    assert (result.outcome, result.score) == ('success', 100.0)
    assert result.stages == [stage.name for stage in TASK.stages]
    assert result.episode == '/data/e1'
    assert result.steps > 10
    assert result.duration_s == pytest.approx(result.steps * 0.04, abs=0.2)
    assert w.called() == [
        '/executor/hold',
        '/sim/reset_scene',
        '/policy/reset',
        '/recorder/start_episode',
        '/executor/start',
        '/executor/hold',
        '/recorder/stop_episode',
    ]
    assert w.request('/sim/reset_scene').seed == 3
    reset = w.request('/policy/reset')
    assert (reset.task, reset.task_name) == (TASK.language, 'transfer_cube')
    start = w.request('/recorder/start_episode')
    assert (start.policy, start.policy_specification) == ('scripted', '{"horizon": 50}')
    run = w.request('/executor/start')
    assert (run.source, run.mode, run.task) == ('policy', 'async', TASK.language)
    stop = w.request('/recorder/stop_episode')
    assert (stop.outcome, stop.score, stop.by) == ('success', 100.0, 'sim')
    assert kinds(w) == ['start', 'stage', 'stage', 'stage', 'stage', 'stop']
    assert json.loads(w.events[1].data) == {'stage': 'touched', 'score': 25.0}
    assert {item.phase for item in w.feedback} >= {'running'}
    assert w.process.terminate_and_wait() == 0


def test_the_time_limit_is_a_failure_with_the_score_reached(world: Callable[..., World]) -> None:
    w = world()
    handle = w.send(time_limit_s=2.0, record=False)
    w.running()
    w.reach(2)
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert (answer.result.outcome, answer.result.score) == ('failure', 50.0)
    assert answer.result.duration_s == pytest.approx(2.0, abs=0.5)
    assert answer.result.episode == ''
    assert not [name for name in w.called() if name.startswith('/recorder')]


def test_arms_that_move_are_waited_for(world: Callable[..., World]) -> None:
    w = world()
    w.speed = 0.5
    handle = w.send(time_limit_s=1.0)
    w.until(lambda: '/policy/reset' in w.called(), 'the reset of the policy')
    begin_ns = w.time_ns
    w.until(lambda: w.time_ns > begin_ns + 10**9, 'a second')
    assert '/executor/start' not in w.called()
    w.speed = 0.0
    w.running()
    assert w.result(handle).result.outcome == 'failure'


def stopped(w: World) -> None:
    w.state.state = ExecutorState.STOPPED
    w.state.stop_reason = 'a hand on the button'


def silent(w: World) -> None:
    w.alive = False


def taken_over(w: World) -> None:
    w.state.generation += 1


def no_policy(w: World) -> None:
    w.ros.node.destroy_service(w.services['/policy/reset'])


@pytest.mark.parametrize(
    ('fault', 'text'),
    [
        (stopped, 'a hand on the button'),
        (silent, 'no executor state for 1 s'),
        (taken_over, 'somebody else took over'),
        (no_policy, 'the policy node has vanished'),
    ],
)
def test_a_run_that_breaks_is_aborted_and_its_recording_closed(
    world: Callable[..., World], fault: Callable[[World], None], text: str
) -> None:
    w = world()
    handle = w.send()
    w.running()
    w.until(lambda: any(item.chunks for item in w.feedback), 'the run')
    fault(w)
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.outcome == 'aborted'
    assert text in answer.result.message
    assert answer.result.episode == '/data/e1'
    assert w.called()[-2:] == ['/executor/hold', '/recorder/stop_episode']
    stop = w.request('/recorder/stop_episode')
    assert (stop.outcome, stop.by) == ('aborted', 'rollout')
    assert text in stop.note


def test_a_run_without_chunks_ends_with_what_the_nodes_complain_of(
    world: Callable[..., World],
) -> None:
    w = world(starvation_timeout_s=1.0)
    diagnostics = w.ros.node.create_publisher(DiagnosticArray, '/diagnostics', 10)
    w.ros.wait(diagnostics.get_subscription_count)
    handle = w.send()
    w.running()
    w.until(lambda: any(item.chunks for item in w.feedback), 'the run')
    for level, name, text in (
        (DiagnosticStatus.ERROR, 'camera_sync', 'stalled: cam_high'),
        (DiagnosticStatus.OK, 'recorder', 'ok'),
    ):
        diagnostics.publish(
            DiagnosticArray(status=[DiagnosticStatus(level=level, name=name, message=text)])
        )
    w.state.state = ExecutorState.HOLDING
    message = w.result(handle).result.message
    assert message == 'no chunk for 1 s (camera_sync: stalled: cam_high)'


def test_a_cancelled_rollout_holds_and_closes_its_recording(world: Callable[..., World]) -> None:
    w = world()
    handle = w.send()
    w.running()
    future = handle.cancel_goal_async()
    w.until(future.done, 'the answer to the cancel request')
    answer = w.result(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.outcome == 'aborted'
    assert w.called()[-2:] == ['/executor/hold', '/recorder/stop_episode']


@pytest.mark.parametrize(
    ('goal', 'text'),
    [
        ({'task': 'juggle'}, "unknown task 'juggle', expected one of ['peg_insertion',"),
        ({'policy': 'cosmoss'}, "unknown policy 'cosmoss'"),
        ({'time_limit_s': -1.0}, 'time_limit_s = -1.0'),
        ({'seed': -1}, 'seed = -1'),
        ({'mode': 'fast'}, "'fast'"),
    ],
)
def test_a_goal_that_makes_no_sense_is_aborted_at_once(
    world: Callable[..., World], goal: dict[str, Any], text: str
) -> None:
    w = world()
    answer = w.result(w.send(**goal))
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.outcome == 'aborted'
    assert text in answer.result.message
    assert w.calls == []


def test_a_second_goal_is_refused_while_one_runs(world: Callable[..., World]) -> None:
    w = world()
    first = w.send(time_limit_s=3.0)
    w.running()
    second = w.result(w.send())
    assert second.status == GoalStatus.STATUS_ABORTED
    assert 'running already' in second.result.message
    assert w.result(first).result.outcome == 'failure'
    assert w.called().count('/executor/start') == 1


@pytest.mark.parametrize(
    'service', ['/sim/reset_scene', '/policy/reset', '/recorder/start_episode', '/executor/start']
)
def test_a_refusal_on_the_way_is_the_reason_of_the_abort(
    world: Callable[..., World], service: str
) -> None:
    w = world()
    w.answers[service] = {'accepted': False, 'message': 'not today'}
    answer = w.result(w.send())
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert f'{service}: not today' in answer.result.message
    assert w.called()[-1] in ('/executor/hold', '/recorder/stop_episode')
    w.answers.clear()
    w.calls.clear()
    handle = w.send(time_limit_s=1.0)
    w.running()
    assert w.result(handle).result.outcome == 'failure'


def test_a_recorder_that_waits_for_its_streams_is_asked_again(world: Callable[..., World]) -> None:
    w = world()
    w.answers['/recorder/start_episode'] = {'accepted': False, 'waiting': True}
    w.send(time_limit_s=1.0)
    w.until(lambda: w.called().count('/recorder/start_episode') > 2, 'a repeated request')
    assert '/executor/start' not in w.called()
    w.answers.clear()
    w.running()


def test_a_service_that_is_not_there_ends_the_wait_with_its_name(
    world: Callable[..., World],
) -> None:
    w = world(absent=('/recorder/start_episode',), service_timeout_s=1.0)
    answer = w.result(w.send())
    assert answer.result.outcome == 'aborted'
    assert 'service /recorder/start_episode is absent' in answer.result.message


def test_an_answer_that_got_lost_is_asked_for_again(world: Callable[..., World]) -> None:
    name = '/sim/reset_scene'
    w = world(absent=(name,), retry_s=0.5)
    # Of a node that nobody spins: it takes the first request, and that is all.
    mute = Node('mute', context=w.ros.context)
    service = mute.create_service(ResetScene, name, lambda request, response: response)
    handle = w.send(time_limit_s=1.0)

    def taken() -> bool:
        with service.handle:
            request, _ = service.handle.service_take_request(ResetScene.Request)
        return request is not None

    w.until(taken, 'the first request')
    mute.destroy_node()
    w.ros.node.create_service(ResetScene, name, w.serve(name))
    w.running()
    assert w.result(handle).result.outcome == 'failure'


def test_a_clock_that_stands_still_ends_the_rollout(world: Callable[..., World]) -> None:
    w = world(clock_timeout_s=1.0)
    handle = w.send()
    w.running()
    w.until(lambda: any(item.chunks for item in w.feedback), 'the run')
    w.frozen = True
    answer = w.result(handle)
    assert answer.result.outcome == 'aborted'
    assert 'the ROS clock stands still' in answer.result.message
