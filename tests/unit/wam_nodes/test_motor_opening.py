"""Opening an arm, against the simulated motors with their refusals and without ROS."""

from threading import Event
from typing import Any

import numpy as np
import pytest

from wam_core.errors import WamError
from wam_nodes.motor_node import Motors, SilentError
from wam_nodes.motor_opening import check, prepare
from wam_sim.arm import SimArm
from wam_sim.arm_model import VX300S
from wam_sim.leader import Joint
from wam_sim.modes import MODES
from wam_sim.registers import OVERLOAD

LIMIT = 300


class Core:
    """What interbotix_xs_modules offers, on a simulated arm. changes: calls that change it."""

    def __init__(self, modes: str) -> None:
        self.arm = SimArm('left', VX300S, [Joint(spec) for spec in VX300S.motors])
        self.arm.place([motor.sleep for motor in VX300S.motors], 0, np.random.default_rng(0))
        MODES[modes].apply(self.arm)
        self.changes: list[tuple[Any, ...]] = []
        self.reboots_until_read = 0
        self.offered = True

    def __getattr__(self, name: str) -> Any:
        if not name.startswith('srv_'):
            raise AttributeError(name)
        return self

    def service_is_ready(self) -> bool:
        return self.offered

    def robot_get_motor_registers(self, cmd_type: str, name: str, reg: str) -> list[int] | None:
        if self.reboots_until_read:
            self.reboots_until_read -= 1
            return None
        return self.arm.get_register(cmd_type, name, reg)

    def robot_set_motor_registers(self, cmd_type: str, name: str, reg: str, value: int) -> None:
        self.changes.append((name, reg, value))
        self.arm.set_register(cmd_type, name, reg, value)

    def robot_get_robot_info(self, cmd_type: str, name: str) -> Any:
        return self.arm.info(cmd_type, name)

    def robot_set_operating_modes(self, cmd_type: str, name: str, *values: Any) -> None:
        self.changes.append((name, *values))
        self.arm.set_operating_modes(cmd_type, name, *values)

    def robot_torque_enable(self, cmd_type: str, name: str, enable: bool) -> None:
        self.changes.append((name, 'torque', enable))
        self.arm.torque_enable(cmd_type, name, enable)

    def robot_reboot_motors(self, cmd_type: str, name: str, enable: bool) -> None:
        self.changes.append((name, 'reboot', enable))
        self.arm.reboot(cmd_type, name, enable, False)
        self.arm.step(2_000_000_000)
        self.reboots_until_read = 2


def motors(core: Core) -> Motors:
    return Motors('left', core, 5.0, Event())


def registers(core: Core, name: str) -> list[int]:
    return core.arm.get_register('group', 'all', name)


@pytest.mark.parametrize('modes', MODES)
def test_it_ends_ready_from_whatever_modes_the_driver_started_in(modes: str) -> None:
    core, log = Core(modes), list[str]()
    steps = prepare(motors(core), LIMIT, log.append)
    assert registers(core, 'Current_Limit')[-1] == LIMIT
    assert registers(core, 'Goal_Current')[-1] == LIMIT
    assert registers(core, 'Torque_Enable') == [1] * 7
    for name in ('Profile_Velocity', 'Profile_Acceleration'):
        assert registers(core, name) == [0] * 7
    arm, gripper = core.arm.info('group', 'arm'), core.arm.info('single', 'gripper')
    assert arm is not None and arm.mode == 'position'
    assert gripper is not None and gripper.mode == 'current_based_position'
    assert len(core.arm.notices) == 0, 'the motors refused something'
    assert steps and log == [f'left: {step}' for step in steps]


@pytest.mark.parametrize('modes', MODES)
def test_a_second_opening_changes_nothing(modes: str) -> None:
    core = Core(modes)
    prepare(motors(core), LIMIT, print)
    core.changes.clear()
    assert prepare(motors(core), LIMIT, print) == []
    assert core.changes == []


def test_an_arm_in_the_right_mode_keeps_its_torque() -> None:
    core = Core('aloha')
    prepare(motors(core), LIMIT, print)
    assert {change[0] for change in core.changes} == {'gripper'}


def test_a_profile_alone_is_taken_away_with_the_torque_on() -> None:
    core = Core('interbotix')
    prepare(motors(core), LIMIT, print)
    arm = [change for change in core.changes if change[0] == 'arm']
    assert arm == [('arm', 'Profile_Velocity', 0), ('arm', 'Profile_Acceleration', 0)]


def test_a_mode_that_does_not_take_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core('interbotix')
    monkeypatch.setattr(core, 'robot_set_operating_modes', lambda *_: None)
    with pytest.raises(WamError, match='gripper is in pwm, profile 2000/300 after'):
        prepare(motors(core), LIMIT, print)


def test_the_limit_is_written_without_torque() -> None:
    core = Core('aloha')
    prepare(motors(core), LIMIT, print)
    assert core.changes[:2] == [('gripper', 'torque', False), ('gripper', 'Current_Limit', LIMIT)]


@pytest.mark.parametrize('joint', ['waist', 'shoulder', 'wrist_rotate'])
def test_a_joint_in_error_is_refused_and_nothing_is_touched(joint: str) -> None:
    core = Core('interbotix')
    core.arm.motor(joint).fail(OVERLOAD)
    for attempt in (lambda: check(motors(core)), lambda: prepare(motors(core), LIMIT, print)):
        with pytest.raises(WamError, match=f'left: {joint} reports overload'):
            attempt()
    assert core.changes == []


def test_a_gripper_in_error_is_rebooted_alone() -> None:
    core = Core('aloha')
    core.arm.motor('gripper').fail(OVERLOAD)
    steps = prepare(motors(core), LIMIT, print)
    assert [change for change in core.changes if 'reboot' in change] == [
        ('gripper', 'reboot', True)
    ]
    assert 'rebooted: it reported overload' in steps[0]
    assert registers(core, 'Hardware_Error_Status') == [0] * 7
    assert registers(core, 'Torque_Enable') == [1] * 7


def test_an_error_that_a_reboot_does_not_clear_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core = Core('aloha')
    core.arm.motor('gripper').fail(OVERLOAD)
    monkeypatch.setattr(core, 'robot_reboot_motors', lambda *_: None)
    with pytest.raises(WamError, match='gripper reports overload'):
        prepare(motors(core), LIMIT, print)


def test_a_limit_that_the_motor_refuses_is_refused_with_the_torque_back_on() -> None:
    core = Core('aloha')
    with pytest.raises(WamError, match=r'Current_Limit = \[1193\] after 3000 was written'):
        prepare(motors(core), 3000, print)
    assert registers(core, 'Torque_Enable') == [1] * 7


def test_torque_is_switched_on_where_it_is_off() -> None:
    core = Core('aloha')
    prepare(motors(core), LIMIT, print)
    core.arm.torque_enable('single', 'elbow', False)
    core.changes.clear()
    assert prepare(motors(core), LIMIT, print) == ['torque on: elbow']
    assert core.changes == [('elbow', 'torque', True)]
    core.arm.torque_enable('group', 'all', False)
    core.changes.clear()
    prepare(motors(core), LIMIT, print)
    assert core.changes == [('all', 'torque', True)]
    assert registers(core, 'Torque_Enable') == [1] * 7


def test_an_answer_without_values_is_an_error_in_words() -> None:
    core = Core('aloha')
    core.reboots_until_read = 1
    with pytest.raises(WamError, match='0 values of Hardware_Error_Status instead of 7'):
        check(motors(core))


def test_an_absent_driver_is_not_waited_for() -> None:
    core = Core('aloha')
    core.offered = False
    with pytest.raises(SilentError, match='no xs_sdk'):
        check(motors(core))
