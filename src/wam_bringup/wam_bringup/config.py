"""Finds and reads the files of the top-level config folder; every error lists the valid names."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml
from ament_index_python.packages import get_package_share_directory

from wam_core.errors import WamError
from wam_core.policy import PolicyConfig, parse_policy
from wam_core.rig import RigSpec, parse_rig
from wam_core.task import TaskSpec, parse_task

_POLICY: Final = 'policy.yaml'  # of a policy directory, beside the files that it names


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
    """Names of the files in config/<kind>: kind is rigs, tasks or policies.

    A file in a folder there, <folder>/<name>.yaml, is named <folder>:<name>.
    """
    folder = config_directory() / kind
    return sorted(
        ':'.join(path.relative_to(folder).with_suffix('').parts) for path in folder.rglob('*.yaml')
    )


def find(kind: str, name: str) -> Path:
    """The file that is meant by a name of ``names(kind)``, or by a path.

    A path ends in .yaml, or leads to a directory with a policy.yaml (policies only).
    Raises WamError that lists the names.
    """
    if name in names(kind):
        return (config_directory() / kind).joinpath(*f'{name}.yaml'.split(':'))
    path = Path(name).expanduser().absolute()
    if name.endswith('.yaml'):
        return path
    singular = {'rigs': 'rig', 'tasks': 'task', 'policies': 'policy'}[kind]
    if kind != 'policies':
        allowed = 'a path that ends in .yaml'
    elif name and path.is_dir():
        if (path / _POLICY).is_file():
            return path / _POLICY
        raise WamError(
            f'policy {name!r}: there is no {_POLICY} in {path}; '
            '`./wam policy import SOURCE --out DIR` makes such a directory'
        )
    else:
        allowed = f'a path that ends in .yaml, or a directory with a {_POLICY}'
    raise WamError(f'unknown {singular} {name!r}, expected one of {names(kind)}, or {allowed}')


def reference(kind: str, name: str) -> str:
    """What means the same to a process in another working directory. Raises as ``find`` does."""
    return name if name in names(kind) else str(find(kind, name))


def load_rig(name: str) -> RigSpec:
    """The rig of a name in config/rigs, or of a path that ends in .yaml."""
    path = find('rigs', name)
    return parse_rig(
        path.stem, read_yaml(path), read_yaml(config_directory() / 'grippers.yaml'), str(path)
    )


def load_task(name: str) -> TaskSpec:
    """The task of a name in config/tasks, or of a path that ends in .yaml."""
    path = find('tasks', name)
    return parse_task(path.stem, read_yaml(path), str(path))


def load_policy(name: str, options: str = '') -> PolicyConfig:
    """The policy of a name in config/policies, of a path that ends in .yaml, or of a directory.

    options: YAML mapping that is laid over the file's ``options``, section by section; empty:
    none. Raises WamError for what is unknown or bad.
    """
    path = find('policies', name)
    if name not in names('policies'):
        # Every policy directory has a file of this name: what tells them apart is theirs.
        name = path.parent.name if path.name == _POLICY else path.stem
    config = parse_policy(name, read_yaml(path), str(path), str(path.parent))
    return replace(config, options=_merged(config.options, read_options(options)))


def read_options(text: str) -> Mapping[str, object]:
    """What is laid over a policy file's options, of YAML. Raises WamError for no mapping."""
    try:
        options: Any = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        raise WamError(f'policy options {text!r}: {error}') from error
    if not isinstance(options, dict):
        raise WamError(f'policy options {text!r}, expected a YAML mapping')
    return options


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged
