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
    simulated = load_rig(rig).simulated

    def node(name: str, *, respawn: bool = False, nice: int = 0, **parameters: Value) -> NodeSpec:
        return NodeSpec(
            name,
            'wam_nodes',
            name,
            _files(name, arguments),
            parameters,
            use_sim_time=simulated,
            respawn=respawn,
            nice=nice,
        )

    return [
        *(_sim_nodes(arguments) if simulated else ()),
        node('camera_sync', rig=rig, policy=policy, respawn=True),
        node('proprioception', rig=rig, respawn=True),
        node('policy', rig=rig, policy=policy, options=arguments['policy_options'], respawn=True),
        node(
            'recorder',
            rig=rig,
            root=str(Path(arguments['root']).absolute()),
            respawn=True,
            nice=_RECORDER_NICE,
        ),
        node('arms', rig=rig, respawn=True),
        # Whoever restarts the executor or the rollout looks at the arms first.
        node('executor', rig=rig, mode=arguments['mode']),
        node('rollout', rig=rig),
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
        (RIG, POLICY, OPTIONS, MODE, ROOT, TASK, PARAMETERS),
        _rollout_nodes,
    ),
}
