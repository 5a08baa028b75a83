"""The leaders: their joints as targets for the executor, and who has hold of them."""

import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState
from wam_msgs.msg import EpisodeEvent, ExecutorState, JointTarget, Proprioception
from wam_msgs.srv import SetLeaders

from wam_bringup import environment
from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.arm_pairing import ArmPairing, RigState
from wam_core.errors import WamError
from wam_core.gesture import Gesture, GestureWatch
from wam_core.leader_engagement import LeaderEngagement
from wam_nodes.conversions import joint_state_fields, nanoseconds, time_message, vector
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.leader_arms import FOLLOW, LEAD, SETTINGS, LeaderArms
from wam_nodes.link import Link
from wam_nodes.motor_health import HealthPolls
from wam_nodes.qos import EVERY
from wam_nodes.runner import run
from wam_nodes.teleop_parameters import Parameters

SOURCE = 'teleop'
GESTURE = 'gesture'  # kind of event; its text is a wam_core.gesture.Gesture's value
_POLICY = 'policy'
_WORD_S: Final = 2.0  # wall time; the executor says something 25 to 100 times per second
_POLL_S: Final = 0.05


class TeleopNode(Node):
    """/<leader>/joint_states of both leaders -> /joint_target, while the executor follows them."""

    def __init__(self) -> None:
        super().__init__('teleop')
        self._settings = settings = declare(self, Parameters)
        self._rig = rig = load_rig(settings.rig)
        self._stale_ns = round(settings.stale_after_s * 1e9)
        period_ns = round(1e9 / settings.joint_state_rate_hz)
        self._pairing = ArmPairing(rig.leader_calibration, period_ns)
        self._engagement = LeaderEngagement(
            rig.lower, rig.upper, settings.period_ns, settings.near_rad, self._stale_ns
        )
        self._link = Link(
            self, settings.service_timeout_s, settings.retry_s, settings.clock_timeout_s, SETTINGS
        )
        self._leaders = LeaderArms(self, rig, settings, self._link)
        self._health = HealthPolls(
            self, self._leaders.connections, settings.health_rate_hz, SETTINGS
        )
        self._gestures = GestureWatch(settings.gestures)
        self._events = self.create_publisher(EpisodeEvent, '/episode_event', EVERY)
        self._source, self._generation = '', 0
        self._published = self._refused = 0
        self._fault = ''
        self._targets = self.create_publisher(JointTarget, '/joint_target', EVERY)
        for side, robot in rig.leaders.items():
            self.create_subscription(
                JointState, f'/{robot}/joint_states', partial(self._joint_state, side), EVERY
            )
        self.create_subscription(Proprioception, '/proprioception', self._followers, EVERY)
        self.create_subscription(ExecutorState, '/executor_state', self._executor_state, EVERY)
        # Of its own group: while it waits for the leaders, the other callbacks go on.
        self.create_service(
            SetLeaders,
            '/teleop/set_leaders',
            self._set_leaders,
            callback_group=ReentrantCallbackGroup(),
        )
        self._diagnostics = Diagnostics(self, self._report)

    def destroy_node(self) -> None:
        """Ends the leaders' threads first."""
        self._leaders.close()
        super().destroy_node()

    def _joint_state(self, side: str, message: JointState) -> None:
        for state in self._pairing.add(side, *joint_state_fields(message)):
            self._lead(state)

    def _lead(self, state: RigState) -> None:
        self._leaders.measured(state.position)
        self._tell(self._gestures.take(state.stamp_ns, state.position, state.velocity), state)
        before = self._engagement.fault
        target = self._engagement.leaders(state.position, state.stamp_ns)
        if bool(before) != bool(self._engagement.fault):
            self._diagnostics.publish()  # the person waits for this
        if target is None:
            return
        message = JointTarget(source=SOURCE, position=target)
        message.header.stamp = time_message(state.stamp_ns)
        self._targets.publish(message)
        self._published += 1

    def _tell(self, gesture: Gesture | None, state: RigState) -> None:
        # While the arms follow, both hands may be closed for the task's sake, and open before.
        leading = self._source == SOURCE
        if gesture is not (Gesture.END if leading else Gesture.BEGIN):
            return
        event = EpisodeEvent(node='teleop', kind=GESTURE, text=gesture.value)
        event.header.stamp = time_message(state.stamp_ns)
        self._events.publish(event)

    def _followers(self, message: Proprioception) -> None:
        position, stamp_ns = vector(message.position), nanoseconds(message.header.stamp)
        self._engagement.followers(position, stamp_ns)
        self._leaders.follow(position, vector(message.velocity), stamp_ns)

    def _executor_state(self, message: ExecutorState) -> None:
        active = message.state in (ExecutorState.RUNNING, ExecutorState.HOLDING)
        source = message.source if active else ''
        changed = source != self._source
        renewed = message.generation != self._generation
        self._source, self._generation = source, message.generation
        self._engagement.want(source == SOURCE)
        if source == SOURCE:
            # Leaders that follow arms that follow the leaders would drift.
            self._leaders.rest()
            if changed and self._leaders.state != LEAD:
                self._change(self._leaders.become(LEAD))
        elif source == _POLICY and (changed or renewed) and self._settings.follow_policy:
            self._change(self._leaders.become(FOLLOW, wait=False))

    def _change(self, coroutine: Coroutine[Any, Any, str]) -> None:
        assert self.executor is not None
        self.executor.create_task(self._told(coroutine))

    async def _told(self, coroutine: Coroutine[Any, Any, str]) -> None:
        """A change that nobody asked for by a service: what goes wrong is reported."""
        try:
            await coroutine
            self._fault = ''
        except WamError as error:
            self._fault = str(error)
            self.get_logger().error(self._fault)

    async def _set_leaders(
        self, request: SetLeaders.Request, response: SetLeaders.Response
    ) -> SetLeaders.Response:
        try:
            if request.state != LEAD and await self._led():
                raise WamError(
                    f'leaders can not {request.state!r} while the arms follow them: hand over, or '
                    'end the run (/executor/handover, /executor/hold)'
                )
            response.message = await self._leaders.become(request.state)
            response.accepted, self._fault = True, ''
        except WamError as error:
            response.message = str(error)
            self.get_logger().error(response.message)
        return response

    async def _led(self) -> bool:
        """Whether the arms follow the leaders, as the executor's next word has it, too."""
        deadline = time.monotonic() + _WORD_S
        while self._source == SOURCE and time.monotonic() < deadline:
            await self._link.pause(_POLL_S)
        return self._source == SOURCE

    def _report(self) -> Report:
        now_ns = self.get_clock().now().nanoseconds
        stale = self._pairing.stale(now_ns, self._stale_ns)
        faults = [f'/{self._rig.leaders[side]}/joint_states is stale' for side in stale]
        refused = sum(self._pairing.refused.values())
        if refused > self._refused:
            faults.append(f'joint state refused: {self._pairing.last_refusal}')
        self._refused = refused
        faults += self._health.faults + self._health.overdue
        faults += [text for text in (self._engagement.fault, self._fault) if text]
        if self._source == SOURCE and self._engagement.beyond:
            faults.append(f'beyond the followers: {", ".join(self._engagement.beyond)}')
        counts = {**self._pairing.unpaired, **self._pairing.refused}
        leading = {'leaders': self._leaders.doing, 'arms follow': self._engagement.engaged}
        return Report(
            tuple(faults),
            self._leaders.faults,
            {**leading, 'published': self._published, **counts, **self._health.values},
        )


def main() -> int:
    """Runs the node."""
    environment.apply_control()
    return run(TeleopNode)
