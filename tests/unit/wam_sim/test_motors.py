"""The motor's modes, registers and refusals, on a joint that does at once what it is told."""

import math

import pytest

from wam_sim.arm_model import VX300S
from wam_sim.motors import REBOOT_NS, Motor
from wam_sim.profile import VELOCITY_UNIT
from wam_sim.registers import OVERLOAD, POSITION_UNIT, TABLE, angle, pulse

STEP_NS = 2_000_000
ELBOW = VX300S.motors[2]


class IdealAxis:
    """Records what drives it; a position loop moves it there at once."""

    def __init__(self) -> None:
        self.angle = 0.3
        self.speed = 0.0
        self.drive: tuple[str, float, float] = ('limp', 0.0, 0.0)

    def position(self) -> float:
        return self.angle

    def velocity(self) -> float:
        return self.speed

    def torque(self) -> float:
        return self.drive[1] if self.drive[0] == 'push' else 0.0

    def servo(self, position: float, stiffness: float, limit: float) -> None:
        self.drive = ('servo', stiffness, limit)
        self.angle = position

    def spin(self, velocity: float, limit: float) -> None:
        self.drive = ('spin', velocity, limit)

    def push(self, torque: float, damping: float) -> None:
        self.drive = ('push', torque, damping)

    def limp(self) -> None:
        self.drive = ('limp', 0.0, 0.0)


class Bench:
    """A motor on an ideal joint and a clock; torque on."""

    def __init__(self, mode: str = 'position', timed: bool = False, *profile: int) -> None:
        self.axis = IdealAxis()
        self.now_ns = 0
        self.motor = Motor(ELBOW, self.axis)
        velocity, acceleration = profile or (0, 0)
        assert self.motor.set_mode(mode, timed, velocity, acceleration) is None

    def run(self, seconds: float, polled: bool = True) -> None:
        for _ in range(round(seconds * 1e9) // STEP_NS):
            self.now_ns += STEP_NS
            self.motor.step(self.now_ns)
            if polled:
                self.motor.poll(self.now_ns)


def test_position_mode_slews_at_the_velocity_limit() -> None:
    bench = Bench()
    start = bench.axis.angle
    assert bench.motor.command(start + 1.0) is None
    bench.run(0.1)
    assert bench.axis.angle - start == pytest.approx(131 * VELOCITY_UNIT * 0.1, abs=0.01)
    bench.run(0.4)
    assert bench.axis.angle == pytest.approx(start + 1.0, abs=POSITION_UNIT)


def test_time_profile_takes_its_milliseconds() -> None:
    bench = Bench('position', True, 2000, 300)
    bench.motor.command(1.3)
    bench.run(1.0)
    assert bench.axis.angle == pytest.approx(0.8, abs=0.01)
    bench.run(1.002)
    assert bench.axis.angle == pytest.approx(1.3, abs=POSITION_UNIT)


def test_a_new_goal_takes_over_without_a_jump_in_velocity() -> None:
    bench = Bench('position', True, 1000, 300)
    bench.motor.command(1.3)
    bench.run(0.5)
    before = bench.motor.read('Velocity_Trajectory')
    bench.motor.command(1.4)
    bench.run(0.002)
    after = bench.motor.read('Velocity_Trajectory')
    assert before is not None and after is not None
    assert abs(after - before) <= 2
    bench.run(1.1)
    assert bench.axis.angle == pytest.approx(1.4, abs=POSITION_UNIT)


@pytest.mark.parametrize('goal', [1.7, -1.9])
def test_position_mode_refuses_goals_outside_its_limits(goal: float) -> None:
    bench = Bench()
    refusal = bench.motor.command(goal)
    assert refusal is not None and 'Position_Limit' in refusal
    bench.run(1.0)
    assert bench.axis.angle == pytest.approx(0.3, abs=POSITION_UNIT)
    assert Bench('ext_position').motor.command(goal) is None


@pytest.mark.parametrize('goal', [math.nan, math.inf])
def test_a_goal_that_is_no_number_is_refused(goal: float) -> None:
    refusal = Bench().motor.command(goal)
    assert refusal is not None and 'not finite' in refusal


def test_torque_off_ignores_goals_and_on_holds_where_it_is() -> None:
    bench = Bench()
    bench.motor.write('Torque_Enable', 0)
    assert bench.axis.drive[0] == 'limp'
    refusal = bench.motor.command(1.0)
    assert refusal is not None and 'torque is off' in refusal
    bench.axis.angle = -0.7  # somebody moved it
    bench.motor.write('Torque_Enable', 1)
    bench.run(0.5)
    assert bench.axis.drive[0] == 'servo'
    assert bench.axis.angle == pytest.approx(-0.7)


def test_velocity_current_and_pwm_modes() -> None:
    spinning = Bench('velocity', False, 0, 10)
    spinning.motor.command(1.0)
    spinning.run(0.1)
    kind, velocity, _ = spinning.axis.drive
    assert kind == 'spin' and velocity == pytest.approx(0.374, abs=0.02)  # 10 * 0.3745 rad/s^2
    spinning.run(0.3)
    assert spinning.axis.drive[1] == pytest.approx(1.0, abs=VELOCITY_UNIT)

    pushing = Bench('current')
    assert pushing.axis.drive == ('push', 0.0, 0.0)
    pushing.motor.command(1000.0)
    # Two XM540: 10.6 Nm at 4.4 A each.
    assert pushing.axis.drive[1] == pytest.approx(2 * 10.6 / 4.4, rel=0.01)
    assert pushing.motor.sample()[2] == pytest.approx(1000.0, abs=2.7)

    driving = Bench('pwm')
    driving.motor.command(-442.5)
    _, torque, damping = driving.axis.drive
    assert torque == pytest.approx(-10.6, rel=0.01)
    assert torque / damping == pytest.approx(-math.pi / 2, rel=0.01)  # half the no-load velocity


def test_current_based_position_is_bounded_by_the_goal_current() -> None:
    bench = Bench('current_based_position')
    assert bench.motor.write('Goal_Current', 100) is None
    assert bench.axis.drive[2] == pytest.approx(100 * 2.69e-3 * 10.6 / 4.4 * 2)
    refusal = bench.motor.write('Goal_Current', 2047 + 1)
    assert refusal is not None and '2047' in refusal


def test_the_position_gain_scales_the_stiffness() -> None:
    bench = Bench()
    standard = bench.axis.drive[1]
    assert bench.motor.write('Position_P_Gain', 100) is None
    assert bench.axis.drive[1] == pytest.approx(standard / 8)
    assert bench.motor.read('Position_P_Gain') == 100


@pytest.mark.parametrize(
    ('register', 'value', 'because'),
    [
        ('current_limit', 300, 'no such register'),
        ('Current_Limit', 300, 'EEPROM'),
        ('Present_Position', 0, 'read-only'),
        ('Hardware_Error_Status', 0, 'read-only'),
        ('Position_P_Gain', 20000, 'allowed 0 to 16383'),
        ('Bus_Watchdog', 128, 'allowed 0 to 127'),
        ('Goal_Velocity', 200, 'Velocity_Limit'),
    ],
)
def test_refused_writes_change_nothing(register: str, value: int, because: str) -> None:
    bench = Bench()
    before = bench.motor.read(register)
    refusal = bench.motor.write(register, value)
    assert refusal is not None and because in refusal
    assert bench.motor.read(register) == before


def test_eeprom_is_writable_while_the_torque_is_off() -> None:
    bench = Bench()
    bench.motor.write('Torque_Enable', 0)
    assert bench.motor.write('Current_Limit', 300) is None
    assert bench.motor.read('Current_Limit') == 300
    assert bench.motor.read('Goal_Current') == 300
    assert bench.motor.write('Operating_Mode', 16) is None
    assert bench.motor.mode == 'pwm'
    refusal = bench.motor.write('Operating_Mode', 7)
    assert refusal is not None and bench.motor.mode == 'pwm'


def test_addresses_of_the_control_table() -> None:
    expected = {
        'Hardware_Error_Status': 70,
        'Bus_Watchdog': 98,
        'Present_Input_Voltage': 144,
        'Present_Temperature': 146,
        'Profile_Velocity': 112,
        'Torque_Enable': 64,
    }
    assert {name: TABLE[name].address for name in expected} == expected


def test_overload_drops_the_torque_until_a_reboot() -> None:
    bench = Bench()
    bench.motor.write('Profile_Velocity', 50)
    bench.motor.fail(OVERLOAD)
    assert bench.motor.read('Hardware_Error_Status') == 32
    assert bench.axis.drive[0] == 'limp'
    refusal = bench.motor.write('Torque_Enable', 1)
    assert refusal is not None and 'reboot' in refusal
    assert not bench.motor.torque_on

    bench.motor.reboot(torque_after=True)
    assert not bench.motor.answering
    assert bench.motor.read('Present_Position') is None
    bench.run(REBOOT_NS * 1e-9 - 0.01)
    assert not bench.motor.answering
    bench.run(0.02)
    assert bench.motor.answering and bench.motor.torque_on
    assert bench.motor.read('Hardware_Error_Status') == 0
    assert bench.motor.read('Profile_Velocity') == 0


def test_reboot_keeps_the_eeprom() -> None:
    bench = Bench()
    bench.motor.write('Torque_Enable', 0)
    bench.motor.write('Current_Limit', 200)
    bench.motor.reboot(torque_after=False)
    bench.run(2.0)
    assert bench.motor.read('Current_Limit') == 200
    assert not bench.motor.torque_on


def test_bus_watchdog_trips_in_silence_and_is_cleared_by_zero() -> None:
    bench = Bench('velocity')
    bench.motor.write('Bus_Watchdog', 5)  # 100 ms
    bench.motor.command(1.0)
    bench.run(0.5)
    assert bench.motor.read('Bus_Watchdog') == 5
    bench.run(0.2, polled=False)
    assert bench.motor.read('Bus_Watchdog') == -1
    assert bench.axis.drive[:2] == ('spin', 0.0)
    refusal = bench.motor.command(1.0)
    assert refusal is not None and 'Bus_Watchdog' in refusal
    assert bench.motor.write('Bus_Watchdog', 0) is None
    assert bench.motor.command(1.0) is None


def test_pulses_and_angles_are_inverse() -> None:
    assert pulse(0.0) == 2048
    assert all(pulse(angle(value)) == value for value in range(4096))
    assert angle(pulse(1.234)) == pytest.approx(1.234, abs=POSITION_UNIT / 2)


def test_temperature_rises_with_the_current() -> None:
    bench = Bench('current')
    cold = bench.motor.read('Present_Temperature')
    bench.motor.command(4000.0)
    bench.run(60.0)
    hot = bench.motor.read('Present_Temperature')
    assert cold is not None and hot is not None and hot > cold + 5


@pytest.mark.parametrize('mode', ['position', 'velocity', 'current', 'pwm', 'ext_position'])
@pytest.mark.parametrize('goal', [1e308, -1e308, math.inf, math.nan])
def test_a_goal_beyond_every_register_is_refused(mode: str, goal: float) -> None:
    assert Bench(mode).motor.command(goal) is not None
