"""The MuJoCo scenes of the simulated rig: gym_aloha's bimanual ViperX models, as data."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mujoco

from wam_core.errors import WamError

# Free bodies of a scene: name of the object -> its free joint in the MJCF.
OBJECT_JOINTS: Final = {
    'transfer_cube': {'cube': 'red_box_joint'},
    'insertion': {'peg': 'red_peg_joint', 'socket': 'blue_socket_joint'},
}
# Our cameras -> those of the MJCF. `angle` looks over the table from the front, as ALOHA's
# cam_low does; `front_close` follows the left gripper instead.
CAMERAS: Final = {
    'cam_high': 'top',
    'cam_left_wrist': 'left_wrist',
    'cam_right_wrist': 'right_wrist',
    'cam_low': 'angle',
}
WIDTH: Final = 640
HEIGHT: Final = 480
PHYSICS_STEP_NS: Final = 2_000_000

# The wrist cameras of the MJCF see 20 degrees: the finger links fill the picture and the table is
# hidden. 58 degrees is the vertical field of view of the D405 that ALOHA carries there (Intel,
# RealSense D400 series data sheet), and shows fingers, object and table.
_WRIST_FOVY_DEG: Final = 58.0


@dataclass(frozen=True)
class Look:
    """shadows: shadows and reflections (3 to 6 times the time). samples: per pixel, 0 or 4."""

    shadows: bool = False
    samples: int = 0


def prefix(side: str) -> str:
    """What the names of an arm's bodies and joints start with; side: left or right."""
    return f'vx300s_{side}/'


def load(scene: str, look: Look) -> Any:
    """The compiled mujoco.MjModel of a scene. WamError for an unknown one, listing all."""
    if scene not in OBJECT_JOINTS:
        raise WamError(
            f'scene {scene!r} is not simulated, expected one of {sorted(OBJECT_JOINTS)} '
            '(key `scene` of the task file)'
        )
    model = mujoco.MjModel.from_xml_path(str(_assets() / f'bimanual_viperx_{scene}.xml'))
    if round(model.opt.timestep * 1e9) != PHYSICS_STEP_NS:
        raise WamError(
            f'scene {scene}: physics step {model.opt.timestep} s, expected '
            f'{PHYSICS_STEP_NS * 1e-9} s (gym_aloha has changed)'
        )
    # Actuator velocity gains are stiff against the light wrist: only an implicit step is stable.
    model.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    model.vis.quality.offsamples = look.samples
    for side in ('left', 'right'):
        model.cam_fovy[model.camera(f'{side}_wrist').id] = _WRIST_FOVY_DEG
    return model


def fovy_deg(model: Any, camera: str) -> float:
    """Vertical field of view of one of our cameras, degrees."""
    return float(model.cam_fovy[model.camera(CAMERAS[camera]).id])


def _assets() -> Path:
    # find_spec: importing gym_aloha would import gymnasium and register environments.
    found = importlib.util.find_spec('gym_aloha')
    if found is None or not found.submodule_search_locations:
        raise WamError('the package gym_aloha is missing: pip install gym-aloha==0.1.5')
    return Path(found.submodule_search_locations[0]) / 'assets'
