"""The two leaders as one: who has them, and how they change hands."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from rclpy.node import Node
from std_srvs.srv import SetBool

from wam_core.errors import WamError
from wam_core.joints import ARM_SLICES, DIM, SIDES, Vector
from wam_core.leader_following import LeaderFollowing
from wam_core.motion_limits import MotionLimits
from wam_core.rig import RigSpec
from wam_nodes import leader_motors
from wam_nodes.arm_commands import ArmCommands
from wam_nodes.arm_connection import ArmConnection
from wam_nodes.leader_motors import Range
from wam_nodes.link import Link
from wam_nodes.teleop_parameters import Parameters

FOLLOW: Final = 'follow'
READY: Final = 'ready'
LEAD: Final = 'lead'
STATES: Final = (FOLLOW, READY, LEAD)
UNTOUCHED: Final = 'untouched'  # since start-up, or since a change of hands that failed
SETTINGS: Final = 'config/teleop.yaml'
_POLL_S: Final = 0.1
_MIDDLE: Final = 0.5  # opening that a gripper is left at for the gesture: neither closed nor open


class LeaderArms:
    """One change of hands at a time. The node hands it what is measured.

    connections: one of each leader.
    """

    def __init__(
        self,
        node: Node,
        rig: RigSpec,
        settings: Parameters,
        link: Link,
    ) -> None:
        self.state = UNTOUCHED
        self._settings = settings
        self._link = link
        self._log = node.get_logger().info
        self._robots = tuple(rig.leaders[side] for side in SIDES)
        self.connections = [
            ArmConnection(node, robot, settings.service_timeout_s, SETTINGS)
            for robot in self._robots
        ]
        self._commands = ArmCommands(node, rig.leaders, rig.leader_calibration)
        self._slow = MotionLimits.of(rig, settings.align_share)
        self._quick = MotionLimits.of(rig)
        self._following: LeaderFollowing | None = None  # while they follow
        self._grippers_free = False
        self._position: Vector | None = None
        self._busy = ''
        self._latest = 0
        if settings.gravity_compensation:
            for robot in self._robots:
                link.connect(SetBool, _compensation(robot))

    @property
    def faults(self) -> tuple[str, ...]:
        """Why a leader can't be used right now."""
        return tuple(arm.fault for arm in self.connections if arm.fault)

    @property
    def doing(self) -> str:
        """What is going on, for people."""
        return f'{self._busy} (now {self.state})' if self._busy else self.state

    def close(self) -> None:
        """Ends the arms' threads."""
        for arm in self.connections:
            arm.close()

    def measured(self, position: Vector) -> None:
        """Takes where the leaders are, (14,)."""
        self._position = position

    def follow(self, position: Vector, velocity: Vector, stamp_ns: int) -> None:
        """Takes where the followers are, (14,) each: leaders that follow them are told to."""
        following = self._following
        if following is None or self._position is None or not np.isfinite(position).all():
            return
        following.arrived(self._position)  # from then on they are quicker
        command = following.command(position, velocity, stamp_ns)
        if command is not None:
            self._commands.send(command, grippers=not self._grippers_free)

    def rest(self) -> None:
        """Sends no more goals: the motors hold the last one."""
        self._following = None

    async def become(self, state: str, *, wait: bool = True) -> str:
        """Changes hands. Returns what was done; raises WamError, with the arms as they are then.

        wait: until leaders that follow are where the followers are.
        """
        if state not in STATES:
            raise WamError(f'state {state!r} of the leaders, expected one of {list(STATES)}')
        self._latest += 1
        turn = self._latest
        await self._link.until(
            lambda: not self._busy,
            self._settings.align_timeout_s + self._settings.service_timeout_s,
            'the change of hands before',
            lambda: self._outdated(turn),
        )
        # What fails half-way leaves them in neither state: whoever asks next asks for all of it.
        before, self.state = self.state, UNTOUCHED
        self._busy = f'to {state}'
        try:
            if state == LEAD:
                await self._lead()
            else:
                await self._follow(state, turn, floating=before in (LEAD, UNTOUCHED), wait=wait)
        finally:
            self._busy = ''
        self.state = state
        self._log(f'leaders: {state}')
        return f'leaders: {state}'

    async def _lead(self) -> None:
        self.rest()
        if not self._settings.gravity_compensation:
            await self._each(leader_motors.free, 'a release')
            return
        await self._compensate(True)

    async def _follow(self, state: str, turn: int, *, floating: bool, wait: bool) -> None:
        self.rest()
        if self._settings.gravity_compensation and floating:
            await self._compensate(False)
        ranges = await self._each(leader_motors.hold, 'a hold')
        if self._position is None:
            raise WamError('the leaders have not been measured (/<leader>/joint_states)')
        following = LeaderFollowing(
            self._slow,
            self._quick,
            self._settings.period_ns,
            *_both(ranges),
            self._settings.align_rad,
        )
        following.restart(self._position, _MIDDLE if state == READY else None)
        self._following, self._grippers_free = following, False
        if wait:
            await self._link.until(
                lambda: self._aligned(following),
                self._settings.align_timeout_s,
                f'leaders where the followers are (align_timeout_s of {SETTINGS})',
                lambda: self._outdated(turn),
            )
        if state == READY:
            self._grippers_free = True
            await self._each(leader_motors.free_gripper, 'a release of the gripper')

    def _aligned(self, following: LeaderFollowing) -> bool:
        position = self._position
        return position is not None and following.arrived(position)

    def _outdated(self, turn: int) -> str:
        return '' if turn == self._latest else 'the leaders were asked for something else'

    async def _each(self, job: Callable[..., Range | None], what: str) -> list[Range | None]:
        deadline = time.monotonic() + self._settings.service_timeout_s
        # At start-up both are yet to be found.
        while not all(arm.found for arm in self.connections) and time.monotonic() < deadline:
            await self._link.pause(_POLL_S)
        return [await arm.run(partial(job, log=self._log), what) for arm in self.connections]

    async def _compensate(self, on: bool) -> None:
        for robot in self._robots:
            name = _compensation(robot)
            answer = await self._link.call(name, SetBool.Request(data=on), repeatable=True)
            if not answer.success:
                raise WamError(f'{name}: {answer.message}')


def _compensation(robot: str) -> str:
    return f'/{robot}/gravity_compensation_enable'


def _both(ranges: list[Range | None]) -> tuple[Vector, Vector]:
    """(14,) lower and upper limits of both leaders; grippers 0..1."""
    lower, upper = np.zeros(DIM), np.ones(DIM)
    for side, found in zip(SIDES, ranges, strict=True):
        assert found is not None
        lower[ARM_SLICES[side]], upper[ARM_SLICES[side]] = found.lower, found.upper
    return lower, upper
