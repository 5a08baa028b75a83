"""Draws the scene without a screen: MuJoCo's own renderer on a GL context of our choosing.

Not ``mujoco.Renderer``: its GL library is chosen when mujoco is first imported, by a variable that
would have to be set before, and without that library the import itself fails.
"""

import os
import platform
from typing import Any, Final

import mujoco
import numpy as np

from wam_core.errors import WamError
from wam_core.policy import Image
from wam_sim.scene import CAMERAS, HEIGHT, WIDTH, Look

_PACKAGES: Final = 'libegl1 libgl1-mesa-dri'
_MAX_GEOMS: Final = 1000


class Renderer:
    """Pictures of one model. Makes its GL context with the first one; belongs to one thread."""

    def __init__(self, model: Any, look: Look) -> None:
        self._model = model
        self._gl = _gl_context()
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, _MAX_GEOMS)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = look.shadows
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._rectangle = mujoco.MjrRect(0, 0, WIDTH, HEIGHT)
        self._pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)

    def render(self, data: Any, camera: str) -> Image:
        """(480, 640, 3) RGB8, contiguous, the caller's own. WamError for an unknown camera."""
        if camera not in CAMERAS:
            raise WamError(f'camera {camera!r}, expected one of {sorted(CAMERAS)}')
        self._camera.fixedcamid = self._model.camera(CAMERAS[camera]).id
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rectangle, self._context)
        # GL counts rows from the bottom.
        return np.ascontiguousarray(self._pixels[::-1])

    def close(self) -> None:
        """Frees the context. At the interpreter's end it would be too late, and noisy."""
        self._context.free()
        self._gl.free()


def _gl_context() -> Any:
    """An off-screen context of the back end that MUJOCO_GL names; EGL on Linux by default."""
    backend = os.environ.get('MUJOCO_GL') or ('egl' if platform.system() == 'Linux' else 'glfw')
    try:
        if backend == 'egl':
            from mujoco.egl import GLContext
        elif backend == 'osmesa':
            from mujoco.osmesa import GLContext
        else:
            from mujoco.glfw import GLContext
        return GLContext(WIDTH, HEIGHT)
    # AttributeError: what PyOpenGL makes of a missing library. RuntimeError: no display.
    except (ImportError, AttributeError, RuntimeError) as error:
        raise WamError(
            f'no picture can be rendered with MUJOCO_GL={backend}: {error}. For rendering without '
            f'a screen on Debian and Ubuntu: sudo apt install {_PACKAGES}'
        ) from error
