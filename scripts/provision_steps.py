"""What scripts/setup does: the steps, and the fingerprints of what each is made from."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / '.setup'
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
REQUIREMENTS = (ROOT / 'requirements' / 'runtime.txt', ROOT / 'requirements' / 'dev.txt')
TORCH = ROOT / 'requirements' / 'torch.txt'
# Of PyTorch without CUDA's libraries, which are gigabytes: for machines without an NVIDIA GPU.
CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
NO_DEPS = ROOT / 'requirements' / 'no_deps.txt'
PYTHON_VERSION = f'{sys.version_info.major}.{sys.version_info.minor}'
# Raise it when a step changes in a way that must be done again in existing checkouts.
FORMAT = '1'
# The wheels' CMake files name the Python that they were built with.
WHEEL_PYTHON = r'/opt/python/cp3[0-9]+-cp3[0-9]+'
MEND_SCRIPT = f"""
import pathlib, re, sys, sysconfig
import numpy
include, numpy_include = sysconfig.get_paths()['include'], numpy.get_include()
for path in pathlib.Path(sys.prefix, 'share').glob('*/cmake/*.cmake'):
    old = path.read_text()
    new = re.sub(r'{WHEEL_PYTHON}/lib/python3[.][0-9]+/site-packages/numpy/_?core/include',
                 numpy_include, old)
    new = re.sub(r'{WHEEL_PYTHON}/include/python3[.][0-9]+', include, new)
    if new != old:
        path.write_text(new)
    if re.search(r'{WHEEL_PYTHON}', new):
        sys.exit(f'{{path}} still names the Python that the wheel was built with')
"""
EGL_SCRIPT = 'import mujoco; mujoco.GLContext(16, 16).make_current()'
EGL_PACKAGES = ('libegl1', 'libgl1-mesa-dri')


class SetupError(Exception):
    """A step failed. why: what happened. remedy: what the user can do. fatal: go no further."""

    def __init__(self, why: str, remedy: str, fatal: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy
        self.fatal = fatal


@dataclass(frozen=True)
class Step:
    """title: as the user reads it. duration: roughly, in words. fingerprint: of its inputs."""

    name: str
    title: str
    duration: str
    fingerprint: Callable[[], str]
    action: Callable[[], None]


# --- fingerprints


def digest(parts: Iterable[str]) -> str:
    """A hash of the parts, of the format of the set-up, and of where this checkout lies."""
    return hashlib.sha256('\0'.join([FORMAT, str(ROOT), *parts]).encode()).hexdigest()


def tools_fingerprint() -> str:
    """The Python that everything is built with."""
    return digest([PYTHON_VERSION])


def packages_fingerprint() -> str:
    """The Python, the pinned requirements, and whether there still is an environment."""
    return digest(
        [
            PYTHON_VERSION,
            str(PYTHON.exists()),
            str(has_gpu()),
            *(path.read_text() for path in (*REQUIREMENTS, TORCH, NO_DEPS)),
        ]
    )


def workspace_fingerprint() -> str:
    """What `colcon build` reads, and the packages that it builds on.

    Python, config and launch files are linked, so only their names count.
    """
    parts = [packages_fingerprint(), str((ROOT / 'install' / 'setup.sh').exists())]
    contents = [ROOT / 'colcon_defaults.yaml', *ROOT.glob('msg/*.msg'), *ROOT.glob('msg/*/*.*')]
    names = [path for top in ('config', 'launch') for path in (ROOT / top).rglob('*.*')]
    for manifest in [*ROOT.glob('src/*/package.xml'), *ROOT.glob('src/standins/*/package.xml')]:
        package = manifest.parent
        manifests = ('package.xml', 'CMakeLists.txt', 'setup.py', 'setup.cfg')
        contents += [path for name in manifests if (path := package / name).is_file()]
        contents += [*package.glob('msg/*.msg'), *package.glob('srv/*.srv')]
        if (package / 'CMakeLists.txt').is_file():
            names += package.glob('*/*.py')  # ament links file by file, setuptools the folder
    parts += [f'{path}\0{path.read_text()}' for path in sorted(contents)]
    parts += [str(path) for path in sorted(names) if '__pycache__' not in path.parts]
    return digest(parts)


def display_fingerprint() -> str:
    """Rendering is checked once per machine; `./wam doctor` checks it again."""
    return digest([platform.node()])


# --- steps


def check_tools() -> None:
    """Git, make, the compilers, and the parts of Python that Debian packages by themselves."""
    commands = {'git': 'git', 'make': 'make', 'gcc': 'gcc', 'g++': 'g++'}
    missing = [package for command, package in commands.items() if not shutil.which(command)]
    if not Path(sysconfig.get_paths()['include'], 'Python.h').is_file():
        missing.append(f'python{PYTHON_VERSION}-dev')
    probe = [sys.executable, '-c', 'import ensurepip, venv']
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        missing.append(f'python{PYTHON_VERSION}-venv')
    if platform.machine() != 'x86_64':
        raise SetupError(
            f'this machine is {platform.machine()}; the ROS wheels exist for x86_64 only',
            'use a ROS 2 Humble or Jazzy install instead (docs/getting_started.md)',
        )
    if missing and not install_debian(missing):
        raise SetupError(
            f'not installed: {", ".join(missing)}',
            f'sudo apt-get install {" ".join(missing)}, then start this again',
        )


def install_packages() -> None:
    """Makes .venv, fills it, and mends the paths in the ROS wheels."""
    started = STATE / 'packages.started'
    # An interrupted pip may leave halves of packages behind that it takes for whole ones.
    if started.exists() or not (VENV / 'lib' / f'python{PYTHON_VERSION}').is_dir():
        shutil.rmtree(VENV, ignore_errors=True)
    started.touch()
    if not PYTHON.exists():
        remedy = f'sudo apt-get install python{PYTHON_VERSION}-venv, then start this again'
        run('packages', [sys.executable, '-m', 'venv', str(VENV)], remedy)
    files = [word for path in REQUIREMENTS for word in ('-r', str(path))]
    pip = [str(PYTHON), '-m', 'pip', 'install', '--disable-pip-version-check']
    remedy = 'check the network and the disk space, then start this again'
    run('packages', [*pip, *files], remedy)
    torch = [*pip, '-r', str(TORCH)]
    # Only for this package: what is asked of two indexes may come from either.
    run('packages', torch if has_gpu() else [*torch, '--extra-index-url', CPU_INDEX], remedy, True)
    run('packages', [*pip, '--no-deps', '-r', str(NO_DEPS)], remedy, append=True)
    remedy = 'delete .venv and start this again; if it persists, report it with the log'
    run('packages', [str(PYTHON), '-c', MEND_SCRIPT], remedy, append=True)
    started.unlink()


def build_workspace() -> None:
    """colcon build, with the stand-ins for the ROS packages that have no wheel."""
    made_for = STATE / 'workspace.made_for'
    target = f'{VENV} {PYTHON_VERSION}'
    if not made_for.exists() or made_for.read_text() != target:
        # CMake's caches hold absolute paths: those of another place or Python are useless.
        for folder in ('build', 'install', 'log'):
            shutil.rmtree(ROOT / folder, ignore_errors=True)
        made_for.write_text(target)
    standins = sorted(str(path.parent) for path in ROOT.glob('src/standins/*/package.xml'))
    colcon = [str(VENV / 'bin' / 'colcon'), 'build', '--base-paths', 'src', *standins]
    run(
        'workspace',
        colcon,
        'read the log; after a change to msg/ or a CMakeLists.txt: `make clean`',
    )
    for link in (ROOT / 'install').rglob('*'):
        if link.is_symlink() and not link.exists():
            link.unlink()


def check_display() -> None:
    """Whether MuJoCo can render without a screen. Missing packages are named, not fatal."""
    if can_render() or (install_debian(EGL_PACKAGES) and can_render()):
        return
    raise SetupError(
        'MuJoCo cannot render here: EGL does not work (.setup/display.log). '
        'Everything but the pictures of the simulated rig works without it',
        f'sudo apt-get install {" ".join(EGL_PACKAGES)}, then `./wam doctor`',
        fatal=False,
    )


def can_render() -> bool:
    """Renders nothing on a small off-screen buffer."""
    with suppress(OSError):
        ctypes.CDLL('libEGL.so.1')
        environment = {**clean_environment(), 'MUJOCO_GL': 'egl'}
        with (STATE / 'display.log').open('w') as log:
            probe = subprocess.run(
                [str(PYTHON), '-c', EGL_SCRIPT],
                env=environment,
                stdout=log,
                stderr=log,
                check=False,
            )
        return probe.returncode == 0
    return False


# --- helpers


def has_gpu() -> bool:
    """Whether the driver of an NVIDIA GPU is there."""
    return Path('/dev/nvidiactl').exists()


def install_debian(packages: Sequence[str]) -> bool:
    """Installs Debian packages if that needs no password. Returns whether it did."""
    apt, sudo = shutil.which('apt-get'), shutil.which('sudo')
    prefix: list[str] = []
    if os.geteuid() != 0:
        probe = [sudo, '-n', 'true'] if sudo else ['false']
        if subprocess.run(probe, capture_output=True, check=False).returncode:
            return False
        prefix = [sudo or '', '-n']
    if not apt:
        return False
    print(f'  installing {" ".join(packages)} with apt-get', flush=True)
    command = [*prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', apt]
    with (STATE / 'apt.log').open('w') as log:
        for words in (['update'], ['install', '-y', '--no-install-recommends', *packages]):
            done = subprocess.run([*command, *words], stdout=log, stderr=log, check=False)
    return done.returncode == 0


def clean_environment() -> dict[str, str]:
    """This process's environment without the traces of a sourced ROS install."""
    dropped = ('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'COLCON_PREFIX_PATH', 'PYTHONPATH')
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    libraries = environment.get('LD_LIBRARY_PATH', '').split(os.pathsep)
    kept = [path for path in libraries if path and not path.startswith('/opt/ros/')]
    environment['LD_LIBRARY_PATH'] = os.pathsep.join(kept)
    environment['PATH'] = f'{VENV / "bin"}{os.pathsep}{environment.get("PATH", os.defpath)}'
    environment['AMENT_PREFIX_PATH'] = environment['CMAKE_PREFIX_PATH'] = str(VENV)
    environment['VIRTUAL_ENV'] = str(VENV)
    return environment


def run(name: str, command: Sequence[str], remedy: str, append: bool = False) -> None:
    """Runs a command into .setup/<name>.log. Raises SetupError with the end of that log."""
    path = STATE / f'{name}.log'
    with path.open('a' if append else 'w') as log:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=False,  # it keeps the lock of the set-up as long as it lives
            check=False,
        )
    if done.returncode:
        tail = path.read_text(errors='replace').splitlines()[-15:]
        raise SetupError(
            f'`{" ".join(command)[:200]}` ended with exit code {done.returncode}; '
            f'the end of {path.relative_to(ROOT)}:\n' + '\n'.join(f'    {line}' for line in tail),
            remedy,
        )


STEPS = (
    Step('tools', 'checking the compilers and Python', '1 s', tools_fingerprint, check_tools),
    Step(
        'packages',
        'Python packages into .venv, PyTorch among them',
        '2 minutes',
        packages_fingerprint,
        install_packages,
    ),
    Step('workspace', 'colcon build', '1 minute', workspace_fingerprint, build_workspace),
    Step('display', 'checking off-screen rendering', '2 s', display_fingerprint, check_display),
)
