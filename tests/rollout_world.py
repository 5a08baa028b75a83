"""The rollout node in a process, with the test as simulator, arms, policy, executor, recorder."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.action import ActionClient
from std_srvs.srv import Trigger
from wam_msgs.action import RunRollout
from wam_msgs.msg import EpisodeEvent, ExecutorState, Proprioception, TaskState
from wam_msgs.srv import (
    GoToPose,
    ResetPolicy,
    ResetScene,
    StartEpisode,
    StartExecution,
    StopEpisode,
)

from wam_bringup.config import load_task
from wam_nodes.conversions import time_message
from wam_nodes.qos import LATCHED

CONFIG = Path(__file__).resolve().parent.parent / 'config'
TICK_NS = 40_000_000
TASK = load_task('transfer_cube')
SERVICES = {
    '/sim/reset_scene': ResetScene,
    '/policy/reset': ResetPolicy,
    '/arms/open': Trigger,
    '/executor/hold': Trigger,
    '/executor/start': StartExecution,
    '/executor/go_to_pose': GoToPose,
    '/recorder/start_episode': StartEpisode,
    '/recorder/stop_episode': StopEpisode,
}


class World:
    """Everything that a rollout talks to. ``calls`` are the services called, in order."""

    node = 'rollout'
    action: Any = RunRollout
    kinds = SERVICES

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
        self.recorder = DiagnosticStatus(name='recorder')  # what it says of itself
        self.feedback: list[Any] = []
        self.process = ros.start(
            'wam_nodes', self.node, {'use_sim_time': True, **params}, CONFIG / f'{self.node}.yaml'
        )
        self.states = ros.node.create_publisher(ExecutorState, '/executor_state', 10)
        self.truths = ros.node.create_publisher(TaskState, '/task_state', LATCHED)
        self.measured = ros.node.create_publisher(Proprioception, '/proprioception', 10)
        self.diagnostics = ros.node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.events: list[EpisodeEvent] = ros.collect(EpisodeEvent, '/episode_event')
        self.services = {}
        for name, kind in self.kinds.items():
            if name not in absent:
                self.services[name] = ros.node.create_service(kind, name, self.serve(name))
        self.client = ActionClient(ros.node, self.action, f'/{self.node}/run')
        ros.wait(self.client.server_is_ready, what='the action')
        self.shake_hands()

    def shake_hands(self) -> None:
        """Until a goal is answered: Fast DDS loses answers to a client not discovered yet."""
        asked: list[Any] = []

        def answered() -> bool:
            asked.append(self.client.send_goal_async(self.action.Goal(task='nonsense')))
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
            good = 'accepted' if hasattr(response, 'accepted') else 'success'
            setattr(response, good, True)
            for key, value in fields.items():
                setattr(response, key, value)
            if getattr(response, good):
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
        elif name == '/executor/go_to_pose':
            self.state.generation += 1
            self.state.state, self.state.pose = ExecutorState.IDLE, request.pose
            response.generation = self.state.generation
        elif name == '/policy/reset':
            response.policy, response.specification = 'scripted', '{"horizon": 50}'
            response.options = '{"misjudged_m": 0.01}'
        elif name == '/recorder/start_episode':
            response.episode = '/data/e1.partial'
            self.recorder.values = [KeyValue(key='episode', value=response.episode)]
        elif name == '/recorder/stop_episode':
            response.episode = '/data/e1'

    def step(self) -> None:
        """One control period of the world."""
        self.diagnostics.publish(DiagnosticArray(status=[self.recorder]))
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
        goal = self.action.Goal(**{'task': 'transfer_cube', 'seed': 3, 'record': True, **fields})
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
