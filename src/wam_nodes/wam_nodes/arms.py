"""Opens and parks the followers, and says once per second how their motors are."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import Trigger

from wam_bringup.config import load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_core.options import parameter
from wam_nodes import motor_opening
from wam_nodes.arm_connection import ArmConnection
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.link import Link
from wam_nodes.motor_health import HealthPolls
from wam_nodes.pose_client import PoseClient
from wam_nodes.runner import run

START: Final = 'start'
SLEEP: Final = 'sleep'


@dataclass(frozen=True)
class Parameters:
    """Of config/arms.yaml."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    gripper_current_limit: int = parameter(
        300,
        "Current_Limit and Goal_Current of the grippers' motors",
        unit='times 2.69 mA',
        lower=1,
        upper=1193,
    )
    service_timeout_s: float = parameter(
        10.0, 'wall time for an arm to answer', unit='s', lower=0.5, upper=120.0
    )
    health_rate_hz: float = parameter(
        1.0, 'at which the health of each arm is published', unit='Hz', lower=0.1, upper=10.0
    )
    executor_timeout_s: float = parameter(
        10.0, 'wall time for the executor to answer', unit='s', lower=0.1, upper=600.0
    )
    retry_s: float = parameter(
        2.0,
        'wall time after which a pose is asked for again when no answer comes',
        unit='s',
        lower=0.1,
        upper=600.0,
    )
    silence_timeout_s: float = parameter(
        2.0, 'wall time without a word from the executor', unit='s', lower=0.1, upper=60.0
    )
    clock_timeout_s: float = parameter(
        10.0, 'wall time for which the ROS clock may stand still', unit='s', lower=0.1, upper=600.0
    )
    slew_margin_s: float = parameter(
        10.0, 'beyond the time that a slew is expected to take', unit='s', lower=0.0, upper=600.0
    )


class ArmsNode(Node):
    """It never commands a joint: to a pose the executor takes the arms."""

    def __init__(self) -> None:
        super().__init__('arms')
        self._settings = settings = declare(self, Parameters)
        followers = load_rig(settings.rig).followers.values()
        self._doing = ''
        link = Link(
            self,
            settings.executor_timeout_s,
            settings.retry_s,
            settings.clock_timeout_s,
            'config/arms.yaml',
        )
        self._poses = PoseClient(self, link, settings.silence_timeout_s, settings.slew_margin_s)
        self._arms = [ArmConnection(self, name, settings.service_timeout_s) for name in followers]
        self._health = HealthPolls(self, self._arms, settings.health_rate_hz)
        for name, action in (('open', self._open), ('park', self._park)):
            # Of its own group: while a service waits for the arms, the other callbacks go on.
            self.create_service(
                Trigger,
                f'/arms/{name}',
                partial(self._serve, name, action),
                callback_group=ReentrantCallbackGroup(),
            )
        Diagnostics(self, self._report)

    def destroy_node(self) -> None:
        """Ends the arms' threads first."""
        for arm in self._arms:
            arm.close()
        super().destroy_node()

    async def _serve(
        self,
        name: str,
        action: Callable[[], Coroutine[Any, Any, str]],
        request: Trigger.Request,
        response: Trigger.Response,
    ) -> Trigger.Response:
        if self._doing:
            response.message = f'/arms/{name} refused: /arms/{self._doing} is not over yet'
            return response
        self._doing = name
        try:
            response.message = await action()
            response.success = True
            self.get_logger().info(f'{name}: {response.message}')
        except WamError as error:
            response.message = str(error)
            self.get_logger().error(f'{name}: {error}')
        finally:
            self._doing = ''
        return response

    async def _open(self) -> str:
        faults = [arm.fault for arm in self._arms if arm.fault]
        if faults:
            raise WamError('; '.join(faults))
        steps = await self._prepare()
        what = '; '.join(steps) or 'motors were ready'
        if not steps and self._poses.at(START):
            return f'{what}, arms were at the {START} pose'
        try:
            await self._poses.go_to(START)
        except WamError as error:
            raise WamError(f'{what}; but {error}') from error
        return f'{what}; arms at the {START} pose'

    async def _prepare(self) -> list[str]:
        """What was done, by arm. Nothing is touched while a joint of either arm is in error."""
        for arm in self._arms:
            await arm.run(motor_opening.check, 'a check')
        prepare = partial(
            motor_opening.prepare,
            current_limit=self._settings.gripper_current_limit,
            log=self.get_logger().info,
        )
        steps = []
        for arm in self._arms:
            if done := await arm.run(prepare, 'an opening'):
                steps.append(f'{arm.robot}: {", ".join(done)}')
        return steps

    async def _park(self) -> str:
        if self._poses.at(SLEEP):
            return f'both arms were at the {SLEEP} pose, their torque stays on'
        await self._poses.go_to(START)
        await self._poses.go_to(SLEEP)
        return f'both arms at the {SLEEP} pose, their torque stays on'

    def _report(self) -> Report:
        return Report(
            faults=(*self._health.faults, *self._health.overdue),
            errors=tuple(arm.fault for arm in self._arms if arm.fault),
            values={'doing': self._doing or 'nothing', **self._health.values},
        )


def main() -> int:
    """Runs the node."""
    return run(ArmsNode)
