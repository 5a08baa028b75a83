"""``wam label``: writes how an episode ended."""

import argparse
from pathlib import Path

from wam_cli.usage import usage


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = 'Writes how an episode ended; an earlier outcome goes into its history.'
    parser.add_argument('episode', metavar='EPISODE', help="a directory, or 'latest'")
    parser.add_argument('outcome', choices=('success', 'failure', 'aborted'))
    parser.add_argument('--score', type=float, help='0 to 100 (success 100, others 0)')
    parser.add_argument('--stage', action='append', default=[], help='reached; may be repeated')
    parser.add_argument('--note', default='', help='free text')
    parser.add_argument('--by', default='', help='who says so')
    parser.add_argument('--root', type=Path, default=Path('episodes'), help="of 'latest'")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Writes the outcome. Returns the exit code."""
    from wam_data.catalogue import newest_episode
    from wam_data.label import write_label
    from wam_data.manifest import Outcome

    latest = arguments.episode == 'latest'
    episode = newest_episode(arguments.root) if latest else Path(arguments.episode)
    default = 100.0 if arguments.outcome == 'success' else 0.0
    score = default if arguments.score is None else arguments.score
    with usage():
        stages = tuple(arguments.stage)
        outcome = Outcome(arguments.outcome, score, stages, arguments.note, arguments.by)
    write_label(episode, outcome)
    print(f'{episode}: {arguments.outcome}, score {score:g}')
    return 0
