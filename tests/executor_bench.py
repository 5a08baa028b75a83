"""A running executor node, with the test as its clock, its arms, its policy and its operator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executor_rig import excess
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger
from wam_msgs.msg import (
    ActionChunk,
    AppliedAction,
    EpisodeEvent,
    ExecutorState,
    JointTarget,
    MotorHealth,
    Proprioception,
    StreamStatus,
)
from wam_msgs.srv import GoToPose, Handover, PredictChunk, StartExecution

from wam_bringup.config import load_rig
from wam_core.gripper import GripperCalibration
from wam_core.motion_limits import MotionLimits
from wam_core.motors import MOTORS
from wam_nodes.conversions import duration_message, nanoseconds, time_message

CONFIG = Path(__file__).resolve().parent.parent / 'config'
TICK_NS = 40_000_000
TASK = 'wave'
RIG = load_rig('sim')
LIMITS = MotionLimits.of(RIG)
START = np.array(RIG.start_pose)
ROUNDING = 1e-6
HEARD = {
    '/proprioception': Proprioception,
    '/action_chunk': ActionChunk,
    '/joint_target': JointTarget,
    '/stream_status': StreamStatus,
    '/motor_health': MotorHealth,
    '/operator_heartbeat': Empty,
    '/stop': String,
}
ARM_TOPICS = {
    f'/follower_{side}/commands/{name}': kind
    for side in ('left', 'right')
    for name, kind in (('joint_group', JointGroupCommand), ('joint_single', JointSingleCommand))
}


class Bench:
    """Time goes on by ``step`` only. The arms are where they were told to be.

    measuring: whether they say so. following: whether they do as they are told.
    """

    def __init__(
        self, ros: Any, *, policy: bool = True, measuring: bool = True, **params: Any
    ) -> None:
        self.ros = ros
        self.measuring = measuring
        self.following = True
        self.time_ns = 100 * 10**9
        self.position = START.copy()
        self.requests: list[PredictChunk.Request] = []
        self.process = start(ros, use_sim_time=True, **params)
        self.states: list[ExecutorState] = ros.collect(ExecutorState, '/executor_state')
        self.applied: list[AppliedAction] = ros.collect(AppliedAction, '/applied_action')
        self.events: list[EpisodeEvent] = ros.collect(EpisodeEvent, '/episode_event')
        self.commands = {topic: ros.collect(kind, topic) for topic, kind in ARM_TOPICS.items()}
        self._publishers = {
            topic: ros.node.create_publisher(kind, topic, 10) for topic, kind in HEARD.items()
        }
        if policy:
            self.serve()
        self._discover()

    def _discover(self) -> None:
        node = self.ros.node
        topics = ['/executor_state', '/applied_action', '/episode_event', *ARM_TOPICS]
        self.ros.wait(
            lambda: (
                all(each.get_subscription_count() for each in self._publishers.values())
                and all(node.count_publishers(topic) for topic in topics)
            ),
            what='discovery',
        )

        # The graph knows a publisher before that one knows all its subscribers: its first
        # messages may be lost.
        def heard() -> bool:
            self.time_ns += TICK_NS
            self.ros.set_time(self.time_ns)
            return bool(self.states)

        self.ros.wait(heard, what='the first state')
        self.step()

    def publish(self, topic: str, message: Any) -> None:
        """Sends a message to the executor."""
        self._publishers[topic].publish(message)

    def serve(self) -> None:
        """Offers the policy's service: accepts, and leaves the answer to the test."""

        def accept(
            request: PredictChunk.Request, response: PredictChunk.Response
        ) -> PredictChunk.Response:
            self.requests.append(request)
            response.accepted = True
            return response

        self.ros.node.create_service(PredictChunk, '/policy/predict_chunk', accept)

    def step(self, ticks: int = 1) -> None:
        """Lets the executor tick that many times."""
        for _ in range(ticks):
            self.time_ns += TICK_NS
            if self.measuring:
                self.measure()

            def ticked() -> bool:
                self.ros.set_time(self.time_ns)
                return bool(self.states) and self.now_ns() >= self.time_ns

            self.ros.wait(ticked, what=f'the tick at {self.time_ns}')

    def measure(self) -> None:
        """The arms say where they are."""
        if self.following and self.applied:
            self.position = np.array(self.applied[-1].limited)
        stamp = time_message(self.time_ns - TICK_NS // 4)
        message = Proprioception(position=self.position, arm_stamps=[stamp, stamp])
        message.header.stamp = stamp
        self.publish('/proprioception', message)

    @property
    def state(self) -> ExecutorState:
        """The newest one."""
        return self.states[-1]

    def now_ns(self) -> int:
        return nanoseconds(self.state.header.stamp)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Ticks until the condition holds."""
        for _ in range(500):
            if condition():
                return
            self.step()
        pytest.fail(f'waited 500 ticks for {what}; {self.state}\n{self.process.output}')

    def reach(self, state: int) -> None:
        """Ticks until that state."""
        self.until(lambda: self.state.state == state, f'state {state}')

    def start(self, source: str = 'policy', mode: str = 'async', task: str = TASK) -> Any:
        request = StartExecution.Request(source=source, mode=mode, task=task)
        return self.ros.call(StartExecution, '/executor/start', request)

    def handover(self, source: str) -> Any:
        request = Handover.Request(source=source)
        return self.ros.call(Handover, '/executor/handover', request)

    def go_to_pose(self, pose: str) -> Any:
        request = GoToPose.Request(pose=pose)
        return self.ros.call(GoToPose, '/executor/go_to_pose', request)

    def trigger(self, name: str) -> Any:
        return self.ros.call(Trigger, f'/executor/{name}', Trigger.Request())

    def asked(self) -> PredictChunk.Request:
        """The next request of the executor."""
        known = len(self.requests)
        self.until(lambda: len(self.requests) > known, 'a request')
        return self.requests[-1]

    def chunk(self, request: PredictChunk.Request, rows: np.ndarray, **fields: Any) -> ActionChunk:
        """An answer to the request, observed now; ``fields`` override its own."""
        message = ActionChunk(
            request_id=request.request_id,
            generation=request.generation,
            task=request.task,
            policy='test',
            dt=duration_message(TICK_NS),
            horizon=rows.shape[0],
            action_dim=rows.shape[1],
            actions=rows.ravel().tolist(),
        )
        message.header.stamp = time_message(self.time_ns)
        for key, value in fields.items():
            setattr(message, key, value)
        return message

    def answer(self, rows: np.ndarray, **fields: Any) -> None:
        """Answers the next request."""
        self.answer_to(self.asked(), rows, **fields)

    def answer_to(self, request: PredictChunk.Request, rows: np.ndarray, **fields: Any) -> None:
        """Answers a request."""
        self.publish('/action_chunk', self.chunk(request, rows, **fields))

    def move(self) -> None:
        """Starts a run and lets it come to its full speed."""
        answer = self.start()
        assert answer.accepted, answer.message
        self.answer(swing())
        self.reach(ExecutorState.RUNNING)
        self.step(20)
        assert not self.state.at_rest

    def target(self, position: np.ndarray, source: str = 'teleop') -> None:
        """Sends a target, sampled now."""
        message = JointTarget(source=source, position=position)
        message.header.stamp = time_message(self.time_ns)
        self.publish('/joint_target', message)

    def motors(self, robot: str = 'follower_left', **fields: Any) -> None:
        """The motors of an arm are well, but for what ``fields`` say."""
        count = len(MOTORS)
        values = {
            'error_status': [0] * count, 'temperature': [35.0] * count, 'voltage': [12.0] * count
        }  # fmt: skip
        self.publish('/motor_health', MotorHealth(robot=robot, motors=MOTORS, **values | fields))

    def streams(self, kind: str, **ages_ns: int) -> None:
        """Tells how old the newest samples of some streams are."""
        newest = [time_message(self.time_ns - age_ns) for age_ns in ages_ns.values()]
        status = StreamStatus(kind=kind, names=list(ages_ns), newest=newest)
        self.publish('/stream_status', status)

    def record(self) -> list[AppliedAction]:
        """All that was applied, this tick's included."""
        self.ros.wait(
            lambda: self.applied and nanoseconds(self.applied[-1].header.stamp) == self.time_ns,
            what='the record of the tick',
        )
        return self.applied

    def sent(self) -> list[np.ndarray]:
        """The commands so far as 14-vectors of what the motors got, rad."""
        sides = []
        for side in ('left', 'right'):
            groups = self.commands[f'/follower_{side}/commands/joint_group']
            singles = self.commands[f'/follower_{side}/commands/joint_single']
            assert {message.name for message in groups} <= {'arm'}
            assert {message.name for message in singles} <= {'gripper'}
            pairs = zip(groups, singles, strict=False)
            sides.append([[*group.cmd, single.cmd] for group, single in pairs])
        return [np.concatenate(pair) for pair in zip(*sides, strict=False)]

    def lawful(self) -> np.ndarray:
        """(N, 14) commands of all ticks, after a look at them: within every limit, and sent so."""
        limited = np.array([message.limited for message in self.record()])
        self.ros.wait(lambda: len(self.sent()) == len(limited), what='the commands')
        told = np.array([motors(command) for command in limited])
        assert np.array(self.sent()) == pytest.approx(told, abs=ROUNDING)  # float32
        assert excess([limited[0], limited[0], *limited], LIMITS) < ROUNDING
        assert (limited >= LIMITS.reach_lower - ROUNDING).all()
        assert (limited <= LIMITS.reach_upper + ROUNDING).all()
        return limited


def start(ros: Any, **params: Any) -> Any:
    """An executor's process."""
    return ros.start('wam_nodes', 'executor', params, params_file=CONFIG / 'executor.yaml')


def motors(position: np.ndarray) -> np.ndarray:
    """The 14 motor angles of a 14-vector, rad."""
    gripper: GripperCalibration = RIG.gripper
    angles = position.copy()
    angles[[6, 13]] = gripper.angle(position[[6, 13]])
    return angles


def ramp(rows: int = 50, reach: float = 0.3) -> np.ndarray:
    """Rows that move every joint smoothly by ``reach`` rad."""
    phase = np.linspace(0.0, 1.0, rows)[:, None]
    return START + reach * (3 * phase**2 - 2 * phase**3)


def swing() -> np.ndarray:
    """Rows that swing both waists around fast, within the limits."""
    rows = np.tile(START, (50, 1))
    rows[:, [0, 7]] += ramp(50, 2.0)[:, [0]] - START[0]
    return rows
