"""What ``wam doctor`` looks at, each look as one Finding."""

import importlib.util
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from wam_cli import dead_segments

GOOD, NOTE, BAD = 'ok', 'note', 'bad'
_GIB: Final = 2**30
# 64 MiB for each process of a rollout and a few tools beside it (config/fastdds.xml).
_SHM_GOOD_BYTES: Final = 1 * _GIB
_SHM_NEEDED_BYTES: Final = 512 * 2**20
_DISK_GOOD_BYTES: Final = 20 * _GIB
_DISK_NEEDED_BYTES: Final = 1 * _GIB
_PROBE_S: Final = 60.0
_EGL_PROBE: Final = (
    'import mujoco; context = mujoco.GLContext(64, 64); context.make_current(); '
    'from OpenGL import GL; print(GL.glGetString(GL.GL_RENDERER).decode())'
)


@dataclass(frozen=True)
class Finding:
    """level: ok, note (works, with a limit) or bad (something needed is missing).

    found: what is there. meaning: what that means for the user, and what to do.
    """

    name: str
    level: str
    found: str
    meaning: str


def python() -> Finding:
    """The interpreter."""
    found = f'{platform.python_version()} at {sys.executable}'
    if tuple(map(int, platform.python_version_tuple()[:2])) >= (3, 10):
        return Finding('python', GOOD, found, 'suits')
    return Finding('python', BAD, found, 'the stack needs Python 3.10 or newer')


def ros() -> Finding:
    """ROS 2 from wheels or from an install."""
    try:
        found = f'wheels, ros-rclpy {version("ros-rclpy")} (Jazzy)'
    except PackageNotFoundError:
        found = f'install, {os.environ.get("ROS_DISTRO", "")}'.rstrip(', ')
    if importlib.util.find_spec('rclpy') is None:
        advice = 'no rclpy: run scripts/setup, or source /opt/ros/<distribution>/setup.bash'
        return Finding('ros', BAD, found, advice)
    return Finding('ros', GOOD, found, 'nodes can run')


def workspace() -> Finding:
    """Whether the workspace was built and sourced."""
    wanted = ('wam_msgs', 'wam_nodes', 'wam_sim', 'interbotix_xs_msgs', 'message_filters')
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        advice = 'run scripts/setup, or `colcon build` and source install/setup.bash'
        return Finding('workspace', BAD, f'missing: {", ".join(missing)}', advice)
    return Finding('workspace', GOOD, ', '.join(wanted), 'built')


def rmw() -> Finding:
    """The middleware."""
    found = os.environ.get('RMW_IMPLEMENTATION', '')
    if found == 'rmw_fastrtps_cpp':
        return Finding('rmw', GOOD, found, 'the image transport settings are made for it')
    meaning = 'config/fastdds.xml has no effect: check the loss with `wam bench transport`'
    return Finding('rmw', NOTE, found, meaning)


def image_transport() -> Finding:
    """The Fast DDS profile."""
    path = os.environ.get('FASTRTPS_DEFAULT_PROFILES_FILE', '')
    if not Path(path).is_file():
        meaning = 'no such file: most images will be lost. Unset FASTRTPS_DEFAULT_PROFILES_FILE'
        return Finding('image transport', BAD, path, meaning)
    if Path(path).name == 'fastdds.xml' and 'wam_bringup' in path:
        return Finding('image transport', GOOD, path, 'images pass without loss on this machine')
    meaning = 'a profile of your own: check the loss with `wam bench transport`'
    return Finding('image transport', NOTE, path, meaning)


def shared_memory() -> Finding:
    """Room for the transport's segments."""
    free = shutil.disk_usage('/dev/shm').free
    found = f'{free / _GIB:.1f} GiB free in /dev/shm'
    if free >= _SHM_GOOD_BYTES:
        return Finding('shared memory', GOOD, found, 'enough for every process')
    meaning = 'each process takes 64 MiB. In a container: --ipc=host, or --shm-size=2g'
    level = NOTE if free >= _SHM_NEEDED_BYTES else BAD
    return Finding('shared memory', level, found, meaning)


def killed_processes() -> Finding:
    """Shared memory that they left."""
    name, dead = 'killed processes', dead_segments.find()
    if not dead:
        return Finding(name, GOOD, 'no shared memory left of them', 'none takes memory')
    found = f'left {dead_segments.text(dead)} in /dev/shm'
    others = [segment for segment in dead if segment.owner != os.geteuid()]
    if not others:
        meaning = 'memory that nobody uses: the next `wam up` or `wam rollout` removes it'
    else:
        meaning = (
            f'memory that nobody uses; {dead_segments.text(others)} of other users: '
            'their next `wam up` or `wam rollout` removes it'
        )
    return Finding(name, NOTE, found, meaning)


def discovery() -> Finding:
    """Who can see the nodes."""
    reach = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    found = f'range {reach}, domain {os.environ.get("ROS_DOMAIN_ID", "0")}'
    if reach == 'LOCALHOST':
        return Finding('discovery', GOOD, found, 'nodes are seen on this machine only')
    meaning = 'set by you. With config/fastdds.xml nothing leaves this machine all the same'
    return Finding('discovery', NOTE, found, meaning)


def rendering() -> Finding:
    """Whether MuJoCo can render, and on what."""
    backend = os.environ.get('MUJOCO_GL') or 'egl'  # as the simulated rig chooses on Linux
    probe = subprocess.run(
        [sys.executable, '-c', _EGL_PROBE],
        env={**os.environ, 'MUJOCO_GL': backend},
        capture_output=True,
        text=True,
        timeout=_PROBE_S,
        check=False,
    )
    if probe.returncode:
        last = (probe.stderr.strip().splitlines() or ['no output'])[-1]
        advice = 'the simulated rig has no pictures: apt-get install libegl1 libgl1-mesa-dri'
        return Finding('rendering', BAD, f'{backend}: {last}', advice)
    renderer = probe.stdout.strip().splitlines()[-1]
    if 'llvmpipe' in renderer or 'softpipe' in renderer:
        meaning = 'on the processor: the simulated rig runs slower than real time'
        return Finding('rendering', NOTE, f'{backend}: {renderer}', meaning)
    return Finding('rendering', GOOD, f'{backend}: {renderer}', 'on the graphics card')


def gpu() -> Finding:
    """A card for policies that need one."""
    program = shutil.which('nvidia-smi')
    query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader']
    if program is not None:
        probe = subprocess.run(
            [program, *query], capture_output=True, text=True, timeout=_PROBE_S, check=False
        )
        if probe.returncode == 0 and probe.stdout.strip():
            return Finding('gpu', GOOD, '; '.join(probe.stdout.split('\n')[:-1]), 'present')
    meaning = 'enough for the policies scripted, replay and hold, and for remote ones'
    return Finding('gpu', NOTE, 'no NVIDIA GPU', meaning)


def real_time() -> Finding:
    """Whether the executor may ask for a real-time priority."""
    soft, hard = resource.getrlimit(resource.RLIMIT_RTPRIO)
    found = f'priority up to {max(soft, hard)}'
    if os.geteuid() == 0 or hard > 0 or hard == resource.RLIM_INFINITY:
        return Finding('real time', GOOD, found, 'permitted')
    meaning = (
        'not permitted: on a loaded machine commands come late by milliseconds. '
        'For a rig: "@realtime - rtprio 90" in /etc/security/limits.d/'
    )
    return Finding('real time', NOTE, found, meaning)


def disk() -> Finding:
    """Room for recordings."""
    free = shutil.disk_usage(Path.cwd()).free
    found = f'{free / _GIB:.0f} GiB free in {Path.cwd()}'
    if free >= _DISK_GOOD_BYTES:
        return Finding('disk', GOOD, found, 'a minute of three cameras takes about 0.5 GB')
    level = NOTE if free >= _DISK_NEEDED_BYTES else BAD
    return Finding('disk', level, found, 'little room for recordings: use --root elsewhere')


CHECKS: tuple[Callable[[], Finding], ...] = (
    python,
    ros,
    workspace,
    rmw,
    image_transport,
    shared_memory,
    killed_processes,
    discovery,
    rendering,
    gpu,
    real_time,
    disk,
)
