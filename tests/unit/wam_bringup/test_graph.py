"""The node lists: what runs for which arguments, and what is refused."""

from pathlib import Path

import pytest
import yaml

from wam_bringup.config import config_directory
from wam_bringup.graph import GRAPHS, graph, parse_arguments
from wam_bringup.node_spec import NodeSpec
from wam_core.errors import WamError

ROLLOUT = [
    'sim',
    'camera_sync',
    'proprioception',
    'policy',
    'recorder',
    'arms',
    'executor',
    'rollout',
]


TELEOP = [
    'sim',
    'camera_sync',
    'proprioception',
    'teleop',
    'person',
    'recorder',
    'arms',
    'executor',
    'demonstration',
]


def names(specs: list[NodeSpec]) -> list[str]:
    return [spec.name for spec in specs]


def test_rig_starts_first_and_who_commands_last() -> None:
    assert names(graph('rollout').resolve({})) == ROLLOUT
    assert names(graph('teleop').resolve({})) == TELEOP
    assert names(graph('sim').resolve({})) == ['sim']


def test_a_real_rig_is_not_simulated() -> None:
    specs = graph('rollout').resolve({'rig': 'aloha'})
    assert names(specs) == ROLLOUT[1:]
    assert not any(spec.use_sim_time for spec in specs)
    with pytest.raises(WamError, match='rig:=aloha is a real one'):
        graph('sim').resolve({'rig': 'aloha'})


def test_each_graph_starts_the_followers_in_the_modes_that_its_users_expect() -> None:
    (alone,) = graph('sim').resolve({})
    assert alone.parameters['modes'] == 'interbotix'
    assert graph('rollout').resolve({})[0].parameters['modes'] == 'aloha'


def test_the_rig_and_the_recorder_step_back_for_the_control_loop() -> None:
    yielding = {spec.name for spec in graph('rollout').resolve({}) if spec.prefix}
    assert yielding == {'sim', 'recorder'}


def test_a_person_leads_a_real_rig_and_a_script_a_simulated_one() -> None:
    real = graph('teleop').resolve({'rig': 'aloha'})
    assert names(real) == [name for name in TELEOP if name not in ('sim', 'person')]
    assert 'person' not in names(graph('teleop').resolve({'person': 'nobody'}))


def test_demonstrations_are_made_at_50_hz_with_every_camera_of_the_rig() -> None:
    specs = {spec.name: spec for spec in graph('teleop').resolve({})}
    assert specs['executor'].parameters['command_rate_hz'] == 50.0
    assert specs['camera_sync'].parameters['policy'] == ''
    assert specs['person'].package == 'wam_sim'


def test_a_rollout_has_leaders_for_who_may_take_over_where_that_is_wanted() -> None:
    specs = graph('rollout').resolve({'teleop': 'yes'})
    assert names(specs) == [*ROLLOUT[:4], 'teleop', 'person', *ROLLOUT[4:]]
    assert 'person' not in names(graph('rollout').resolve({'teleop': 'yes', 'rig': 'aloha'}))


def test_a_simulated_rig_owns_the_time() -> None:
    timed = [spec.name for spec in graph('rollout').resolve({}) if spec.use_sim_time]
    assert timed == ROLLOUT[1:]


@pytest.mark.parametrize('name', GRAPHS)
def test_each_node_reads_the_file_of_its_name(name: str) -> None:
    for spec in graph(name).resolve({}):
        assert spec.parameter_files == (str(config_directory() / f'{spec.name}.yaml'),)
        assert Path(spec.parameter_files[0]).is_file()


def test_arguments_reach_the_nodes(tmp_path: Path) -> None:
    given = {'policy': 'hold', 'mode': 'sync', 'root': str(tmp_path), 'policy_options': '{a: 1}'}
    specs = {spec.name: spec for spec in graph('rollout').resolve(given)}
    assert specs['policy'].parameters['policy'] == 'hold'
    assert specs['policy'].parameters['options'] == '{a: 1}'
    assert specs['camera_sync'].parameters['policy'] == 'hold'
    assert specs['executor'].parameters['mode'] == 'sync'
    assert specs['recorder'].parameters['root'] == str(tmp_path)


def test_a_policy_directory_reaches_the_nodes_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'policy.yaml').touch()
    monkeypatch.chdir(tmp_path)
    specs = {spec.name: spec for spec in graph('rollout').resolve({'policy': 'mine'})}
    for name in ('policy', 'camera_sync'):
        assert specs[name].parameters['policy'] == str(tmp_path / 'mine' / 'policy.yaml')


def test_every_node_that_knows_a_rig_gets_the_same_one() -> None:
    for spec in graph('rollout').resolve({'rig': 'sim'}):
        assert spec.parameters['rig'] == 'sim'


def test_an_extra_parameter_file_comes_last(tmp_path: Path) -> None:
    extra = tmp_path / 'extra.yaml'
    extra.write_text('{}')
    for spec in graph('rollout').resolve({'parameters': str(extra)}):
        assert spec.parameter_files[-1] == str(extra)


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({'rig': 'alhoa'}, "['aloha', 'sim']"),
        ({'policy': 'cosmo'}, "'scripted:clumsy'], or a path that ends in .yaml, or a dir"),
        ({'task': 'fold'}, "'transfer_cube'], or a path that ends in .yaml"),
        ({'mode': 'fast'}, "('sync', 'async', 'rtc')"),
        ({'tsak': 'x'}, "'rig', 'policy'"),
        ({'parameters': '/nowhere.yaml'}, '/nowhere.yaml'),
        ({'rig': '/nowhere.yaml'}, '/nowhere.yaml'),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(
    given: dict[str, str], expected: str
) -> None:
    with pytest.raises(WamError) as error:
        graph('rollout').resolve(given)
    assert expected in str(error.value)


def test_an_unknown_graph_is_refused() -> None:
    with pytest.raises(WamError, match=r"'teleport'.*\['sim', 'rollout', 'teleop'\]"):
        graph('teleport')


def test_words_become_arguments() -> None:
    assert parse_arguments(['a:=1', 'b:=c:=d', 'e:=']) == {'a': '1', 'b': 'c:=d', 'e': ''}
    for word in ('a', 'a=1', ':=1'):
        with pytest.raises(WamError, match='name:=value'):
            parse_arguments([word])


def test_values_keep_their_type_on_the_command_line() -> None:
    spec = NodeSpec(
        'n', 'p', 'e', ('a.yaml',), {'x': '0', 'y': 'it: "1"', 'z': True, 'r': 0.5}, {'/a': '/b'}
    )
    words = spec.ros_arguments()
    assert words[:2] == ['--params-file', 'a.yaml']
    assert words[-2:] == ['-r', '/a:=/b']
    values = dict(word.removeprefix('n:').split(':=', 1) for word in words[3:-2:2])
    read = {key: yaml.safe_load(value) for key, value in values.items()}
    assert read == spec.parameters


@pytest.mark.parametrize('name', GRAPHS)
def test_every_argument_is_documented_and_its_default_is_allowed(name: str) -> None:
    for argument in GRAPHS[name].arguments:
        assert len(argument.text()) > 5
        assert argument.check(argument.default) == argument.default


def test_each_graph_has_a_launch_file() -> None:
    launch = config_directory().parent / 'launch'
    assert {path.name for path in launch.iterdir() if path.suffix == '.py'} == {
        f'{name}.launch.py' for name in GRAPHS
    }
