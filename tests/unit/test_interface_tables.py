"""The tables of the packages' READMEs name what the nodes have, no more and no less."""

import re
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import domain_coordinator
import pytest
import rclpy
from rclpy.action import get_action_server_names_and_types_by_node
from rclpy.node import Node

from wam_bringup.config import load_rig
from wam_sim.nodes.parameters import ArmParameters, CameraParameters, SimParameters
from wam_sim.nodes.sim import Sim
from wam_sim.rig import SimRig

SOURCES = Path(__file__).resolve().parents[2] / 'src'
NODES = {
    'camera_sync': 'CameraSync',
    'proprioception': 'ProprioceptionNode',
    'policy': 'PolicyNode',
    'arms': 'ArmsNode',
    'executor': 'ExecutorNode',
    'recorder': 'RecorderNode',
    'rollout': 'RolloutNode',
    'teleop': 'TeleopNode',
    'demonstration': 'DemonstrationNode',
}
# Topics and services that rclpy gives every node.
OF_ROS = re.compile(
    r'/rosout|/parameter_events|.*/(describe|get|list|set)_parameter(s|_types|s_atomically)'
    r'|.*/get_type_description'
)
# With these each node has all the topics that it can have.
ARGUMENTS = ['--ros-args', '-p', 'policy:policy:=scripted', '-p', 'recorder:clock:=true']
# (direction, name) -> type, without its package
Interface = dict[tuple[str, str], str]


class Row(NamedTuple):
    """Cells of a table's row, and the names in backticks of the first two."""

    kind: str
    names: list[str]
    cells: list[str]


def rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip('|').split(' | ')]
        if line.startswith('| ') and quoted(cells[0] + cells[1]):
            yield Row(cells[0].strip('`'), quoted(cells[1]), cells)


def quoted(cell: str) -> list[str]:
    return re.findall(r'`([^`]*)`', cell)


def section(package: str, title: str) -> str:
    """The part of a package's README under that heading."""
    parts = re.split(r'^## ', (SOURCES / package / 'README.md').read_text(), flags=re.MULTILINE)
    return next(part for part in parts if part.splitlines()[0] == title)


@pytest.fixture
def ros() -> Iterator[None]:
    with domain_coordinator.domain_id() as domain:
        rclpy.init(args=ARGUMENTS, domain_id=domain)
        yield
        rclpy.shutdown()


def general(name: str) -> str:
    """A name with <follower>, <leader> and <camera> for those of the simulated rig."""
    rig = load_rig('sim')
    groups = {
        'follower': rig.followers.values(),
        'leader': rig.leaders.values(),
        'camera': rig.cameras,
    }
    _, first, *rest = name.split('/')
    for group, members in groups.items():
        if first in members and rest:
            return '/'.join(['', f'<{group}>', *rest])
    return name


def interface(node: Node) -> Interface:
    """What a node talks through."""
    found: Interface = {}
    for direction, things in (('subscribes', node.subscriptions), ('publishes', node.publishers)):
        found |= {(direction, thing.topic_name): thing.msg_type.__name__ for thing in things}
    for direction, things in (('serves', node.services), ('calls', node.clients)):
        found |= {(direction, thing.srv_name): thing.srv_type.__name__ for thing in things}
    own = node.get_name(), node.get_namespace()
    for name, kinds in get_action_server_names_and_types_by_node(node, *own):
        found['serves', name] = kinds[0].rpartition('/')[2]
    return {
        (direction, general(name)): kind
        for (direction, name), kind in found.items()
        if not OF_ROS.fullmatch(name)
    }


def default_and_range(entry: Any, kind: str) -> str:
    """The cell of a parameter: type, default, range."""
    allowed = entry.metadata['rule'].text()
    return f'{kind} `{entry.default!r}`' + ('' if allowed == 'any' else f', {allowed}')


@pytest.mark.parametrize('name', NODES)
def test_the_table_of_a_node_has_its_topics_and_services(ros: None, name: str) -> None:
    node = getattr(import_module(f'wam_nodes.{name}'), NODES[name])()
    written: Interface = {}
    for row in rows(section('wam_nodes', name)):
        if row.kind != 'parameter':
            kinds = quoted(row.cells[2])
            kinds = kinds * len(row.names) if len(kinds) == 1 else kinds
            for topic, kind in zip(row.names, kinds, strict=True):
                for arm in ('<follower>', '<leader>'):
                    written[row.kind, topic.replace('<arm>', arm)] = kind
    try:
        assert written == interface(node)
    finally:
        node.destroy_node()


@pytest.mark.parametrize('name', NODES)
def test_the_table_of_a_node_has_its_parameters(name: str) -> None:
    kind = import_module(f'wam_nodes.{name}').Parameters
    hints = get_type_hints(kind)
    written = {
        row.names[0]: row.cells[2]
        for row in rows(section('wam_nodes', name))
        if row.kind == 'parameter'
    }
    declared = {
        entry.name: default_and_range(entry, hints[entry.name].__name__) for entry in fields(kind)
    }
    assert written == declared


def test_the_table_of_the_simulated_rig_has_its_parameters() -> None:
    written = {row.kind: row.cells[1] for row in rows(section('wam_sim', 'Parameters of /sim'))}
    hints = {
        name: getattr(hint, '__name__', '') for name, hint in get_type_hints(SimParameters).items()
    }
    declared = {
        entry.name: default_and_range(entry, hints[entry.name]) for entry in fields(SimParameters)
    }
    assert written == declared


@pytest.mark.parametrize(
    ('node', 'kind'),
    [('/<camera>/camera', CameraParameters), ('/<arm>/xs_sdk', ArmParameters)],
)
def test_the_table_of_fault_knobs_has_them_all(node: str, kind: Any) -> None:
    written: dict[str, set[str]] = {}
    last = ''
    for row in rows(section('wam_sim', 'Fault knobs')):
        last = row.kind or last
        written.setdefault(last, set()).update(row.names)
    assert written[node] == {entry.name for entry in fields(kind)}


def test_the_tables_of_the_simulated_rig_have_its_topics_and_services(
    ros: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimRig, 'render', lambda *_: None)  # it would need a GL library
    sim = Sim()
    provided = {any_arm(name) for node in sim.nodes for _, name in interface(node)}
    sim.close()
    written = {
        any_arm(name)
        for title in ('Provides', 'Accepts')
        for row in rows(section('wam_sim', title))
        for name in absolute(quoted(row.cells[0]))
    }
    assert written == provided


def any_arm(name: str) -> str:
    return re.sub('<(follower|leader)>', '<arm>', name)


def absolute(names: list[str]) -> list[str]:
    """Names of a cell of which only the first has its namespace written out."""
    return [name if name[0] == '/' else f'{names[0].rsplit("/", 1)[0]}/{name}' for name in names]
