"""The rules that keep the parts apart, and the habits that are counted."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CORE, BRINGUP = 'wam_core', 'wam_bringup'
MIDDLE = {'wam_policy', 'wam_sim', 'wam_data'}
MAY_IMPORT = {
    CORE: set(),
    BRINGUP: {CORE},
    **{name: {CORE, BRINGUP} for name in sorted(MIDDLE)},
    'wam_nodes': {CORE, BRINGUP} | MIDDLE,
    'wam_cli': {CORE, BRINGUP} | MIDDLE,
}
# Package or folder of the few files that may import it.
ONLY_IN = {
    'rclpy': (
        'wam_nodes/',
        'wam_sim/nodes/',
        'wam_cli/episode_client.py',
        'wam_cli/executor_client.py',
        'wam_cli/benches/',
    ),
    'torch': ('wam_policy/',),
    'mujoco': ('wam_sim/',),
    'launch': ('wam_bringup/launch_description.py',),
    'circus': ('wam_cli/supervisor.py', 'wam_cli/node_log.py'),
}
PURE = {'io', 'time', 'datetime', 'threading', 'asyncio', 'socket', 'subprocess', 'random'}
LINES_OF_FILE, LINES_OF_FUNCTION = 300, 40
# module, dataclass, file in config/, section in it
PARAMETERS = [
    *(
        (f'wam_nodes.{node}', 'Parameters', node, node)
        for node in (
            'camera_sync',
            'proprioception',
            'policy',
            'arms',
            'executor',
            'recorder',
            'rollout',
            'teleop',
            'demonstration',
        )
    ),
    ('wam_sim.nodes.parameters', 'SimParameters', 'sim', '/sim'),
    ('wam_sim.nodes.parameters', 'CameraParameters', 'sim', '/*/camera'),
    ('wam_sim.nodes.parameters', 'ArmParameters', 'sim', '/*/xs_sdk'),
    ('wam_sim.nodes.person', 'Parameters', 'person', 'person'),
]


def sources(package: str = 'wam_*') -> list[Path]:
    return sorted(REPOSITORY.glob(f'src/{package}/{package}/**/*.py'))


def place(path: Path) -> str:
    """Of a source file, from its package on."""
    return '/'.join(path.relative_to(REPOSITORY / 'src').parts[1:])


def imports(path: Path) -> Iterator[str]:
    """Top-level names that the file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            yield (node.module or '').split('.')[0]


def test_all_packages_are_found() -> None:
    assert {place(path).split('/')[0] for path in sources()} == set(MAY_IMPORT)


@pytest.mark.parametrize('package', MAY_IMPORT)
def test_packages_import_only_what_is_below_them(package: str) -> None:
    for path in sources(package):
        first_party = set(imports(path)) & set(MAY_IMPORT)
        assert first_party <= MAY_IMPORT[package] | {package}, path


@pytest.mark.parametrize('library', ONLY_IN)
def test_libraries_stay_in_their_place(library: str) -> None:
    users = [place(path) for path in sources() if library in imports(path)]
    assert all(user.startswith(ONLY_IN[library]) for user in users), users


def test_the_core_is_pure() -> None:
    for path in sources(CORE):
        assert not PURE & set(imports(path)), path


def test_no_print_outside_the_command_line_and_no_broad_except() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id == 'print':
                assert place(path).startswith('wam_cli/'), f'{path}:{node.lineno}'
            if isinstance(node, ast.ExceptHandler):
                name = node.type.id if isinstance(node.type, ast.Name) else ''
                broad = node.type is None or name in ('Exception', 'BaseException')
                assert not broad, f'{path}:{node.lineno}'


def test_files_and_functions_are_short() -> None:
    for path in [*sources(), *REPOSITORY.glob('scripts/*.py'), *REPOSITORY.glob('launch/*.py')]:
        text = path.read_text()
        assert len(text.splitlines()) <= LINES_OF_FILE, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert body_lines(node) <= LINES_OF_FUNCTION, f'{path}: {node.name}'


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, without the docstring."""
    lines = (node.end_lineno or 0) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines


@pytest.mark.parametrize(
    'path', sorted(REPOSITORY.glob('msg/**/*.*')), ids=lambda path: str(path.name)
)
def test_every_message_field_says_what_it_is(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith('# '), 'the first line says from whom to whom'
    for line in lines:
        if line.strip() not in ('', '---') and not line.startswith('#') and '=' not in line:
            assert len(line.partition('#')[2].strip()) >= 5, line


@pytest.mark.parametrize(('module', 'name', 'file', 'section'), PARAMETERS)
def test_every_parameter_is_in_the_file_of_its_node_and_declared(
    module: str, name: str, file: str, section: str
) -> None:
    contents = yaml.safe_load((REPOSITORY / 'config' / f'{file}.yaml').read_text())
    written = contents[section]['ros__parameters']
    declared = {entry.name: entry for entry in fields(getattr(import_module(module), name))}
    assert written.keys() <= declared.keys()
    # An empty list in a parameter file has no type for ROS, so that it can't be written there.
    assert declared.keys() - written.keys() <= {
        key for key, entry in declared.items() if entry.default == ()
    }


def test_every_node_has_a_parameter_file_of_its_name() -> None:
    files = {path.stem for path in (REPOSITORY / 'config').glob('*.yaml')}
    assert files == {file for _, _, file, _ in PARAMETERS} | {'grippers'}
