"""What the commands that run episodes have in common: `wam rollout` and `wam teleop`."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, TextIO

from wam_cli import dead_segments
from wam_cli.interruption import Interruption
from wam_cli.usage import UsageError

if TYPE_CHECKING:
    from wam_cli.episode_client import Episode

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


def run_episodes(
    arguments: argparse.Namespace,
    run: 'Callable[[TextIO, Interruption], tuple[Sequence[Episode], Sequence[str]]]',
) -> int:
    """Runs a command's episodes and says how they went. Returns the exit code.

    run: the episodes and their previews; shows what goes on on the stream.
    """
    # From here on both cancel the episode, close the recording and stop the graph.
    interruption = Interruption()
    stream = sys.stderr if arguments.json else sys.stdout
    dead_segments.sweep(lambda line: print(line, file=stream))
    try:
        episodes, previews = run(stream, interruption)
    except KeyboardInterrupt:
        print('interrupted: the graph is stopped', file=sys.stderr)
        return 130
    if arguments.json:
        print(json.dumps({'episodes': [asdict(item) for item in episodes], 'previews': previews}))
    else:
        from wam_cli.episode_series import summary

        summary(episodes)
    return 0 if all(episode.ran for episode in episodes) else 1
