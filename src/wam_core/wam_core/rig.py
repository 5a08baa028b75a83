"""A rig as data: its arms, cameras, limits and poses. Read from config/rigs/<name>.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wam_core.errors import WamError
from wam_core.gripper import GripperCalibration
from wam_core.joints import JOINTS_PER_SIDE, SIDES, Vector
from wam_core.mapping import Section


@dataclass(frozen=True)
class CameraSpec:
    """topic: of its sensor_msgs/Image. rate_hz: frames per second that it is set to."""

    topic: str
    rate_hz: float


@dataclass(frozen=True)
class RigSpec:
    """followers, leaders: side -> robot name (its ROS namespace).

    lower, upper: (14,) position limits; velocity: (14,) rad/s, grippers 1/s; acceleration and
    jerk: (14,) per s^2 and per s^3. gripper_dead_band: change of an opening that a resting gripper
    ignores.
    start_pose, sleep_pose: (14,) rad, grippers 0..1. leader_gripper: of the leaders; None: the
    profile has none.
    """

    name: str
    simulated: bool
    followers: Mapping[str, str]
    leaders: Mapping[str, str]
    gripper_profile: str
    gripper: GripperCalibration
    cameras: Mapping[str, CameraSpec]
    lower: Vector
    upper: Vector
    velocity: Vector
    acceleration: Vector
    jerk: Vector
    gripper_dead_band: float
    start_pose: Vector
    sleep_pose: Vector
    leader_gripper: GripperCalibration | None = None

    @property
    def leader_calibration(self) -> GripperCalibration:
        """Of the leaders' grippers. Raises WamError when the profile has none."""
        if self.leader_gripper is None:
            raise WamError(
                f'gripper profile {self.gripper_profile!r} of rig {self.name!r} has no `leader` '
                'angles: add `leader: {closed: ..., open: ...}`, rad, in config/grippers.yaml'
            )
        return self.leader_gripper


def parse_rig(name: str, rig: object, grippers: object, source: str) -> RigSpec:
    """Builds a RigSpec from the contents of a rig file and of grippers.yaml.

    Raises WamError with ``source`` and the key for anything missing, unknown or out of range.
    """
    section = Section(rig, source)
    profiles = parse_grippers(grippers)
    profile = section.text('gripper_profile', profiles)
    limits = section.section('limits')
    spec = RigSpec(
        name=name,
        simulated=section.flag('simulated'),
        followers=_robots(section.section('followers')),
        leaders=_robots(section.section('leaders')),
        gripper_profile=profile,
        gripper=profiles[profile].follower,
        leader_gripper=profiles[profile].leader,
        cameras=_cameras(section.section('cameras')),
        lower=_both(limits, 'lower'),
        upper=_both(limits, 'upper'),
        velocity=_both(limits, 'velocity'),
        acceleration=_both(limits, 'acceleration'),
        jerk=_both(limits, 'jerk'),
        gripper_dead_band=limits.number('gripper_dead_band', 0.0, 0.5),
        start_pose=_both(section, 'start_pose'),
        sleep_pose=_both(section, 'sleep_pose'),
    )
    limits.close()
    section.close()
    _check(spec, source)
    return spec


@dataclass(frozen=True)
class GripperProfile:
    """Calibrations that belong together. leader: None: nobody teleoperates with it."""

    follower: GripperCalibration
    leader: GripperCalibration | None


def parse_grippers(grippers: object) -> dict[str, GripperProfile]:
    """The named calibration profiles of grippers.yaml."""
    section = Section(grippers, 'grippers.yaml')
    profiles = {}
    for name in section.names():
        entry = section.section(name)
        leader = None
        if 'leader' in entry:
            part = entry.section('leader')
            leader = GripperCalibration(part.number('closed'), part.number('open'))
            part.close()
        follower = GripperCalibration(entry.number('closed'), entry.number('open'))
        profiles[name] = GripperProfile(follower, leader)
        entry.close()
    return profiles


def _robots(section: Section) -> dict[str, str]:
    robots = {side: section.text(side) for side in SIDES}
    section.close()
    return robots


def _cameras(section: Section) -> dict[str, CameraSpec]:
    cameras = {}
    for name in section.names():
        entry = section.section(name)
        cameras[name] = CameraSpec(entry.text('topic'), entry.number('rate_hz', 1.0, 200.0))
        entry.close()
    return cameras


def _both(section: Section, key: str) -> Vector:
    values = np.tile(section.numbers(key, JOINTS_PER_SIDE), len(SIDES))
    values.setflags(write=False)
    return values


def _check(spec: RigSpec, source: str) -> None:
    if not np.all(spec.lower < spec.upper):
        raise WamError(f'{source}: limits: every lower must be below its upper')
    for name in ('velocity', 'acceleration', 'jerk'):
        least = float(getattr(spec, name).min())
        if not least > 0:
            raise WamError(f'{source}: limits: {name} must be above 0, got {least:g}')
    # The sleep pose is not checked: aloha_vx300s rests on its stops, outside the URDF's limits.
    if np.any(spec.start_pose < spec.lower) or np.any(spec.start_pose > spec.upper):
        raise WamError(
            f'{source}: start_pose {spec.start_pose.tolist()} is outside limits lower..upper'
        )
