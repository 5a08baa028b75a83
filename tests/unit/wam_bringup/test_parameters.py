"""Parameters on a real rclpy node: accepted, refused, and changed while it runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import domain_coordinator
import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_core.options import parameter


@dataclass(frozen=True)
class Knobs:
    rate_hz: float = parameter(25.0, 'control rate', unit='Hz', lower=1.0, upper=200.0)
    depth: int = parameter(4, 'frames kept', lower=1)
    mode: str = parameter('async', 'execution mode', allowed=('sync', 'async'))
    record: bool = parameter(True, 'whether to record')
    gains: tuple[float, ...] = parameter((1.0, 2.0), 'of each arm', lower=0.0)
    names: tuple[str, ...] = parameter((), 'of the cameras')
    delay_s: float = parameter(0.0, 'added latency', unit='s', upper=2.0, dynamic=True)


MakeNode = Callable[..., Node]


@pytest.fixture
def make_node() -> Iterator[MakeNode]:
    """Makes a node from command-line arguments, in a domain of its own."""
    contexts: list[Context] = []
    nodes: list[Node] = []
    with domain_coordinator.domain_id() as domain:

        def make(*arguments: str, **overrides: object) -> Node:
            context = Context()
            rclpy.init(context=context, domain_id=domain)
            contexts.append(context)
            node = Node(
                'knobs',
                context=context,
                cli_args=['--ros-args', *arguments] if arguments else None,
                parameter_overrides=[
                    Parameter(key, value=value) for key, value in overrides.items()
                ],
            )
            nodes.append(node)
            return node

        yield make
        for node in nodes:
            node.destroy_node()
        for context in contexts:
            context.try_shutdown()


def write(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding='utf-8')
    return ['--params-file', str(path)]


def test_defaults_are_declared_with_their_description(make_node: MakeNode) -> None:
    node = make_node()
    assert declare(node, Knobs) == Knobs()
    assert node.get_parameter('gains').value == [1.0, 2.0]
    descriptor = node.describe_parameter('rate_hz')
    assert descriptor.description == 'control rate [Hz]'
    assert descriptor.floating_point_range[0].to_value == 200.0
    assert descriptor.read_only
    assert not node.describe_parameter('delay_s').read_only


def test_a_file_overrides_and_whole_numbers_stand_for_floats(
    make_node: MakeNode, tmp_path: Path
) -> None:
    arguments = write(
        tmp_path / 'knobs.yaml',
        'knobs:\n'
        '  ros__parameters: {rate_hz: 30, gains: [3, 4], names: [a, b], use_sim_time: true}\n',
    )
    knobs = declare(make_node(*arguments), Knobs, arguments=arguments)
    assert knobs.rate_hz == 30.0
    assert isinstance(knobs.rate_hz, float)
    assert knobs.gains == (3.0, 4.0)
    assert knobs.names == ('a', 'b')


@pytest.mark.parametrize(
    ('line', 'parts'),
    [
        ('rate_hz: 500.0', ["'rate_hz' = 500.0", '1 to 200 Hz']),
        ('rate_hz: .nan', ["'rate_hz' = nan", '1 to 200 Hz']),
        ('rate_hz: true', ["'rate_hz' = True", 'a number']),
        ('depth: 0', ["'depth' = 0", 'at least 1']),
        ('depth: 2.5', ["'depth' = 2.5", 'a whole number']),
        ('mode: rtc', ["'mode' = 'rtc'", "['sync', 'async']"]),
        ('record: 1', ["'record' = 1", 'true or false']),
        ('gains: [1.0, -1.0]', ["'gains' = -1.0", 'at least 0']),
        ('names: front', ["'names' = 'front'", 'a list']),
        ('rate: 25.0', ["unknown parameter 'rate' = 25.0", "'rate_hz'"]),
        ('camera: {depth: 3}', ["unknown parameter 'camera.depth' = 3", "'depth'"]),
    ],
)
@pytest.mark.parametrize('section', ['knobs', '/knobs', '/**', '/*'])
def test_a_bad_key_names_key_value_range_and_file(
    make_node: MakeNode, tmp_path: Path, section: str, line: str, parts: list[str]
) -> None:
    path = tmp_path / 'launch_params_x1y2'
    arguments = write(path, f'{section}:\n  ros__parameters:\n    {line}\n')
    with pytest.raises(WamError) as refusal:
        declare(make_node(*arguments), Knobs, arguments=arguments)
    for part in ['/knobs: ', str(path), *parts]:
        assert part in str(refusal.value)


def test_the_last_file_that_sets_the_key_is_named(make_node: MakeNode, tmp_path: Path) -> None:
    first = write(tmp_path / 'a.yaml', '/**:\n  ros__parameters: {depth: 5}\n')
    second = write(tmp_path / 'b.yaml', 'knobs:\n  ros__parameters: {depth: -5}\n')
    third = write(tmp_path / 'c.yaml', 'other:\n  ros__parameters: {depth: 6}\n')
    arguments = [*first, *second, *third]
    with pytest.raises(WamError, match=r'-5 \(.*b\.yaml\)'):
        declare(make_node(*arguments), Knobs, arguments=arguments)


def test_a_bad_value_that_is_in_no_file_says_so(make_node: MakeNode) -> None:
    with pytest.raises(WamError, match='on the command line'):
        declare(make_node('-p', 'depth:=0'), Knobs)


def test_a_dynamic_parameter_changes_and_its_range_holds(make_node: MakeNode) -> None:
    seen: list[Knobs] = []
    node = make_node()
    declare(node, Knobs, seen.append)
    refused, accepted = node.set_parameters(
        [Parameter('delay_s', value=3.0), Parameter('delay_s', value=0.5)]
    )
    assert not refused.successful
    assert accepted.successful
    assert [knobs.delay_s for knobs in seen] == [0.5]
    assert node.get_parameter('delay_s').value == 0.5


def test_other_parameters_are_read_only(make_node: MakeNode) -> None:
    seen: list[Knobs] = []
    node = make_node()
    declare(node, Knobs, seen.append)
    (result,) = node.set_parameters([Parameter('depth', value=9)])
    assert not result.successful
    assert node.get_parameter('depth').value == 4
    assert seen == []


def test_a_wrong_type_is_refused_while_running(make_node: MakeNode) -> None:
    seen: list[Knobs] = []
    node = make_node()
    declare(node, Knobs, seen.append)
    (result,) = node.set_parameters([Parameter('delay_s', value='soon')])
    assert not result.successful
    assert seen == []
