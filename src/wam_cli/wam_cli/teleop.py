"""``wam teleop``: records demonstrations of a person with leader arms, one after the other."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wam_bringup.config import load_rig, load_task, reference
from wam_bringup.graph import graph
from wam_cli import parking
from wam_cli.episode_command import EpisodeCommand, check, run_episodes
from wam_cli.text_argument import text
from wam_cli.usage import UsageError, usage
from wam_cli.user import user

if TYPE_CHECKING:
    from wam_cli.episode_client import Episode
    from wam_cli.graph_session import GraphSession
    from wam_cli.teleop_client import TeleopClient

_ENTER: Final = ('\r', '\n')
_TASK: Final = 'a name in config/tasks, or the path of a .yaml file'
_RIG: Final = 'a name in config/rigs, or a path (%(default)s)'
_WAITING: Final = 'close both grippers to begin'
_RUNNING: Final = 'hold both grippers wide open to end'


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the command and its arguments."""
    parser.description = (
        'Starts the graph, records demonstrations, and stops the graph. For each the arms go to '
        'the start pose and the leaders to where the arms are. The person resets the scene, takes '
        'the leaders and closes both grippers to begin; holding both wide open ends it. On a '
        'simulated rig a scripted person does that, and seeds are SEED, SEED + 1, ... On a '
        'terminal Enter begins and ends as the grippers do, the space key stops the arms '
        '(latched) and leaves out what was to follow, and on a real rig each demonstration is '
        'then labelled with single keys, recorded again (r) or thrown away (d).'
    )
    parser.epilog = (
        'Exit code 0 for completed demonstrations whatever their outcome, 1 when the graph '
        "failed or a demonstration's recording was lost (a dead recorder, a failed disk), 2 for a "
        'wrong command line.'
    )
    say = parser.add_argument
    say('--task', type=text, required=True, help=_TASK)
    say('--episodes', type=int, default=1, metavar='N', help='how many (%(default)s)')
    say('--seed', type=int, default=0, help='of the first simulated scene (%(default)s)')
    say('--rig', type=text, default='sim', help=_RIG)
    say('--operator', type=text, default=user(), help='who teleoperates (%(default)s)')
    say('--time-limit', type=float, default=0.0, metavar='S', help="s; 0: the task's own")
    say('--root', default='episodes', metavar='DIRECTORY', help='of the recordings (%(default)s)')
    say('--no-record', action='store_true', help='do not record: to practise')
    say('--preview', action='store_true', help='make preview.mp4 of each afterwards')
    say('--parameters', metavar='FILE', help='a parameter file read after config/<node>.yaml')
    say('--attach', action='store_true', help='use the graph that runs already')
    say('--park', choices=parking.CHOICES, default='auto', help=parking.HELP)
    say('--json', action='store_true', help='print one JSON object instead of lines')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Records the demonstrations. Returns the exit code."""
    with usage():
        words = _graph_arguments(arguments)
    from wam_cli.status import Status
    from wam_cli.teleop_client import TeleopClient

    command = EpisodeCommand(
        'teleop',
        words,
        Status(title=_title(arguments, 0), chunks=None, underruns=None),
        TeleopClient,
        partial(_ask, arguments),
        preview=arguments.preview,
    )
    return run_episodes(arguments, command)


def _graph_arguments(arguments: argparse.Namespace) -> list[str]:
    """The command line, checked, as arguments of the graph."""
    check(arguments)
    if arguments.preview and arguments.no_record:
        raise UsageError('--preview: there is nothing to show of what --no-record leaves out')
    arguments.task = reference('tasks', arguments.task)
    task = load_task(arguments.task)
    if load_rig(arguments.rig).simulated and not task.scene:
        raise UsageError(
            f'--task {arguments.task}: has no simulation, rig {arguments.rig!r} is one '
            '(--rig aloha is a real one)'
        )
    given = {
        'rig': arguments.rig,
        'task': arguments.task,
        'root': str(Path(arguments.root).absolute()),
    }
    if arguments.parameters is not None:
        given['parameters'] = str(Path(arguments.parameters).absolute())
    graph('teleop').resolve(given)
    return [*(f'{name}:={value}' for name, value in given.items()), '--park', arguments.park]


def _ask(
    arguments: argparse.Namespace, session: 'GraphSession', client: 'TeleopClient'
) -> 'list[Episode]':
    """Asks for one demonstration after the other, until the space key."""
    from wam_cli.episode_series import run_series
    from wam_cli.teleop_client import Goal

    def press(key: str) -> None:
        if key in _ENTER:
            client.confirm()

    def run(number: int) -> 'Episode':
        session.status.title = _title(arguments, number)
        session.status.phase = 'asking for a demonstration'
        session.press = press
        try:
            return client.run(
                Goal(
                    arguments.task,
                    arguments.seed + number,
                    arguments.operator,
                    arguments.time_limit,
                    not arguments.no_record,
                )
            )
        finally:
            session.press = lambda key: None

    client.hints = _hints(session)
    task = load_task(arguments.task)
    return run_series(session, run, arguments.episodes, task, arguments.operator)


def _hints(session: 'GraphSession') -> dict[str, str]:
    stop = session.status.hint  # of the space key, where there is a terminal
    enter = ', or press Enter' if session.key.present else ''
    hints = {'waiting': f'{_WAITING}{enter}', 'running': f'{_RUNNING}{enter}'}
    for phase in ('resetting', 'aligning', 'waiting', 'running', 'closing'):
        hints[phase] = '; '.join(text for text in (hints.get(phase, ''), stop) if text)
    return hints


def _title(arguments: argparse.Namespace, number: int) -> str:
    return f'demonstration {number + 1}/{arguments.episodes}, seed {arguments.seed + number}'
