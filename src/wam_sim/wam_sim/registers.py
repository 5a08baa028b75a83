"""The control table of an XM430/XM540 motor: names, areas, ranges and initial values.

Source: ROBOTIS e-manual, XM430-W350 and XM540-W270, control table.
"""

from dataclasses import dataclass
from typing import Final

POSITION_UNIT: Final = 2.0 * 3.141592653589793 / 4096.0  # rad
POSITION_ZERO: Final = 2048
CURRENT_UNIT: Final = 2.69  # mA

OVERLOAD: Final = 1 << 5  # Hardware_Error_Status
WATCHDOG_UNIT_NS: Final = 20_000_000
WATCHDOG_TRIPPED: Final = -1

MODE_NUMBERS: Final = {
    'current': 0,
    'velocity': 1,
    'position': 3,
    'ext_position': 4,
    'current_based_position': 5,
    'pwm': 16,
    # Interbotix: position mode, with the goal given in metres of the finger.
    'linear_position': 3,
}
POSITION_MODES: Final = ('position', 'ext_position', 'current_based_position', 'linear_position')
# What bounds each goal.
GOAL_LIMITS: Final = {
    'Goal_Velocity': 'Velocity_Limit',
    'Goal_Current': 'Current_Limit',
    'Goal_PWM': 'PWM_Limit',
}


@dataclass(frozen=True)
class Register:
    """address: in the control table. eeprom: writable only while torque is off.

    lower, upper: of a written value; None: read-only. initial: after power-up.
    """

    address: int
    eeprom: bool
    lower: int | None
    upper: int | None
    initial: int = 0


def _eeprom(address: int, lower: int, upper: int, initial: int) -> Register:
    return Register(address, True, lower, upper, initial)


def _ram(address: int, lower: int, upper: int, initial: int = 0) -> Register:
    return Register(address, False, lower, upper, initial)


def _present(address: int, initial: int = 0) -> Register:
    return Register(address, False, None, None, initial)


TABLE: Final = {
    'Model_Number': _present(0),
    'Firmware_Version': _present(6, 45),
    'ID': _eeprom(7, 0, 252, 1),
    'Baud_Rate': _eeprom(8, 0, 7, 3),
    'Return_Delay_Time': _eeprom(9, 0, 254, 0),
    'Drive_Mode': _eeprom(10, 0, 13, 0),
    'Operating_Mode': _eeprom(11, 0, 16, 3),
    'Secondary_ID': _eeprom(12, 0, 255, 255),
    'Homing_Offset': _eeprom(20, -1044479, 1044479, 0),
    'Moving_Threshold': _eeprom(24, 0, 1023, 10),
    'Temperature_Limit': _eeprom(31, 0, 100, 80),
    'Max_Voltage_Limit': _eeprom(32, 95, 160, 160),
    'Min_Voltage_Limit': _eeprom(34, 95, 160, 95),
    'PWM_Limit': _eeprom(36, 0, 885, 885),
    'Current_Limit': _eeprom(38, 0, 2047, 2047),
    'Velocity_Limit': _eeprom(44, 0, 1023, 131),
    'Max_Position_Limit': _eeprom(48, 0, 4095, 4095),
    'Min_Position_Limit': _eeprom(52, 0, 4095, 0),
    'Shutdown': _eeprom(63, 0, 63, 52),
    'Torque_Enable': _ram(64, 0, 1),
    'LED': _ram(65, 0, 1),
    'Status_Return_Level': _ram(68, 0, 2, 2),
    'Registered_Instruction': _present(69),
    'Hardware_Error_Status': _present(70),
    'Velocity_I_Gain': _ram(76, 0, 16383, 1920),
    'Velocity_P_Gain': _ram(78, 0, 16383, 100),
    'Position_D_Gain': _ram(80, 0, 16383, 0),
    'Position_I_Gain': _ram(82, 0, 16383, 0),
    'Position_P_Gain': _ram(84, 0, 16383, 800),
    'Feedforward_2nd_Gain': _ram(88, 0, 16383, 0),
    'Feedforward_1st_Gain': _ram(90, 0, 16383, 0),
    'Bus_Watchdog': _ram(98, 0, 127, 0),
    'Goal_PWM': _ram(100, -885, 885, 885),
    'Goal_Current': _ram(102, -2047, 2047, 2047),
    'Goal_Velocity': _ram(104, -1023, 1023, 0),
    'Profile_Acceleration': _ram(108, 0, 32767, 0),
    'Profile_Velocity': _ram(112, 0, 32767, 0),
    'Goal_Position': _ram(116, -1048575, 1048575, POSITION_ZERO),
    'Realtime_Tick': _present(120),
    'Moving': _present(122),
    'Moving_Status': _present(123),
    'Present_PWM': _present(124),
    'Present_Current': _present(126),
    'Present_Velocity': _present(128),
    'Present_Position': _present(132, POSITION_ZERO),
    'Velocity_Trajectory': _present(136),
    'Position_Trajectory': _present(140),
    'Present_Input_Voltage': _present(144, 120),
    'Present_Temperature': _present(146, 30),
}

# Driver's name of each of MotorGains' fields.
GAIN_REGISTERS: Final = {
    'kp_pos': 'Position_P_Gain',
    'ki_pos': 'Position_I_Gain',
    'kd_pos': 'Position_D_Gain',
    'k1': 'Feedforward_1st_Gain',
    'k2': 'Feedforward_2nd_Gain',
    'kp_vel': 'Velocity_P_Gain',
    'ki_vel': 'Velocity_I_Gain',
}


def pulse(angle: float) -> int:
    """Register value of an angle in rad; 0 rad is the middle of the turn."""
    return round(angle / POSITION_UNIT) + POSITION_ZERO


def angle(value: int) -> float:
    """Angle in rad of a register value. Inverse of ``pulse`` up to half a pulse."""
    return (value - POSITION_ZERO) * POSITION_UNIT
