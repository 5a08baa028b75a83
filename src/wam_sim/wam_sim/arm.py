"""One Interbotix arm behind its driver: its motors, its groups, and what a client can ask of it.

Does what interbotix_xs_sdk does with the same requests (xs_sdk_obj.cpp, branch humble), except
that a trajectory runs for its whole durations: the driver forgets whole seconds. Requests never
fail: as with the driver, the client is told nothing, and the reason goes to ``notices``.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from wam_core.joints import Vector
from wam_sim import registers
from wam_sim.arm_model import ALL_GROUP, ARM_GROUP, FINGERS, GRIPPER, ArmModel
from wam_sim.axis import PlaceableAxis
from wam_sim.motors import Motor
from wam_sim.robot_info import RobotInfo, robot_info

_START_TOLERANCE: Final = 0.01  # rad, of a trajectory's first point; as the driver warns


@dataclass(frozen=True)
class BusFaults:
    """missed_reads: probability 0..1 that a read fails; the values are then those of the last one.

    vanished: the arm is off the bus: nothing is read, nothing arrives. Its motors hold on.
    """

    missed_reads: float = 0.0
    vanished: bool = False


@dataclass(frozen=True)
class Reading:
    """What the driver read: nine values each, motors in joint_order, left and right finger.

    position: rad, fingers m. velocity: rad/s. effort: mA. The fingers have neither of the latter.
    """

    stamp_ns: int
    position: Vector
    velocity: Vector
    effort: Vector


@dataclass(frozen=True)
class Waypoint:
    """due_ns: after the start of the trajectory. values: goals in the mode's unit."""

    due_ns: int
    values: tuple[float, ...]


class SimArm:
    """The motors of one arm, its groups, and the last reading of its state."""

    def __init__(self, name: str, model: ArmModel, axes: Sequence[PlaceableAxis]) -> None:
        self.name = name
        self.model = model
        self.joint_names = (*model.joint_order, *FINGERS)
        self.notices: deque[str] = deque(maxlen=50)
        self.faults = BusFaults()
        self._random = np.random.default_rng(0)
        self.connect(axes)

    def connect(self, axes: Sequence[PlaceableAxis]) -> None:
        """Gives the motors other joints to turn: those of another scene."""
        self.axes = tuple(axes)
        self._power_up(0)

    def place(self, pose: Sequence[float], now_ns: int, random: np.random.Generator) -> None:
        """Puts the arm at ``pose`` (rad, one per motor), at rest, as after the driver's start.

        random: what its faults draw from.
        """
        self._random = random
        for axis, angle in zip(self.axes, pose, strict=True):
            axis.place(angle)
        self._power_up(now_ns)

    def _power_up(self, now_ns: int) -> None:
        """As after the driver's start: factory registers, position mode, torque off."""
        self.motors = tuple(
            Motor(spec, axis, now_ns)
            for spec, axis in zip(self.model.motors, self.axes, strict=True)
        )
        by_name = {motor.spec.name: motor for motor in self.motors}
        self._groups: dict[str, tuple[Motor, ...]] = {
            ALL_GROUP: self.motors,
            ARM_GROUP: tuple(motor for name, motor in by_name.items() if name != GRIPPER),
        }
        self._singles: dict[str, tuple[Motor, ...]] = {
            name: (motor,) for name, motor in by_name.items()
        }
        self._trajectory: deque[tuple[int, str, str, tuple[float, ...]]] = deque()
        for axis in self.axes:
            axis.limp()
        count = len(self.joint_names)
        self.reading = Reading(now_ns, np.zeros(count), np.zeros(count), np.zeros(count))
        self._sample(now_ns)

    # -- time

    def step(self, now_ns: int) -> None:
        """Moves the motors on to ``now_ns``; called before every physics step."""
        while self._trajectory and self._trajectory[0][0] <= now_ns:
            _, cmd_type, name, values = self._trajectory.popleft()
            self._command(cmd_type, name, values)
        for motor in self.motors:
            motor.step(now_ns)

    def read(self, now_ns: int) -> Reading:
        """Reads all motors, as the driver does at 100 Hz. A silent motor's values stay."""
        old = self.reading
        # Drawn whatever the fault is: it changes nothing but what it is for.
        missed = self._random.random() < self.faults.missed_reads
        if missed or self.faults.vanished:
            self.reading = replace(old, stamp_ns=now_ns)
            return self.reading
        return self._sample(now_ns)

    def _sample(self, now_ns: int) -> Reading:
        old, count = self.reading, len(self.motors)
        position, velocity, effort = old.position.copy(), old.velocity.copy(), old.effort.copy()
        for index, motor in enumerate(self.motors):
            motor.poll(now_ns)
            if motor.answering:
                position[index], velocity[index], effort[index] = motor.sample()
        finger = self.model.linkage.finger(position[count - 1])
        position[count:] = finger, -finger
        self.reading = Reading(now_ns, position, velocity, effort)
        return self.reading

    # -- topics

    def command_group(self, name: str, values: Sequence[float]) -> None:
        """A JointGroupCommand: one goal per joint of the group, in its mode's unit."""
        self._command('group', name, values)

    def command_single(self, name: str, value: float) -> None:
        """A JointSingleCommand."""
        self._command('single', name, (value,))

    def command_trajectory(
        self, cmd_type: str, name: str, points: Sequence[Waypoint], now_ns: int
    ) -> None:
        """A JointTrajectoryCommand; its first point is where the arm should be already."""
        motors = self._find(cmd_type, name)
        if self._trajectory:
            self._note('trajectory rejected: the joints are still moving')
        elif motors and len(points) < 2:
            self._note(f'trajectory rejected: {len(points)} points, at least 2 are needed')
        elif motors:
            self._check_start(motors, points[0])
            self._trajectory.extend(
                (now_ns + point.due_ns, cmd_type, name, point.values) for point in points[1:]
            )

    # -- services

    def torque_enable(self, cmd_type: str, name: str, on: bool) -> None:
        """TorqueEnable."""
        self._each(cmd_type, name, lambda motor: motor.write('Torque_Enable', int(on)))

    def reboot(self, cmd_type: str, name: str, enable: bool, smart: bool) -> tuple[Motor, ...]:
        """Reboot; smart: only motors that report an error. Returns those that it takes down."""
        rebooted = tuple(
            motor
            for motor in self._find(cmd_type, name)
            if motor.answering and (motor.error or not smart)
        )
        for motor in rebooted:
            motor.reboot(enable)
        return rebooted

    def set_operating_modes(
        self,
        cmd_type: str,
        name: str,
        mode: str,
        profile_type: str,
        velocity: int,
        acceleration: int,
    ) -> None:
        """OperatingModes; profile_type: time (ms) or velocity (motor units)."""
        if profile_type not in ('time', 'velocity'):
            self._note(f"profile type {profile_type!r}, expected 'time' or 'velocity'")
            return
        timed = profile_type == 'time'
        self._each(
            cmd_type, name, lambda motor: motor.set_mode(mode, timed, velocity, acceleration)
        )

    def set_gains(self, cmd_type: str, name: str, gains: dict[str, int]) -> None:
        """MotorGains: the fields of the request by their names."""
        for field, register in registers.GAIN_REGISTERS.items():
            self.set_register(cmd_type, name, register, gains[field])

    def set_register(self, cmd_type: str, name: str, register: str, value: int) -> None:
        """RegisterValues, writing the same value to every motor."""
        self._each(cmd_type, name, lambda motor: motor.write(register, value))

    def get_register(self, cmd_type: str, name: str, register: str) -> list[int]:
        """RegisterValues, reading: one value per motor; 0 where none can be had."""
        values = []
        for motor in self._find(cmd_type, name):
            value = motor.read(register)
            if value is None:
                self._note(f'{motor.spec.name}: {register} cannot be read')
            values.append(value or 0)
        return values

    def info(self, cmd_type: str, name: str) -> RobotInfo | None:
        """RobotInfo; None: no such group or joint."""
        motors = self._find(cmd_type, name)
        names = tuple(self._groups) if name == ALL_GROUP else (name,)
        return robot_info(self.model, motors, self.joint_names, names) if motors else None

    # -- inside

    def motor(self, name: str) -> Motor:
        """The motor of a joint. KeyError if there is none."""
        return self._singles[name][0]

    def _find(self, cmd_type: str, name: str) -> tuple[Motor, ...]:
        kinds: dict[str, Mapping[str, tuple[Motor, ...]]] = {
            'group': self._groups,
            'single': self._singles,
        }
        if cmd_type not in kinds:
            self._note(f'cmd_type {cmd_type!r}, expected one of {sorted(kinds)}')
            return ()
        choices = kinds[cmd_type]
        if name not in choices:
            self._note(f'{cmd_type} {name!r} does not exist, expected one of {sorted(choices)}')
            return ()
        return choices[name]

    def _each(self, cmd_type: str, name: str, action: Callable[[Motor], str | None]) -> None:
        for motor in self._find(cmd_type, name):
            refusal = action(motor)
            if refusal is not None:
                self._note(refusal)

    def _command(self, cmd_type: str, name: str, values: Sequence[float]) -> None:
        motors = () if self.faults.vanished else self._find(cmd_type, name)
        if len(values) != len(motors):
            if motors:
                self._note(f'{name}: {len(values)} values for {len(motors)} joints, ignored')
            return
        for motor, value in zip(motors, values, strict=True):
            refusal = motor.command(self._native(motor, value))
            if refusal is not None:
                self._note(refusal)

    def _native(self, motor: Motor, value: float) -> float:
        linear = motor.mode == 'linear_position' and motor.spec.name == GRIPPER
        if not linear or not 0.0 < value < math.inf:
            return value
        # A metre is as far beyond the fingers' way as any more, whose square could overflow.
        return self.model.linkage.angle(min(value, 1.0))

    def _check_start(self, motors: Sequence[Motor], start: Waypoint) -> None:
        for motor, expected in zip(motors, start.values, strict=False):
            actual = motor.sample()[0]
            if abs(expected - actual) >= _START_TOLERANCE:
                self._note(
                    f'{motor.spec.name}: the trajectory starts at {expected:.2f} rad, '
                    f'the joint is at {actual:.2f} rad'
                )

    def _note(self, text: str) -> None:
        self.notices.append(text)
