"""Every package.xml names what its package needs, by keys that rosdep knows, and nothing else."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent for path in REPOSITORY.glob('src/wam_*/package.xml'))
# What is imported -> rosdep's key (rosdistro, rosdep/python.yaml); any other name is its own.
KEYS = {
    'PIL': 'python3-pil',
    'cv2': 'python3-opencv',
    'h5py': 'python3-h5py',
    'numpy': 'python3-numpy',
    'psutil': 'python3-psutil',
    'rich': 'python3-rich',
    'tornado': 'python3-tornado',
    'yaml': 'python3-yaml',
    'zmq': 'python3-zmq',
}
# What is imported and has no key -> its name in requirements/ros.txt.
FROM_PIP = {
    'av': 'av',
    'circus': 'circus',
    'diffusers': 'diffusers',
    'duckdb': 'duckdb',
    'gym_aloha': 'gym-aloha',
    'huggingface_hub': 'huggingface-hub',
    'json_numpy': 'json-numpy',
    'mcap': 'mcap',
    'mink': 'mink',
    'msgpack': 'msgpack',
    'mujoco': 'mujoco',
    'pyarrow': 'pyarrow',
    'rosbags': 'rosbags',
    'safetensors': 'safetensors',
    'starlette': 'starlette',
    'torch': 'torch',
    'uvicorn': 'uvicorn',
    'websockets': 'websockets',
    'zstandard': 'zstandard',
}
# Needed without being imported: mink's solver, chosen by name.
PIP_ALONE = {'daqp'}
# package -> keys that are needed without being imported.
NOT_IMPORTED = {
    # RMW_IMPLEMENTATION and the profile in config/fastdds.xml.
    'wam_bringup': {'rmw_fastrtps_cpp'},
    # Its commands start the nodes and load the policies of these.
    'wam_cli': {'wam_nodes', 'wam_sim', 'wam_policy'},
    # Message definitions that those of wam_msgs are made of.
    'wam_msgs': {'std_msgs', 'geometry_msgs', 'builtin_interfaces', 'action_msgs'}
    | {'rosidl_default_runtime'},
}


def declared(package: Path) -> set[str]:
    """Keys that a ROS install gets before the package runs."""
    root = ElementTree.parse(package / 'package.xml').getroot()
    return {
        (entry.text or '').strip() for tag in ('depend', 'exec_depend') for entry in root.iter(tag)
    }


def imported(package: Path) -> set[str]:
    """Top-level names outside the standard library and the package itself."""
    names = {name for path in package.glob(f'{package.name}/**/*.py') for name in imports(path)}
    return names - set(sys.stdlib_module_names) - {package.name}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or '').split('.')[0]


@pytest.mark.parametrize('package', PACKAGES, ids=lambda path: str(path.name))
def test_a_manifest_names_what_is_imported_and_nothing_else(package: Path) -> None:
    keys = {KEYS.get(name, name) for name in imported(package) - set(FROM_PIP)}
    assert declared(package) == keys | NOT_IMPORTED.get(package.name, set())


def test_what_rosdep_does_not_know_is_in_the_requirements_of_a_ros_install() -> None:
    lines = (REPOSITORY / 'requirements' / 'ros.txt').read_text().splitlines()
    listed = {re.split(r'[<>=]', line)[0] for line in lines if line and not line.startswith('#')}
    used = set().union(*(imported(package) for package in PACKAGES)) & set(FROM_PIP)
    assert listed == {FROM_PIP[name] for name in used} | PIP_ALONE
    assert used == set(FROM_PIP), 'no longer imported'
