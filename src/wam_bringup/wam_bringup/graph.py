"""What runs: the nodes of each graph, for both launchers, ``ros2 launch`` and ``wam up``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wam_bringup.config import config_directory, load_rig
from wam_bringup.node_spec import Argument, NodeSpec, Value
from wam_core import executor_config
from wam_core.errors import WamError


@dataclass(frozen=True)
class Graph:
    """nodes: from the checked arguments to the nodes, in the order in which they are started.

    They are stopped in the opposite order: who commands first, the rig last.
    """

    name: str
    description: str
    arguments: tuple[Argument, ...]
    nodes: Callable[[Mapping[str, str]], list[NodeSpec]]

    def resolve(self, given: Mapping[str, str]) -> list[NodeSpec]:
        """The nodes for these arguments, defaults filled in. Raises WamError for a bad one."""
        known = {argument.name: argument for argument in self.arguments}
        for name in given:
            if name not in known:
                raise WamError(f'{self.name} has no argument {name!r}, expected one of {[*known]}')
        return self.nodes(
            {name: item.check(given.get(name, item.default)) for name, item in known.items()}
        )


def graph(name: str) -> Graph:
    """The graph of that name. Raises WamError that lists the names."""
    if name not in GRAPHS:
        raise WamError(f'unknown graph {name!r}, expected one of {[*GRAPHS]}')
    return GRAPHS[name]


def parse_arguments(words: Sequence[str]) -> dict[str, str]:
    """``name:=value`` words as a mapping. Raises WamError for anything else."""
    given = {}
    for word in words:
        name, separator, value = word.partition(':=')
        if not separator or not name:
            raise WamError(f'{word!r} is not an argument, expected name:=value')
        given[name] = value
    return given


RATES: Final = ('25', '50', '100')
RIG = Argument('rig', 'sim', 'the rig', folder='rigs')
TASK = Argument(
    'task', 'transfer_cube', 'the task whose scene the simulated rig shows first', folder='tasks'
)
POLICY = Argument('policy', 'scripted', 'the policy', folder='policies')
OPTIONS = Argument(
    'policy_options', '', "YAML mapping over the policy file's `options`, e.g. {episode: /data/e1}"
)
MODE = Argument(
    'mode',
    'async',
    'how chunks are executed when a run names no mode',
    executor_config.MODES,
)
ROOT = Argument('root', 'episodes', 'directory that episodes are recorded in')
MODES = Argument(
    'modes',
    'interbotix',
    'operating modes that the followers start in: as scripts for interbotix_xs_modules expect, '
    'or as the executor does',
    ('interbotix', 'aloha'),
)
TELEOP = Argument(
    'teleop', 'no', 'whether a person with leaders can take over from the policy', ('no', 'yes')
)
PERSON = Argument(
    'person',
    'scripted',
    "who moves a simulated rig's leaders; nobody: whoever publishes on /<leader>/hand",
    ('scripted', 'nobody'),
)
COMMAND_RATE = Argument(
    'command_rate_hz', '50', 'commands to the arms per second; 50 is what ALOHA records', RATES
)
PARAMETERS = Argument('parameters', '', 'a parameter file that is read after config/<node>.yaml')


# Where processors are short, simulated time waits for the nodes that run on it, and pictures wait
# to be recorded until the control loop is served.
_RIG_NICE: Final = 10
_RECORDER_NICE: Final = 5


def _sim_nodes(arguments: Mapping[str, str]) -> list[NodeSpec]:
    if not load_rig(arguments['rig']).simulated:
        raise WamError(
            f'rig:={arguments["rig"]} is a real one (`simulated: false` in its file): '
            'its own drivers bring it up'
        )
    parameters: dict[str, Value] = {
        'rig': arguments['rig'],
        'task': arguments['task'],
        'modes': arguments.get('modes', 'aloha'),
    }
    files = _files('sim', arguments)
    return [NodeSpec('sim', 'wam_sim', 'sim', files, parameters, nice=_RIG_NICE)]


def _rollout_nodes(arguments: Mapping[str, str]) -> list[NodeSpec]:
    rig, policy = arguments['rig'], arguments['policy']
    node = _maker(arguments)
    return [
        *_rig_nodes(arguments),
        node('camera_sync', rig=rig, policy=policy, respawn=True),
        node('proprioception', rig=rig, respawn=True),
        node('policy', rig=rig, policy=policy, options=arguments['policy_options'], respawn=True),
        *(_leader_nodes(arguments) if arguments['teleop'] == 'yes' else ()),
        *_episode_nodes(arguments),
        # Whoever restarts the executor or the rollout looks at the arms first.
        node('executor', rig=rig, mode=arguments['mode']),
        node('rollout', rig=rig),
    ]


def _teleop_nodes(arguments: Mapping[str, str]) -> list[NodeSpec]:
    rig = arguments['rig']
    node = _maker(arguments)
    return [
        *_rig_nodes(arguments),
        node('camera_sync', rig=rig, policy='', respawn=True),
        node('proprioception', rig=rig, respawn=True),
        *_leader_nodes(arguments),
        *_episode_nodes(arguments),
        node('executor', rig=rig, command_rate_hz=float(arguments['command_rate_hz'])),
        node('demonstration', rig=rig),
    ]


def _maker(arguments: Mapping[str, str]) -> Callable[..., NodeSpec]:
    """What makes the specification of a node of wam_nodes, or of another package."""
    simulated = load_rig(arguments['rig']).simulated

    def node(
        name: str,
        *,
        package: str = 'wam_nodes',
        respawn: bool = False,
        nice: int = 0,
        **parameters: Value,
    ) -> NodeSpec:
        return NodeSpec(
            name,
            package,
            name,
            _files(name, arguments),
            parameters,
            use_sim_time=simulated,
            respawn=respawn,
            nice=nice,
        )

    return node


def _rig_nodes(arguments: Mapping[str, str]) -> list[NodeSpec]:
    return _sim_nodes(arguments) if load_rig(arguments['rig']).simulated else []


def _leader_nodes(arguments: Mapping[str, str]) -> list[NodeSpec]:
    """The leaders and, on a simulated rig, who moves them."""
    rig = load_rig(arguments['rig'])
    rig.leader_calibration  # noqa: B018  # raises now, and not in a node
    node = _maker(arguments)
    nodes = [node('teleop', rig=arguments['rig'], respawn=True)]
    if rig.simulated and arguments['person'] == 'scripted':
        nodes.append(node('person', package='wam_sim', rig=arguments['rig'], respawn=True))
    return nodes


def _episode_nodes(arguments: Mapping[str, str]) -> list[NodeSpec]:
    node = _maker(arguments)
    root = str(Path(arguments['root']).absolute())
    return [
        node('recorder', rig=arguments['rig'], root=root, respawn=True, nice=_RECORDER_NICE),
        node('arms', rig=arguments['rig'], respawn=True),
    ]


def _files(node: str, arguments: Mapping[str, str]) -> tuple[str, ...]:
    own = str(config_directory() / f'{node}.yaml')
    extra = arguments['parameters']
    if extra and not Path(extra).is_file():
        raise WamError(f'parameters:={extra}: no such file')
    return (own, str(Path(extra).absolute())) if extra else (own,)


GRAPHS = {
    'sim': Graph('sim', 'the simulated rig alone', (RIG, TASK, MODES, PARAMETERS), _sim_nodes),
    'rollout': Graph(
        'rollout',
        'a policy on the rig: everything that an episode needs',
        (RIG, POLICY, OPTIONS, MODE, ROOT, TASK, TELEOP, PERSON, PARAMETERS),
        _rollout_nodes,
    ),
    'teleop': Graph(
        'teleop',
        'a person on the rig: everything that demonstrations need',
        (RIG, ROOT, TASK, COMMAND_RATE, PERSON, PARAMETERS),
        _teleop_nodes,
    ),
}
