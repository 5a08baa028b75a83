"""What the executor keeps an eye on, and what it does when something is past its limit."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wam_core.errors import WamError
from wam_core.motor_status import error_words

ACTIONS: Final = ('ignore', 'report', 'hold', 'stop')


@dataclass(frozen=True)
class Watch:
    """limit: in the unit of what is watched. action: one of ACTIONS, taken past the limit.

    report: said, nothing else. hold: the arms come to rest until it is over. stop: latched.
    """

    limit: float
    action: str = 'report'

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise WamError(
                f'watchdog action {self.action!r}, allowed: {", ".join(ACTIONS)} '
                '(config/executor.yaml)'
            )
        if not math.isfinite(self.limit) or self.limit < 0:
            raise WamError(
                f'watchdog limit {self.limit!r}, expected a finite number, at least 0 '
                '(config/executor.yaml)'
            )


@dataclass(frozen=True)
class WatchdogConfig:
    """chunk_age_s: since the newest chunk was merged, while the policy's plan runs.

    observation_age_s: of the newest chunk's observation, when it was merged. joint_state_age_s:
    of each arm. camera_age_s: of each camera's newest picture. tracking_error_rad: of an arm
    joint's measurement from its command. tick_lateness_ms. motor_error: any Hardware_Error_Status.
    motor_temperature_c; motor_voltage_v: below this. motor_health_age_s: of each arm's motors,
    once they were heard. heartbeat_s: since the operator's last one.
    """

    chunk_age_s: Watch = Watch(5.0)
    observation_age_s: Watch = Watch(3.0)
    joint_state_age_s: Watch = Watch(0.3, 'hold')
    camera_age_s: Watch = Watch(1.0, 'hold')
    tracking_error_rad: Watch = Watch(0.6, 'hold')
    tick_lateness_ms: Watch = Watch(40.0)
    motor_error: Watch = Watch(0.0, 'stop')
    motor_temperature_c: Watch = Watch(70.0, 'hold')
    motor_voltage_v: Watch = Watch(10.5)
    motor_health_age_s: Watch = Watch(5.0)
    heartbeat_s: Watch = Watch(1.0, 'ignore')


@dataclass(frozen=True)
class Fault:
    """A watchdog that is past its limit. text: what, the value, what is allowed."""

    name: str
    action: str
    text: str


@dataclass(frozen=True)
class MotorReading:
    """Of one arm: motors' names, Hardware_Error_Status, degrees Celsius, V; equally long."""

    robot: str
    motors: Sequence[str]
    error_status: Sequence[int]
    temperature_c: Sequence[float]
    voltage_v: Sequence[float]


@dataclass(frozen=True)
class LoopState:
    """What the executor knows itself; None: nothing to watch.

    seeing: whether the policy has the arms; a camera matters to nobody else.
    """

    chunk_age_s: float | None = None
    observation_age_s: float | None = None
    tracking_error_rad: float | None = None
    tick_lateness_ms: float | None = None
    seeing: bool = False


_OF_LOOP: Final = ('chunk_age_s', 'observation_age_s', 'tracking_error_rad', 'tick_lateness_ms')
BLIND: Final = 'joint_state_age_s'  # the fault that means that nobody sees an arm
_OF_STREAM: Final = {
    'arm': (BLIND, 'joint states of'),
    'camera': ('camera_age_s', 'newest picture of'),
}


@dataclass
class Watchdogs:
    """Keeps the newest stamps and readings. Times are ns on the ROS clock."""

    config: WatchdogConfig = field(default_factory=WatchdogConfig)
    _streams: dict[str, Mapping[str, int]] = field(default_factory=dict)
    _motors: dict[str, tuple[int, MotorReading]] = field(default_factory=dict)
    _heartbeat_ns: int | None = None

    def heard(self, kind: str, newest: Mapping[str, int]) -> None:
        """Newest stamps of all streams of a kind, 'arm' or 'camera'; another kind is ignored."""
        if kind in _OF_STREAM:
            self._streams[kind] = newest

    def heartbeat(self, now_ns: int) -> None:
        """The operator is there."""
        self._heartbeat_ns = now_ns

    def motors(self, reading: MotorReading, now_ns: int) -> None:
        """What the motors of an arm say."""
        self._motors[reading.robot] = now_ns, reading

    def check(self, now_ns: int, loop: LoopState) -> tuple[Fault, ...]:
        """Everything that is past its limit now."""
        config = self.config
        faults: list[Fault] = []
        for name in _OF_LOOP:
            value, watch = getattr(loop, name), getattr(config, name)
            if value is not None and value > watch.limit and watch.action != 'ignore':
                what = name.rpartition('_')[0].replace('_', ' ')
                faults.append(_fault(name, watch, what, value))
        self._check_streams('arm', now_ns, faults)
        if loop.seeing:
            self._check_streams('camera', now_ns, faults)
        self._check_motors(now_ns, faults)
        watch = config.heartbeat_s
        if watch.action != 'ignore':
            age = math.inf if self._heartbeat_ns is None else (now_ns - self._heartbeat_ns) / 1e9
            if age > watch.limit:
                faults.append(_fault('heartbeat_s', watch, "the operator's heartbeat", age))
        return tuple(faults)

    def _check_streams(self, kind: str, now_ns: int, faults: list[Fault]) -> None:
        name, what = _OF_STREAM[kind]
        watch: Watch = getattr(self.config, name)
        if watch.action == 'ignore':
            return
        for stream, stamp_ns in self._streams.get(kind, {}).items():
            age = (now_ns - stamp_ns) / 1e9
            if stamp_ns and age > watch.limit:
                faults.append(_fault(name, watch, f'{what} {stream}', age))

    def _check_motors(self, now_ns: int, faults: list[Fault]) -> None:
        config = self.config
        for robot, (heard_ns, reading) in self._motors.items():
            age = (now_ns - heard_ns) / 1e9
            if (
                age > config.motor_health_age_s.limit
                and config.motor_health_age_s.action != 'ignore'
            ):
                watch = config.motor_health_age_s
                faults.append(_fault('motor_health_age_s', watch, f'motors of {robot}', age))
            for motor, error, heat, volt in zip(
                reading.motors,
                reading.error_status,
                reading.temperature_c,
                reading.voltage_v,
                strict=False,  # of uneven ones the common part
            ):
                where = f'{robot} {motor}'
                watch = config.motor_error
                if error and watch.action != 'ignore':
                    text = f'{where}: {error_text(error)} (Hardware_Error_Status {error})'
                    faults.append(Fault('motor_error', watch.action, text))
                watch = config.motor_temperature_c
                if not heat <= watch.limit and watch.action != 'ignore':
                    faults.append(_fault('motor_temperature_c', watch, where, heat))
                watch = config.motor_voltage_v
                if not volt >= watch.limit and watch.action != 'ignore':
                    faults.append(_fault('motor_voltage_v', watch, where, volt))


def stop_reason(faults: Iterable[Fault]) -> str:
    """The faults that ask for a stop, in words; empty: none does."""
    return '; '.join(fault.text for fault in faults if fault.action == 'stop')


def error_text(status: int) -> str:
    """Hardware_Error_Status in words."""
    return ', '.join(error_words(status)) or f'unknown error {status}'


def _fault(name: str, watch: Watch, what: str, value: float) -> Fault:
    quantity, _, unit = name.rpartition('_')
    kind = ' age' if quantity.endswith('_age') else ''
    return Fault(
        name,
        watch.action,
        f'{what}:{kind} {value:.3g} {_UNITS.get(unit, unit)}, allowed {watch.limit:g} ({name})',
    )


_UNITS: Final = {'c': 'C', 'v': 'V'}
