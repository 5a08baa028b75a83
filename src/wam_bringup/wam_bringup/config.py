"""Finds and reads the files of the top-level config folder; every error lists the valid names."""

from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory

from wam_core.errors import WamError
from wam_core.policy import PolicyConfig, parse_policy
from wam_core.rig import RigSpec, parse_rig
from wam_core.task import TaskSpec, parse_task


def config_directory() -> Path:
    """The installed config folder."""
    return Path(get_package_share_directory('wam_bringup')) / 'config'


def read_yaml(path: Path) -> object:
    """The contents of a YAML file. Raises WamError naming the file and the place of a fault."""
    try:
        return yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WamError(f'{path}: cannot be read: {error}') from error


def names(kind: str) -> list[str]:
    """Names of the files in config/<kind>: kind is rigs, tasks or policies."""
    return sorted(path.stem for path in (config_directory() / kind).glob('*.yaml'))


def load_rig(name: str) -> RigSpec:
    """The rig of config/rigs/<name>.yaml, or of a path that ends in .yaml."""
    path = _find('rigs', name)
    return parse_rig(
        path.stem, read_yaml(path), read_yaml(config_directory() / 'grippers.yaml'), str(path)
    )


def load_task(name: str) -> TaskSpec:
    """The task of config/tasks/<name>.yaml, or of a path that ends in .yaml."""
    path = _find('tasks', name)
    return parse_task(path.stem, read_yaml(path), str(path))


def load_policy(name: str) -> PolicyConfig:
    """The policy of config/policies/<name>.yaml, or of a path that ends in .yaml."""
    path = _find('policies', name)
    return parse_policy(path.stem, read_yaml(path), str(path))


def _find(kind: str, name: str) -> Path:
    if name.endswith('.yaml'):
        return Path(name)
    if name not in names(kind):
        singular = {'rigs': 'rig', 'tasks': 'task', 'policies': 'policy'}[kind]
        raise WamError(f'unknown {singular} {name!r}, expected one of {names(kind)}')
    return config_directory() / kind / f'{name}.yaml'
