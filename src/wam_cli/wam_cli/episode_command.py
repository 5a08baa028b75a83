"""What the commands that run episodes have in common: `wam rollout` and `wam teleop`."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TextIO, TypeVar

from wam_cli import dead_segments
from wam_cli.interruption import Interruption
from wam_cli.usage import UsageError

if TYPE_CHECKING:
    from wam_cli.episode_client import Episode, EpisodeClient
    from wam_cli.graph_session import GraphSession
    from wam_cli.status import Status

Client = TypeVar('Client', bound='EpisodeClient')

_READY_S: Final = 120.0  # for the graph to offer the action
_ATTACH_S: Final = 10.0  # to discover a graph that should run already
_SEEDS: Final = 2**32  # that simulated scenes are drawn from


def check(arguments: argparse.Namespace) -> None:
    """Refuses what no command line may say. Raises UsageError."""
    if arguments.episodes < 1:
        raise UsageError(f'--episodes {arguments.episodes}: expected 1 or more')
    most = _SEEDS - arguments.episodes
    if not 0 <= arguments.seed <= most:
        raise UsageError(f'--seed {arguments.seed}: expected 0 or more, {most} at most')
    if not 0.0 <= arguments.time_limit < math.inf:
        raise UsageError(f'--time-limit {arguments.time_limit:g}: expected 0 or more seconds')
    if arguments.attach and arguments.park == 'yes':
        raise UsageError('--park yes: a graph that is attached to goes on; use `wam arms park`')


@dataclass(frozen=True)
class EpisodeCommand(Generic[Client]):
    """What each of them does in its own way.

    graph: name of its graph, and of the command. words: the graph's arguments. client: makes that
    of the graph's action. ask: runs one episode after the other. preview: whether videos are made
    of them.
    """

    graph: str
    words: Sequence[str]
    status: 'Status'
    client: 'Callable[[Status, Callable[[], None]], Client]'
    ask: 'Callable[[GraphSession, Client], list[Episode]]'
    preview: bool


def run_episodes(arguments: argparse.Namespace, command: EpisodeCommand[Client]) -> int:
    """Runs a command's episodes and says how they went. Returns the exit code."""
    # From here on both cancel the episode, close the recording and stop the graph.
    interruption = Interruption()
    stream = sys.stderr if arguments.json else sys.stdout
    dead_segments.sweep(lambda line: print(line, file=stream))
    try:
        episodes, previews = _in_graph(arguments, command, stream, interruption)
    except KeyboardInterrupt:
        print('interrupted: the graph is stopped', file=sys.stderr)
        return 130
    if arguments.json:
        print(json.dumps({'episodes': [asdict(item) for item in episodes], 'previews': previews}))
    else:
        from wam_cli.episode_series import summary

        summary(episodes)
    return 0 if all(episode.ran and not episode.lost for episode in episodes) else 1


def _in_graph(
    arguments: argparse.Namespace,
    command: EpisodeCommand[Client],
    stream: TextIO,
    interruption: Interruption,
) -> 'tuple[list[Episode], list[str]]':
    """The episodes, in a graph that is started for them or runs already, and their previews."""
    from wam_cli.graph_session import GraphSession
    from wam_cli.previews import previews
    from wam_cli.status import Display

    status = command.status
    with ExitStack() as stack:
        display = stack.enter_context(Display(stream))
        session = GraphSession(command.graph, command.words, status, display, interruption)
        stack.enter_context(session.key)
        client = command.client(status, session.tick)
        session.stop_arms = client.stop
        stack.callback(client.close)
        if not arguments.attach:
            client.refuse_foreign()
            stack.enter_context(session.graph)
        client.find(_ATTACH_S if arguments.attach else _READY_S, f'wam up {command.graph}')
        episodes = command.ask(session, client)
        status.title, status.phase = 'all episodes done', 'stopping the graph'
        status.hint = status.complaint = ''
        session.stop_graph()
    recorded = [Path(episode.episode) for episode in episodes if episode.episode]
    return episodes, previews(recorded, display, interruption) if command.preview else []
