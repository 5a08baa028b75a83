"""Joints of both arms for poses of their grasp points, by differential inverse kinematics."""

import math
from collections.abc import Mapping, Sequence

import mink
import mujoco
import numpy as np
from gym_aloha.constants import ASSETS_DIR

from wam_core.errors import WamError
from wam_core.joints import ARM_JOINTS, ARM_SLICES, SIDES, Vector

GRASP_REACH_M = 0.142
"""From gripper_link along its x axis to the grasp point, m: 12 mm short of the finger tips, whose
mesh ends at 0.154 m (vx300s_10_custom_finger_*.stl in gym_aloha)."""

_POSITION_COST = 1.0
_ORIENTATION_COST = 0.3  # 1 rad weighs as much as 0.3 m
_POSTURE_COST = 1e-4  # only chooses among equals
# Where the wrist is straight, the forearm's roll and the wrist's are one axis: within 0.07 rad of
# there (sin < 0.02 / 0.3) it is worth more to keep the forearm's roll at 0 than to turn it about.
_ROLL_COST = 0.02
_DAMPING = 1e-6
_STEP_RAD = 0.2  # of any joint per iteration: larger steps leave the branch of solutions
_ITERATIONS = 100
_SEED_SHOULDER, _SEED_ELBOW = -0.5, 0.8  # rad, between the rig's start pose and stretched
_TOLERANCE = 1e-4  # m and rad
_REACHED_M = 2e-3
_REACHED_RAD = 0.02


class Kinematics:
    """Forward and inverse kinematics of the two ViperX arms of gym_aloha's scenes.

    Poses are ``mink.SE3`` of a grasp point (x: approach, y: from finger to finger) in the MJCF's
    world frame, m. Joints are the rig's 14-vectors; grippers pass through unchanged.
    """

    def __init__(self) -> None:
        self._configuration = mink.Configuration(_robot_model())
        model = self._configuration.model
        self._addresses = {
            side: [model.joint(f'vx300s_{side}/{joint}').qposadr[0] for joint in ARM_JOINTS]
            for side in SIDES
        }
        self._tasks = {
            side: mink.FrameTask(f'{side}_grasp', 'site', _POSITION_COST, _ORIENTATION_COST)
            for side in SIDES
        }
        costs = np.full(model.nv, _POSTURE_COST)
        costs[[model.joint(f'vx300s_{side}/forearm_roll').dofadr[0] for side in SIDES]] = (
            _ROLL_COST
        )
        self._posture = mink.PostureTask(model, costs)
        velocity = {f'vx300s_{side}/{joint}': _STEP_RAD for side in SIDES for joint in ARM_JOINTS}
        self._limits = [mink.ConfigurationLimit(model), mink.VelocityLimit(model, velocity)]
        self._bases = {
            side: self._configuration.get_transform_frame_to_world(f'vx300s_{side}', 'body')
            for side in SIDES
        }

    def forward(self, position: Vector) -> dict[str, mink.SE3]:
        """Side -> pose of the grasp point of joints (14,)."""
        self._load(position)
        return self._poses()

    def follow(
        self, start: Vector, path: Sequence[Mapping[str, mink.SE3]], *, exact: bool = True
    ) -> list[Vector]:
        """Joints (14,) of each point of a path of poses, from joints near its first point.

        exact: raises WamError when the last point is out of reach; otherwise as near as can be.
        """
        self._load(start)
        rows = [self._solve(point, start) for point in path]
        if exact:
            self._check_reached(path[-1])
        return rows

    def reach(self, start: Vector, targets: Mapping[str, mink.SE3]) -> Vector:
        """Joints (14,) of poses however far; sides without a target stay as in ``start``.

        Solved with the forearm's roll near 0, whatever it is in ``start``: the wrist then turns
        the shortest way. Raises WamError when a pose is out of reach.
        """
        seed = start.copy()
        for side, target in targets.items():
            seed[ARM_SLICES[side]] = self._guess(side, target)
        return self.follow(seed, [targets])[-1]

    def _guess(self, side: str, target: mink.SE3) -> Vector:
        """(6,) joints near a solution: waist towards the point, wrist as the plane allows."""
        base = self._bases[side].inverse() @ target
        waist = math.atan2(base.translation()[1], base.translation()[0])
        plane = (mink.SO3.from_z_radians(-waist) @ base.rotation()).as_matrix()
        pitch = math.atan2(-plane[2, 0], plane[0, 0])
        turned = mink.SO3.from_y_radians(-pitch).as_matrix() @ plane
        roll = math.atan2(turned[2, 1], turned[1, 1])
        wrist_angle = pitch - _SEED_SHOULDER - _SEED_ELBOW
        return np.array([waist, _SEED_SHOULDER, _SEED_ELBOW, 0.0, wrist_angle, roll])

    def _load(self, position: Vector) -> None:
        values: Vector = np.zeros(self._configuration.model.nq)
        for side in SIDES:
            values[self._addresses[side]] = position[ARM_SLICES[side]]
        # An arm that rests on its stops may be read a little outside of the range.
        self._configuration.update(np.clip(values, *self._configuration.model.jnt_range.T))
        self._posture.set_target(np.zeros_like(values))

    def _poses(self) -> dict[str, mink.SE3]:
        return {
            side: self._configuration.get_transform_frame_to_world(f'{side}_grasp', 'site')
            for side in SIDES
        }

    def _solve(self, targets: Mapping[str, mink.SE3], template: Vector) -> Vector:
        poses = self._poses()
        for side in SIDES:
            self._tasks[side].set_target(targets.get(side, poses[side]))
        tasks = [*self._tasks.values(), self._posture]
        for _ in range(_ITERATIONS):
            velocity = mink.solve_ik(
                self._configuration, tasks, 1.0, 'daqp', damping=_DAMPING, limits=self._limits
            )
            self._configuration.integrate_inplace(velocity, 1.0)
            if np.abs(velocity).max() < _TOLERANCE:
                break
        return self._position(template)

    def _position(self, template: Vector) -> Vector:
        position: Vector = template.copy()
        for side in SIDES:
            position[ARM_SLICES[side]] = self._configuration.q[self._addresses[side]]
        return position

    def _check_reached(self, targets: Mapping[str, mink.SE3]) -> None:
        for side, target in targets.items():
            error = np.asarray(self._tasks[side].compute_error(self._configuration))
            if np.linalg.norm(error[:3]) > _REACHED_M or np.linalg.norm(error[3:]) > _REACHED_RAD:
                place = np.round(target.translation(), 3).tolist()
                raise WamError(
                    f'the {side} arm cannot reach {place} m (world frame) with its grasp point: '
                    f'it stays {np.linalg.norm(error[:3]) * 1e3:.0f} mm away; allowed 2 mm; '
                    'move the object nearer to that arm'
                )


def between(start: mink.SE3, end: mink.SE3, fraction: float) -> mink.SE3:
    """The pose at ``fraction`` 0..1 of a straight line that turns about one axis."""
    turn = (start.rotation().inverse() @ end.rotation()).log()
    rotation = start.rotation() @ mink.SO3.exp(fraction * turn)
    translation = (1.0 - fraction) * start.translation() + fraction * end.translation()
    return mink.SE3.from_rotation_and_translation(rotation, translation)


def _robot_model() -> mujoco.MjModel:
    """gym_aloha's two arms without any object, with a site at each grasp point."""
    spec = mujoco.MjSpec.from_file(str(ASSETS_DIR / 'bimanual_viperx_transfer_cube.xml'))
    spec.delete(spec.body('box'))
    for key in list(spec.keys):
        spec.delete(key)
    for side in SIDES:
        gripper = spec.body(f'vx300s_{side}/gripper_link')
        gripper.add_site(name=f'{side}_grasp', pos=[GRASP_REACH_M, 0.0, 0.0])
    return spec.compile()
