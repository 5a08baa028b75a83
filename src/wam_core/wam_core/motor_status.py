"""What the registers of an arm's motors mean, and what follows from them.

Source of bits and units: ROBOTIS e-manual, XM430-W350 and XM540-W270, control table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wam_core.joints import ARM_JOINTS
from wam_core.motors import MOTORS

GRIPPER: Final = MOTORS[-1]
HARDWARE_ERROR: Final = 'Hardware_Error_Status'
TEMPERATURE: Final = 'Present_Temperature'  # degrees Celsius
VOLTAGE: Final = 'Present_Input_Voltage'  # 0.1 V
HEALTH_REGISTERS: Final = (HARDWARE_ERROR, TEMPERATURE, VOLTAGE)
_VOLT: Final = 0.1
_ERROR_BITS: Final = {
    0: 'input voltage error',
    2: 'overheating',
    3: 'motor encoder error',
    4: 'electrical shock',
    5: 'overload',
}


def error_words(status: int) -> list[str]:
    """What each bit of a Hardware_Error_Status means; empty for bits that mean nothing."""
    return [text for bit, text in _ERROR_BITS.items() if status >> bit & 1]


def error_text(status: int) -> str:
    """A Hardware_Error_Status in words: 'overload (Hardware_Error_Status 32)'; empty for 0."""
    if not status:
        return ''
    words = ' and '.join(error_words(status)) or 'an unknown error'
    return f'{words} ({HARDWARE_ERROR} {status})'


def in_error(status: Sequence[int]) -> dict[str, str]:
    """Motor -> its error in words, of the (7,) statuses of an arm in MOTORS' order."""
    return {name: error_text(bits) for name, bits in zip(MOTORS, status, strict=True) if bits}


def arm_refusal(robot: str, status: Sequence[int]) -> str:
    """Why an arm with these (7,) statuses can't be opened; empty: nothing of its joints.

    The gripper doesn't count: it holds no weight, so that it can be rebooted.
    """
    errors = {name: text for name, text in in_error(status).items() if name in ARM_JOINTS}
    if not errors:
        return ''
    found = ', '.join(f'{name} reports {text}' for name, text in errors.items())
    first = next(iter(errors))
    return (
        f'{robot}: {found}; it must be 0. A joint in error has no torque and clears by a reboot '
        'only, in which the arm falls, so that nothing reboots it by itself: find the cause, '
        f'support the arm, call /{robot}/reboot_motors (interbotix_xs_msgs/srv/Reboot) with '
        f'{{cmd_type: single, name: {first}, enable: true}}, and open again'
    )


def mismatch(robot: str, motor: str, register: str, wanted: int, found: Sequence[int]) -> str:
    """Why what a register reads back is not what was written to one motor; empty: it is."""
    if list(found) == [wanted]:
        return ''
    return (
        f'{robot}: {motor} reads back {register} = {[*found]} after {wanted} was written. '
        "The motor refuses what its model doesn't allow (Current_Limit: at most 1193 of an "
        'XM430-W350, 2047 of an XM540-W270), and EEPROM registers while its torque is on. '
        'The value is gripper_current_limit of config/arms.yaml'
    )


@dataclass(frozen=True)
class MotorMode:
    """mode: as xs_sdk names it. velocity, acceleration: profile registers; 0: no profile."""

    mode: str
    velocity: tuple[int, ...]
    acceleration: tuple[int, ...]

    def suits(self, mode: str) -> bool:
        """Whether all motors are in this mode and follow their goals at once."""
        return self.mode == mode and not any(self.velocity) and not any(self.acceleration)

    def text(self) -> str:
        """For people."""
        profiles = sorted({*zip(self.velocity, self.acceleration, strict=True)})
        words = ', '.join(f'{velocity}/{acceleration}' for velocity, acceleration in profiles)
        return f'{self.mode or "mixed modes"}, profile {words}'


@dataclass(frozen=True)
class ArmHealth:
    """Of the seven motors, in MOTORS' order. temperature: degrees Celsius; voltage: V."""

    error_status: tuple[int, ...]
    temperature: tuple[float, ...]
    voltage: tuple[float, ...]


class HealthCycle:
    """Collects the health registers of one arm, one after the other.

    short: answers with fewer values than motors, which an arm gives while one of them reboots.
    """

    def __init__(self) -> None:
        self.short = 0
        self._values: dict[str, tuple[int, ...]] = {}

    def restart(self) -> None:
        """Forgets what this round has so far: it was interrupted."""
        self._values.clear()

    def add(self, register: str, values: Sequence[int]) -> ArmHealth | None:
        """Takes an answer; the arm's health when it was the last one of a complete round."""
        if register == HEALTH_REGISTERS[0]:
            self.restart()
        if len(values) != len(MOTORS):
            self.short += 1
        else:
            self._values[register] = tuple(values)
        if register != HEALTH_REGISTERS[-1] or self._values.keys() != {*HEALTH_REGISTERS}:
            return None
        return health(self._values)


def health(values: Mapping[str, Sequence[int]]) -> ArmHealth:
    """The health that the three registers tell, (7,) raw values each."""
    return ArmHealth(
        error_status=tuple(values[HARDWARE_ERROR]),
        temperature=tuple(float(value) for value in values[TEMPERATURE]),
        voltage=tuple(round(value * _VOLT, 1) for value in values[VOLTAGE]),
    )
