"""Makes one arm's motors ready to be commanded: only what is missing, each write read back.

On the arm's own thread. Every step is logged, and returned in words.
"""

from collections.abc import Callable, Sequence
from typing import Final

from wam_core.errors import WamError
from wam_core.motor_status import (
    GRIPPER,
    HARDWARE_ERROR,
    MotorMode,
    arm_refusal,
    in_error,
    mismatch,
)
from wam_core.motors import MOTORS
from wam_nodes.motor_node import Motors

# Kind, name and operating mode.
Modes = Sequence[tuple[str, str, str]]

_FOLLOWER: Final[Modes] = (
    ('group', 'arm', 'position'),
    ('single', GRIPPER, 'current_based_position'),
)
_PROFILE: Final = ('Profile_Velocity', 'Profile_Acceleration')

Log = Callable[[str], None]


def check(motors: Motors) -> None:
    """Reads the errors and moves nothing. Raises WamError when a joint of the arm has one."""
    refusal = arm_refusal(motors.robot, motors.read(HARDWARE_ERROR))
    if refusal:
        raise WamError(refusal)


def prepare(motors: Motors, current_limit: int, log: Log) -> list[str]:
    """The steps that were needed; none: the arm was ready. Raises WamError for the first failure.

    current_limit: of the gripper, in 2.69 mA.
    """
    check(motors)
    steps: list[str] = []

    def done(step: str) -> None:
        log(f'{motors.robot}: {step}')
        steps.append(step)

    _clear_gripper(motors, done)
    _limit_gripper(motors, current_limit, done)
    set_modes(motors, _FOLLOWER, done)
    _set_goal_current(motors, current_limit, done)
    torque_on(motors, done)
    check(motors)
    _check_gripper(motors)
    return steps


def _check_gripper(motors: Motors) -> None:
    error = in_error(motors.read(HARDWARE_ERROR)).get(GRIPPER)
    if error is not None:
        raise WamError(
            f'{motors.robot}: gripper reports {error}, a reboot does not help; it must be 0. '
            'Free its fingers, see that its motor cools down and has its voltage, and open again'
        )


def _clear_gripper(motors: Motors, done: Log) -> None:
    error = in_error(motors.read(HARDWARE_ERROR)).get(GRIPPER)
    if error is None:
        return
    motors.reboot(GRIPPER)
    _check_gripper(motors)
    done(f'gripper rebooted: it reported {error}')


def _limit_gripper(motors: Motors, wanted: int, done: Log) -> None:
    before = motors.read('Current_Limit', GRIPPER)[0]
    if before == wanted:
        return
    # In the motor's EEPROM, which it only writes without torque; the arm keeps its own.
    motors.torque(False, GRIPPER)
    motors.write('Current_Limit', wanted, 'single', GRIPPER)
    refusal = mismatch(
        motors.robot, GRIPPER, 'Current_Limit', wanted, motors.try_read('Current_Limit', GRIPPER)
    )
    if refusal:
        motors.torque(True, GRIPPER)
        raise WamError(refusal)
    done(f'gripper: Current_Limit {before} -> {wanted}')


def set_modes(motors: Motors, modes: Modes, done: Log) -> None:
    """Sets what is in another mode, or has a profile. Raises WamError when that fails."""
    for cmd_type, name, wanted in modes:
        before = _mode(motors, cmd_type, name)
        if before.suits(wanted):
            continue
        if before.mode != wanted:
            # It drops the torque for a moment, so that it is done where it is needed only.
            motors.set_mode(cmd_type, name, wanted)
        else:
            for register in _PROFILE:
                motors.write(register, 0, cmd_type, name)
        found = _mode(motors, cmd_type, name)
        if not found.suits(wanted):
            raise WamError(
                f'{motors.robot}: {name} is in {found.text()} after {wanted}, profile 0/0 was '
                'set: look at the log of its xs_sdk'
            )
        done(f'{name}: {before.text()} -> {found.text()}')


def _mode(motors: Motors, cmd_type: str, name: str) -> MotorMode:
    joints = slice(0, -1) if cmd_type == 'group' else slice(-1, None)
    velocity, acceleration = (motors.read(register)[joints] for register in _PROFILE)
    return MotorMode(motors.mode(cmd_type, name), velocity, acceleration)


def _set_goal_current(motors: Motors, wanted: int, done: Log) -> None:
    """How hard the gripper grips: a change of mode sets it to the limit, but a script may not."""
    before = motors.read('Goal_Current', GRIPPER)[0]
    if before == wanted:
        return
    motors.write('Goal_Current', wanted, 'single', GRIPPER)
    found = motors.try_read('Goal_Current', GRIPPER)
    refusal = mismatch(motors.robot, GRIPPER, 'Goal_Current', wanted, found)
    if refusal:
        raise WamError(refusal)
    done(f'gripper: Goal_Current {before} -> {wanted}')


def torque_on(motors: Motors, done: Log) -> None:
    """For motors without it: on one that has it, the goal would become where it sags to.

    Raises WamError when a motor stays without.
    """
    off = _without_torque(motors)
    if not off:
        return
    if len(off) == len(MOTORS):
        motors.torque(True)
    else:
        for name in off:
            motors.torque(True, name)
    still = _without_torque(motors)
    if still:
        raise WamError(
            f'{motors.robot}: no torque on {", ".join(still)} after it was switched on: '
            'look at the log of its xs_sdk'
        )
    done(f'torque on: {", ".join(off)}')


def _without_torque(motors: Motors) -> list[str]:
    torque = motors.read('Torque_Enable')
    return [name for name, on in zip(MOTORS, torque, strict=True) if not on]
