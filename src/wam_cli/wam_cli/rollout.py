"""``wam rollout``: runs episodes of a policy, each recorded, with its outcome."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wam_bringup.config import load_policy, load_rig, load_task, reference
from wam_bringup.graph import graph
from wam_cli import parking
from wam_cli.episode_command import EpisodeCommand, check, run_episodes
from wam_cli.text_argument import text
from wam_cli.usage import UsageError, usage
from wam_cli.user import user
from wam_core.executor_config import MODES

if TYPE_CHECKING:
    from wam_cli.episode_client import Episode
    from wam_cli.graph_session import GraphSession
    from wam_cli.rollout_client import RolloutClient

_ENTER: Final = ('\r', '\n')
_TASK: Final = 'a name in config/tasks, or the path of a .yaml file'
_POLICY: Final = 'a name in config/policies, a path of a .yaml file, or a policy directory'
_OPTIONS: Final = "over the policy file's `options`, e.g. '{planning: {candidates: 4}}'"
_RIG: Final = 'a name in config/rigs, or a path (%(default)s)'
_TELEOP: Final = 'with leaders, for a person who takes over (keys t and p of `wam operator`)'


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the command and its arguments."""
    parser.description = (
        'Starts the graph, runs episodes with seeds SEED, SEED + 1, ..., and stops the graph. '
        'The last line says how the last episode ended. On a terminal the space key stops the '
        'arms (latched), which ends the episode and leaves out those that were to follow.'
    )
    parser.epilog = (
        'Exit code 0 for completed episodes whatever their outcome, 1 when the graph failed or '
        "an episode's recording was lost (a dead recorder, a failed disk), 2 for a wrong command "
        'line.'
    )
    say = parser.add_argument
    say('--task', type=text, required=True, help=_TASK)
    say('--policy', type=text, default='scripted', help=f'{_POLICY} (%(default)s)')
    say('--policy-options', type=text, default='', metavar='YAML', help=_OPTIONS)
    say('--episodes', type=int, default=1, metavar='N', help='how many (%(default)s)')
    say('--seed', type=int, default=0, help='of the first simulated scene (%(default)s)')
    say('--rig', type=text, default='sim', help=_RIG)
    say('--mode', choices=MODES, default='async', help='execution (%(default)s)')
    say('--time-limit', type=float, default=0.0, metavar='S', help="s; 0: the task's own")
    say('--root', default='episodes', metavar='DIRECTORY', help='of the recordings (%(default)s)')
    say('--operator', type=text, default=user(), help='who supervises (%(default)s)')
    say('--no-record', action='store_true', help='do not record')
    say('--no-preview', action='store_true', help='do not make preview.mp4')
    say('--episode', metavar='DIRECTORY', help='the recording that policy `replay` repeats')
    say('--parameters', metavar='FILE', help='a parameter file read after config/<node>.yaml')
    say('--attach', action='store_true', help='use the graph that runs already')
    say('--teleop', action='store_true', help=_TELEOP)
    say('--park', choices=parking.CHOICES, default='auto', help=parking.HELP)
    say('--json', action='store_true', help='print one JSON object instead of lines')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the episodes. Returns the exit code."""
    with usage():
        words = _graph_arguments(arguments)
    from wam_cli.rollout_client import RolloutClient
    from wam_cli.status import Status

    command = EpisodeCommand(
        'rollout',
        words,
        Status(title=_title(arguments, 0)),
        RolloutClient,
        partial(_ask, arguments),
        preview=not arguments.no_preview,
    )
    return run_episodes(arguments, command)


def _graph_arguments(arguments: argparse.Namespace) -> list[str]:
    """The command line, checked, as arguments of the graph."""
    check(arguments)
    if arguments.attach and arguments.teleop:
        raise UsageError('--teleop: a graph that is attached to has leaders, or has none')
    arguments.task = reference('tasks', arguments.task)
    arguments.policy = reference('policies', arguments.policy)
    load_task(arguments.task)
    options = _policy_options(arguments)
    load_policy(arguments.policy, options)
    given = {
        'rig': arguments.rig,
        'task': arguments.task,
        'policy': arguments.policy,
        'mode': arguments.mode,
        'root': str(Path(arguments.root).absolute()),
    }
    if options:
        given['policy_options'] = options
    if arguments.teleop:
        given['teleop'] = 'yes'
    if arguments.parameters is not None:
        given['parameters'] = str(Path(arguments.parameters).absolute())
    graph('rollout').resolve(given)
    return [*(f'{name}:={value}' for name, value in given.items()), '--park', arguments.park]


def _policy_options(arguments: argparse.Namespace) -> str:
    """What is laid over the policy file's options, as YAML; empty: nothing."""
    if (arguments.episode is not None) != (arguments.policy == 'replay'):
        raise UsageError('--episode DIRECTORY and --policy replay belong together')
    if arguments.attach and arguments.policy_options:
        raise UsageError('--policy-options: a graph that is attached to has loaded its policy')
    if arguments.episode is None:
        return str(arguments.policy_options)
    if arguments.policy_options:
        raise UsageError('--policy-options: policy `replay` has none but --episode')
    episode = Path(arguments.episode).absolute()
    if not (episode / 'episode.json').is_file():
        raise UsageError(f'--episode {arguments.episode}: no episode.json there')
    return json.dumps({'episode': str(episode)})


def _ask(
    arguments: argparse.Namespace, session: 'GraphSession', client: 'RolloutClient'
) -> 'list[Episode]':
    """Runs one episode after the other, until the space key."""
    from wam_cli.episode_series import run_series
    from wam_cli.rollout_client import Goal

    def run(number: int) -> 'Episode':
        session.status.title = _title(arguments, number)
        session.status.phase = 'asking for a rollout'
        goal = Goal(
            arguments.task,
            arguments.policy,
            arguments.seed + number,
            arguments.mode,
            arguments.time_limit,
            not arguments.no_record,
            arguments.operator,
        )
        return client.run(goal)

    # On a simulated rig the truth about the task ends it, and a stray key must not.
    if session.key.present and not load_rig(arguments.rig).simulated:
        session.press = lambda key: client.end() if key in _ENTER else None
        session.status.hint = f'Enter: end the episode, {session.status.hint}'
    task = load_task(arguments.task)
    return run_series(session, run, arguments.episodes, task, arguments.operator)


def _title(arguments: argparse.Namespace, number: int) -> str:
    return f'episode {number + 1}/{arguments.episodes}, seed {arguments.seed + number}'
