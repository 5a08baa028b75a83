"""The registers of one motor, and what it refuses to have written to them."""

from wam_sim.arm_model import MotorSpec
from wam_sim.registers import GOAL_LIMITS, MODE_NUMBERS, TABLE, WATCHDOG_TRIPPED, pulse


class ControlTable:
    """values: register -> value. Reading present ones is the motor's business."""

    def __init__(self, spec: MotorSpec) -> None:
        self.values = {name: entry.initial for name, entry in TABLE.items()}
        self.values |= {
            'Model_Number': spec.kind.number,
            'ID': spec.ids[0],
            'Secondary_ID': spec.ids[1] if len(spec.ids) > 1 else 255,
            'Current_Limit': spec.kind.current_limit,
            'Goal_Current': spec.kind.current_limit,
            'Min_Position_Limit': max(0, pulse(spec.lower)),
            'Max_Position_Limit': min(4095, pulse(spec.upper)),
        }

    def reboot(self) -> None:
        """Back to the initial values, but for the EEPROM."""
        ram = TABLE['Torque_Enable'].address
        for name, entry in TABLE.items():
            if entry.address >= ram:
                self.values[name] = entry.initial
        self.values['Goal_Current'] = self.values['Current_Limit']

    def refusal(self, register: str, value: int, mode: str) -> str | None:
        """Why the motor doesn't take the value; None: it does. mode: the operating mode."""
        entry = TABLE.get(register)
        if entry is None:
            return 'refused: there is no such register (names are case-sensitive)'
        if entry.lower is None or entry.upper is None:
            return 'refused: read-only'
        if entry.eeprom and self.values['Torque_Enable']:
            return 'refused: EEPROM, and the torque is on'
        if not entry.lower <= value <= entry.upper:
            return f'refused: allowed {entry.lower} to {entry.upper}'
        if register == 'Operating_Mode' and value not in MODE_NUMBERS.values():
            return f'refused: allowed {sorted(set(MODE_NUMBERS.values()))}'
        error = self.values['Hardware_Error_Status']
        if register == 'Torque_Enable' and value and error:
            return f'refused: Hardware_Error_Status is {error}; reboot the motor'
        return self._goal_refusal(register, value, mode) if register.startswith('Goal_') else None

    def _goal_refusal(self, register: str, value: int, mode: str) -> str | None:
        if self.values['Bus_Watchdog'] == WATCHDOG_TRIPPED:
            return 'refused: Bus_Watchdog has tripped; write 0 to it'
        if not self.values['Torque_Enable']:
            return 'ignored: the torque is off'
        if register in GOAL_LIMITS:
            limit = self.values[GOAL_LIMITS[register]]
            if abs(value) > limit:
                return f'refused: allowed {-limit} to {limit} ({GOAL_LIMITS[register]})'
        # Only these modes know of position limits; the other two turn on and on.
        elif mode in ('position', 'linear_position'):
            lower, upper = self.values['Min_Position_Limit'], self.values['Max_Position_Limit']
            if not lower <= value <= upper:
                return f'refused: allowed {lower} to {upper} (Min_ and Max_Position_Limit)'
        return None
