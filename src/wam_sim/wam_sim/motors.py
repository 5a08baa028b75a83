"""One DYNAMIXEL joint: operating modes, profiles, torque, registers, reboot, and its refusals.

Source of the behaviour: ROBOTIS e-manual, XM430-W350 and XM540-W270. Nothing here raises because
of what was asked: like the motor it refuses, and says why to whoever wants to log it.
"""

import math
from typing import Final

from wam_sim import profile, registers
from wam_sim.arm_model import MotorSpec
from wam_sim.axis import Axis
from wam_sim.control_table import ControlTable
from wam_sim.profile import ACCELERATION_UNIT, VELOCITY_UNIT, Profile
from wam_sim.registers import CURRENT_UNIT, MODE_NUMBERS, POSITION_MODES, TABLE, WATCHDOG_TRIPPED

REBOOT_NS: Final = 1_500_000_000
_GOALS: Final = {
    'velocity': 'Goal_Velocity',
    'current': 'Goal_Current',
    'pwm': 'Goal_PWM',
    **dict.fromkeys(POSITION_MODES, 'Goal_Position'),
}
_TIME_BASED: Final = 1 << 2  # Drive_Mode
_STANDARD_GAIN: Final = 800.0  # Position_P_Gain that a joint's stiffness is given at
_AMBIENT_C: Final = 28.0
# Beyond every register's range, whatever the unit; the conversion of 1e308 would overflow.
_GOAL_BOUND: Final = 1e9


class Motor:
    """The motor of one joint (with its shadows, which do as it does)."""

    def __init__(self, spec: MotorSpec, axis: Axis, now_ns: int = 0) -> None:
        self.spec = spec
        self._axis = axis
        self._now_ns = self._bus_ns = now_ns
        self._reboot_end_ns: int | None = None
        self._torque_after_reboot = False
        self._table = ControlTable(spec)
        self._values = self._table.values
        self.mode = 'position'
        self._temperature = _AMBIENT_C
        self._profile: Profile | None = None
        self._profile_start_ns = 0
        self._setpoint, self._speed = axis.position(), 0.0

    # -- what it is doing

    @property
    def torque_on(self) -> bool:
        """Whether it drives its joint."""
        return self._values['Torque_Enable'] == 1

    @property
    def answering(self) -> bool:
        """Whether it is on the bus: not while it reboots."""
        return self._reboot_end_ns is None

    @property
    def error(self) -> int:
        """Hardware_Error_Status."""
        return self._values['Hardware_Error_Status']

    @property
    def time_based(self) -> bool:
        """Whether profiles are given as times (ms) instead of velocities."""
        return bool(self._values['Drive_Mode'] & _TIME_BASED)

    def sample(self) -> tuple[float, float, float]:
        """(rad, rad/s, mA) in the motor's resolution: 2 pi/4096, 0.229 rpm, 2.69 mA."""
        pulses = registers.pulse(self._axis.position())
        velocity = round(self._axis.velocity() / VELOCITY_UNIT)
        return registers.angle(pulses), velocity * VELOCITY_UNIT, self._current() * CURRENT_UNIT

    def poll(self, now_ns: int) -> None:
        """A message on the bus at ``now_ns``: feeds Bus_Watchdog."""
        elapsed = (now_ns - self._bus_ns) * 1e-9
        self._bus_ns = now_ns
        # Warms to 60 C above its surroundings at stall, with a time constant of five minutes.
        load = self._current() * CURRENT_UNIT / self.spec.kind.stall_ma
        target = _AMBIENT_C + 60.0 * load * load
        self._temperature += (target - self._temperature) * min(1.0, elapsed / 300.0)

    def step(self, now_ns: int) -> None:
        """Moves the setpoint on to ``now_ns``; called before every physics step."""
        step_s = (now_ns - self._now_ns) * 1e-9
        self._now_ns = now_ns
        if self._reboot_end_ns is not None:
            if now_ns >= self._reboot_end_ns:
                self._reboot_end_ns = None
                self._bus_ns = now_ns
                self.enable(self._torque_after_reboot)
            return
        watchdog = self._values['Bus_Watchdog']
        if watchdog > 0 and now_ns - self._bus_ns > watchdog * registers.WATCHDOG_UNIT_NS:
            self._trip()
        if self._profile is not None:
            self._follow(self._profile)
        elif self.mode == 'velocity' and self.torque_on:
            self._ramp(step_s)

    # -- what it is told

    def command(self, value: float) -> str | None:
        """A goal in the mode's unit: rad, rad/s, mA, PWM. Returns why it was refused, if so."""
        if not math.isfinite(value):
            return f'{self.spec.name}: goal {value} is not finite'
        value = max(-_GOAL_BOUND, min(_GOAL_BOUND, value))
        goal = _GOALS[self.mode]
        if goal == 'Goal_Position':
            return self.write(goal, registers.pulse(value))
        unit = {'Goal_Velocity': VELOCITY_UNIT, 'Goal_Current': CURRENT_UNIT}.get(goal, 1.0)
        return self.write(goal, round(value / unit))

    def read(self, register: str) -> int | None:
        """The value of a register; None: no such register, or no answer."""
        if register not in TABLE or not self.answering:
            return None
        live = self._live(register)
        return self._values[register] if live is None else round(live)

    def write(self, register: str, value: int) -> str | None:
        """Writes a register. Returns why it was refused, if so."""
        refusal = self._table.refusal(register, value, self.mode)
        if not self.answering:
            refusal = 'refused: the motor does not answer while it reboots'
        if refusal is not None:
            return f'{self.spec.name}: {register} = {value} {refusal}'
        if register == 'Torque_Enable':
            self.enable(value == 1)
            return None
        self._values[register] = value
        if register == 'Operating_Mode':
            self._set_mode(next(name for name, code in MODE_NUMBERS.items() if code == value))
        elif register == 'Current_Limit':
            self._values['Goal_Current'] = min(value, self._values['Goal_Current'])
        elif register == 'Bus_Watchdog':
            self._bus_ns = self._now_ns
        elif register == 'Position_P_Gain' or register.startswith('Goal_'):
            self._drive(register)
        return None

    def enable(self, on: bool) -> None:
        """Torque on, holding where it is, or off. A motor in error stays off until a reboot."""
        on = on and not self.error
        self._values['Torque_Enable'] = int(on)
        self._profile = None
        self._setpoint, self._speed = self._axis.position(), 0.0
        if not on:
            self._axis.limp()
            return
        self._values['Goal_Position'] = registers.pulse(self._setpoint)
        self._values['Goal_Velocity'] = 0
        self._values['Goal_PWM'] = 0 if self.mode == 'pwm' else self._values['PWM_Limit']
        if self.mode == 'current':
            self._values['Goal_Current'] = 0
        self._act()

    def set_mode(self, mode: str, timed: bool, velocity: int, acceleration: int) -> str | None:
        """As the driver does it: torque off, mode and profile, torque on."""
        if mode not in MODE_NUMBERS:
            return f'{self.spec.name}: no mode {mode!r}, expected one of {sorted(MODE_NUMBERS)}'
        if not self.answering:
            return f'{self.spec.name}: does not answer while it reboots'
        self.enable(False)
        drive = self._values['Drive_Mode'] & ~_TIME_BASED
        self._values['Drive_Mode'] = drive | (_TIME_BASED if timed else 0)
        self._values['Operating_Mode'] = MODE_NUMBERS[mode]
        self._set_mode(mode)
        refused = [
            self.write('Profile_Velocity', velocity),
            self.write('Profile_Acceleration', acceleration),
        ]
        self.enable(True)
        return next((text for text in refused if text is not None), None)

    def reboot(self, torque_after: bool) -> None:
        """Off the bus and limp for 1.5 s; clears the error and everything that is not EEPROM."""
        self._axis.limp()
        self._profile = None
        self._table.reboot()
        self._torque_after_reboot = torque_after
        self._reboot_end_ns = self._now_ns + REBOOT_NS

    def fail(self, error: int) -> None:
        """A hardware error: sets its bit and drops the torque until a reboot."""
        self._values['Hardware_Error_Status'] |= error
        self.enable(False)

    # -- how it does it

    def _live(self, register: str) -> float | None:
        """The value of a register that the motor keeps up to date; None: it is a stored one."""
        moving = self._values['Moving_Threshold'] * VELOCITY_UNIT
        values: dict[str, float] = {
            'Realtime_Tick': self._now_ns // 1_000_000 % 32768,
            'Moving': abs(self._axis.velocity()) > moving,
            'Moving_Status': self._profile is None,
            'Present_PWM': 885.0 * self._axis.torque() / self.spec.stall_nm,
            'Present_Current': self._current(),
            'Present_Velocity': self._axis.velocity() / VELOCITY_UNIT,
            'Present_Position': registers.pulse(self._axis.position()),
            'Velocity_Trajectory': self._speed / VELOCITY_UNIT,
            'Position_Trajectory': registers.pulse(self._setpoint),
            'Present_Temperature': self._temperature,
        }
        return values.get(register)

    def _set_mode(self, mode: str) -> None:
        self.mode = mode
        # The e-manual: a change of mode sets gains and goals to what suits the mode.
        self._values['Position_P_Gain'] = TABLE['Position_P_Gain'].initial
        self._values['Goal_Current'] = 0 if mode == 'current' else self._values['Current_Limit']

    def _drive(self, register: str) -> None:
        """A goal or a gain has changed."""
        if not self.torque_on:
            return
        if register == 'Goal_Position' and self.mode in POSITION_MODES:
            self._profile = self._plan(registers.angle(self._values['Goal_Position']))
            self._profile_start_ns = self._now_ns
            return
        self._act()

    def _plan(self, goal: float) -> Profile:
        return profile.plan(
            (self._setpoint, self._speed),
            goal,
            timed=self.time_based,
            velocity=self._values['Profile_Velocity'],
            acceleration=self._values['Profile_Acceleration'],
            top_speed=self._values['Velocity_Limit'] * VELOCITY_UNIT,
        )

    def _follow(self, plan: Profile) -> None:
        elapsed = (self._now_ns - self._profile_start_ns) * 1e-9
        self._setpoint, self._speed = plan.at(elapsed)
        if elapsed >= plan.duration:
            self._profile = None
        self._act()

    def _ramp(self, step_s: float) -> None:
        goal = self._values['Goal_Velocity'] * VELOCITY_UNIT
        if self._speed != goal:
            slope = self._values['Profile_Acceleration'] * ACCELERATION_UNIT or math.inf
            change = max(-slope * step_s, min(slope * step_s, goal - self._speed))
            self._speed += change
            self._axis.spin(self._speed, self.spec.stall_nm)

    def _act(self) -> None:
        """Hands setpoint and goals to the joint."""
        goal_nm = self._values['Goal_Current'] * CURRENT_UNIT * self.spec.kind.nm_per_ma
        goal_nm *= len(self.spec.ids)
        if self.mode in POSITION_MODES:
            stiffness = self.spec.stiffness * self._values['Position_P_Gain'] / _STANDARD_GAIN
            by_current = self.mode == 'current_based_position'
            limit = abs(goal_nm) if by_current else self.spec.stall_nm
            self._axis.servo(self._setpoint, stiffness, min(limit, self.spec.stall_nm))
        elif self.mode == 'velocity':
            self._axis.spin(self._speed, self.spec.stall_nm)
        elif self.mode == 'current':
            self._axis.push(goal_nm, 0.0)
        else:
            # The back-EMF: at no load a duty of 1 turns it at the no-load velocity.
            stall = self.spec.stall_nm
            duty = self._values['Goal_PWM'] / 885.0
            self._axis.push(duty * stall, stall / self.spec.kind.no_load)

    def _trip(self) -> None:
        self._values['Bus_Watchdog'] = WATCHDOG_TRIPPED
        self._values['Goal_Velocity'] = 0
        self._profile = None
        self._speed = 0.0
        if self.torque_on:
            self._act()

    def _current(self) -> int:
        per_motor = self._axis.torque() / len(self.spec.ids)
        return round(per_motor / self.spec.kind.nm_per_ma / CURRENT_UNIT)
