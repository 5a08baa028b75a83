"""The simulated rig without ROS: two followers on MuJoCo, two leaders, cameras, and a task.

Time is its own: it advances in ``step`` only. One seed, one world: the same seed and the same
commands give the same states and pictures, bit for bit, on one machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, NamedTuple

import mujoco
import numpy as np

from wam_bringup.config import load_rig, load_task
from wam_core.errors import WamError
from wam_core.joints import ARM_SLICES, DIM, GRIPPERS, SIDE_SLICES, SIDES, Vector
from wam_core.policy import Image
from wam_core.rig import RigSpec
from wam_core.task import TaskSpec
from wam_sim import follower, leader, scene
from wam_sim.arm import SimArm
from wam_sim.arm_model import ARM_GROUP, GRIPPER, VX300S, WX250S
from wam_sim.cameras import Camera, Frame
from wam_sim.modes import MODES, Modes
from wam_sim.renderer import Renderer
from wam_sim.scene import PHYSICS_STEP_NS, Look
from wam_sim.tasks import Task, TaskTruth, check_seed, check_task

READ_PERIOD_NS: Final = 10_000_000  # joint states are read at 100 Hz
_OTHER_RATE_HZ: Final = 30.0  # of a camera that the rig's file doesn't list


@dataclass(frozen=True)
class SimConfig:
    """look: how pictures are drawn. modes: of the followers after a reset."""

    look: Look = field(default_factory=Look)
    modes: Modes = MODES['aloha']


class ArmState(NamedTuple):
    """Of both followers, (14,) each: rad and 0..1, rad/s and 1/s, mA."""

    position: Vector
    velocity: Vector
    effort: Vector


class SimRig:
    """The whole rig. ``step`` is the lockstep face; the ROS face drives the same arms."""

    def __init__(
        self,
        seed: int = 0,
        task: str | TaskSpec = 'transfer_cube',
        *,
        rig: str | RigSpec = 'sim',
        leaders: bool = True,
        cameras: Sequence[str] = (),
        config: SimConfig = SimConfig(),
    ) -> None:
        self.rig = load_rig(rig) if isinstance(rig, str) else rig
        self.config = config
        self.seed = seed
        self.episode = 0
        self._leaders = leaders
        self._time_ns = 0
        self._scene = ''
        self._renderer: Renderer | None = None
        self.arms: dict[str, SimArm] = {}
        self._leader_joints: list[leader.Joint] = []
        self._streams = self._open_cameras(cameras)
        self.reset(task, seed)

    # -- the world

    @property
    def time_ns(self) -> int:
        """Simulated time since the rig was made. Goes on over a reset."""
        return self._time_ns

    @property
    def task_state(self) -> TaskTruth:
        """What the simulator knows of the task."""
        return self._task.truth()

    @property
    def cameras(self) -> dict[str, Camera]:
        """The cameras that run by themselves."""
        return self._streams

    def reset(self, task: str | TaskSpec | None = None, seed: int | None = None) -> None:
        """Arms to the start pose, at rest, torque on; objects where the seed puts them.

        Loads another scene where the task needs it: ``model`` and ``data`` are then new ones.
        None: as before. Raises WamError for an unknown task, one without a simulation or with too
        few stages, or a seed outside 0 .. 2**32 - 1; the rig is then as it was.
        """
        spec = self._spec(task)
        chosen = self.seed if seed is None else seed
        check_task(spec)
        check_seed(chosen)
        if spec.scene != self._scene:
            self._load(spec)
        follows = Task(spec, self.model, self.data)
        mujoco.mj_resetData(self.model, self.data)
        follows.reset(chosen)
        self._task, self.task, self.seed = follows, spec, chosen
        self.episode += 1
        self._place_arms()
        mujoco.mj_step1(self.model, self.data)
        for arm in self.arms.values():
            arm.read(self._time_ns)
        for index, camera in enumerate(self._streams.values()):
            camera.restart(self._time_ns, np.random.default_rng([chosen, 300, index]))

    def step(self, command: Vector | None = None, duration_ns: int = 10_000_000) -> None:
        """Sends ``command`` to the followers, if there is one, and lets time pass.

        command: (14,) rad, grippers 0..1; goals as the arms' command topics would set them.
        duration_ns: a whole multiple of the physics step, 2 ms. Raises WamError for another one,
        and for a command of another shape or that is not finite.
        """
        steps, rest = divmod(duration_ns, PHYSICS_STEP_NS)
        if rest or steps < 0:
            raise WamError(
                f'duration_ns = {duration_ns}, allowed are multiples of {PHYSICS_STEP_NS}'
            )
        if command is not None:
            self.command(command)
        for _ in range(steps):
            self._tick()

    def command(self, command: Vector) -> None:
        """Sets the followers' goals. See ``step``."""
        if np.shape(command) != (DIM,) or not np.all(np.isfinite(command)):
            raise WamError(f'command {command!r}, expected {DIM} finite numbers')
        for index, side in enumerate(SIDES):
            arm = self.arms[self.rig.followers[side]]
            arm.command_group(ARM_GROUP, [float(value) for value in command[ARM_SLICES[side]]])
            opening = float(command[GRIPPERS[index]])
            arm.command_single(GRIPPER, self.rig.gripper.angle(opening))

    def refresh(self) -> None:
        """After somebody wrote positions into ``data``: what follows from them, and the stage."""
        mujoco.mj_step1(self.model, self.data)
        self._task.update()

    def state(self) -> ArmState:
        """The followers as last read; readings are made at every 10 ms of simulated time."""
        position, velocity, effort = np.empty(DIM), np.empty(DIM), np.empty(DIM)
        for index, side in enumerate(SIDES):
            reading, part = self.arms[self.rig.followers[side]].reading, SIDE_SLICES[side]
            position[part] = reading.position[:7]
            velocity[part] = reading.velocity[:7]
            effort[part] = reading.effort[:7]
            grip = GRIPPERS[index]
            calibration = self.rig.gripper
            position[grip] = calibration.opening(float(position[grip]))
            velocity[grip] /= calibration.open_rad - calibration.closed_rad
        return ArmState(position, velocity, effort)

    # -- pictures

    def render(self, camera: str) -> Image:
        """(480, 640, 3) RGB8 of now. WamError for an unknown camera, or without a GL library."""
        if self._renderer is None:
            self._renderer = Renderer(self.model, self.config.look)
        return self._renderer.render(self.data, camera)

    def take_frames(self) -> list[Frame]:
        """Pictures of the self-running cameras that have arrived by now; each once."""
        return [
            frame for camera in self._streams.values() for frame in camera.line.take(self._time_ns)
        ]

    def close(self) -> None:
        """Frees the GL context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __enter__(self) -> 'SimRig':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside

    def _spec(self, task: str | TaskSpec | None) -> TaskSpec:
        if task is None:
            return self.task
        spec = load_task(task) if isinstance(task, str) else task
        if not spec.scene:
            raise WamError(f'task {spec.name!r} has no simulation: its file names no `scene`')
        return spec

    def _open_cameras(self, names: Sequence[str]) -> dict[str, Camera]:
        unknown = [name for name in names if name not in scene.CAMERAS]
        if unknown:
            raise WamError(f'camera {unknown[0]!r}, expected some of {sorted(scene.CAMERAS)}')
        rates = {name: camera.rate_hz for name, camera in self.rig.cameras.items()}
        return {name: Camera(name, rates.get(name, _OTHER_RATE_HZ)) for name in names}

    def _load(self, spec: TaskSpec) -> None:
        """Another scene: the followers' joints are then those of the new model."""
        model: Any = scene.load(spec.scene, self.config.look)
        data: Any = mujoco.MjData(model)
        self.close()
        self.model, self.data, self._scene = model, data, spec.scene
        for side in SIDES:
            axes = follower.axes(model, data, side)
            self._connect(SimArm(self.rig.followers[side], VX300S, axes))
        follower.prepare(model)
        if self._leaders and not any(name in self.arms for name in self.rig.leaders.values()):
            for side in SIDES:
                joints = leader.axes(WX250S)
                self._leader_joints.extend(joints)
                self._connect(SimArm(self.rig.leaders[side], WX250S, joints))

    def _connect(self, arm: SimArm) -> None:
        # The arm outlives the scene: others hold it.
        if arm.name in self.arms:
            self.arms[arm.name].connect(arm.axes)
        else:
            self.arms[arm.name] = arm

    def _place_arms(self) -> None:
        for index, side in enumerate(SIDES):
            pose = self.rig.start_pose[SIDE_SLICES[side]].tolist()
            pose[-1] = self.rig.gripper.angle(pose[-1])
            arm = self.arms[self.rig.followers[side]]
            arm.place(pose, self._time_ns, np.random.default_rng([self.seed, 100, index]))
            self.config.modes.apply(arm)
            if self._leaders:
                resting = [spec.sleep for spec in WX250S.motors]
                random = np.random.default_rng([self.seed, 200, index])
                self.arms[self.rig.leaders[side]].place(resting, self._time_ns, random)

    def _tick(self) -> None:
        now = self._time_ns
        for arm in self.arms.values():
            arm.step(now)
        # In two halves, as dm_control does it: positions, contacts and pictures then all belong
        # to the state after the step.
        mujoco.mj_step2(self.model, self.data)
        mujoco.mj_step1(self.model, self.data)
        for joint in self._leader_joints:
            joint.advance(PHYSICS_STEP_NS * 1e-9)
        now += PHYSICS_STEP_NS
        self._time_ns = now
        if now % READ_PERIOD_NS == 0:
            for arm in self.arms.values():
                arm.read(now)
            self._task.update()
        for camera in self._streams.values():
            if camera.due(now):
                self._take(camera)

    def _take(self, camera: Camera) -> None:
        if camera.line.faults.stalled or not camera.watched:
            camera.skip()
        else:
            camera.take(self.render(camera.name), self._time_ns)
