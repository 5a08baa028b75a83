"""What one leader's motors do in each state of teleoperation. On the arm's own thread."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wam_core.errors import WamError
from wam_core.motor_status import GRIPPER, HARDWARE_ERROR, in_error
from wam_core.motors import MOTORS
from wam_nodes.motor_node import Motors
from wam_nodes.motor_opening import Modes, set_modes, torque_on

# The gripper's is the one that interbotix_gravity_compensation leaves it in.
_HELD: Final[Modes] = (
    ('group', 'arm', 'position'),
    ('single', GRIPPER, 'current_based_position'),
)

Log = Callable[[str], None]


@dataclass(frozen=True)
class Range:
    """lower, upper: of the arm's joints, rad."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]


def hold(motors: Motors, log: Log) -> Range:
    """Torque on, where the arm is, ready for goals. Raises WamError for a motor in error."""
    _check(motors)
    set_modes(motors, _HELD, _telling(motors, log))
    torque_on(motors, _telling(motors, log))
    return Range(*motors.range())


def free(motors: Motors, log: Log) -> None:
    """Torque off: the person carries the arm. Raises WamError when a motor keeps it."""
    _release(motors, '', log)


def free_gripper(motors: Motors, log: Log) -> None:
    """Torque off at the gripper only. Raises WamError when it keeps it."""
    _release(motors, GRIPPER, log)


def _release(motors: Motors, motor: str, log: Log) -> None:
    names = (motor,) if motor else MOTORS
    if not any(motors.read('Torque_Enable', motor)):
        return
    motors.torque(False, motor)
    torque = motors.read('Torque_Enable', motor)
    if kept := [name for name, on in zip(names, torque, strict=True) if on]:
        raise WamError(
            f'{motors.robot}: {", ".join(kept)} still has torque after it was switched off: '
            'look at the log of its xs_sdk'
        )
    _telling(motors, log)(f'torque off: {motor or "all motors"}')


def _check(motors: Motors) -> None:
    errors = in_error(motors.read(HARDWARE_ERROR))
    if errors:
        found = ', '.join(f'{name} reports {text}' for name, text in errors.items())
        raise WamError(
            f'{motors.robot}: {found}; it must be 0. Support the arm and reboot the motor '
            f'(/{motors.robot}/reboot_motors)'
        )


def _telling(motors: Motors, log: Log) -> Log:
    return lambda step: log(f'{motors.robot}: {step}')
