"""``wam label``: writes how an episode ended."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from wam_bringup.config import load_task
from wam_cli.keys import typed
from wam_cli.outcome_prompt import OutcomePrompt, ask
from wam_cli.terminal import Terminal
from wam_cli.text_argument import text
from wam_cli.usage import UsageError, usage
from wam_cli.user import user
from wam_core.errors import WamError
from wam_core.task import TaskSpec

if TYPE_CHECKING:
    from wam_data.manifest import EpisodeManifest, Outcome


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = (
        'Writes how an episode ended; an earlier outcome goes into its history. Without an '
        "OUTCOME it asks for one, with a key for each stage of the task's rubric."
    )
    parser.add_argument(
        'episode',
        metavar='EPISODE',
        nargs='?',
        default='latest',
        help="a directory, or 'latest' (%(default)s)",
    )
    parser.add_argument(
        'outcome', nargs='?', metavar='OUTCOME', help='success, failure or aborted'
    )
    parser.add_argument(
        '--score', type=_score, help='0 to 100 (of the last stage; without one 100 for a success)'
    )
    parser.add_argument(
        '--stage', type=text, action='append', default=[], help='reached; may be repeated'
    )
    parser.add_argument('--note', type=text, default='', help='free text')
    parser.add_argument('--by', type=text, default=user(), help='who says so (%(default)s)')
    parser.add_argument('--root', type=Path, default=Path('episodes'), help="of 'latest'")
    parser.set_defaults(run=run)


def _score(text: str) -> float:
    score = float(text)
    if not 0.0 <= score <= 100.0:  # false for NaN too
        raise argparse.ArgumentTypeError(f'{text}, allowed 0 to 100')
    return score


def run(arguments: argparse.Namespace) -> int:
    """Writes the outcome. Returns the exit code."""
    from wam_data.catalogue import newest_episode
    from wam_data.label import write_label
    from wam_data.manifest import read_manifest

    latest = arguments.episode == 'latest'
    episode = newest_episode(arguments.root) if latest else Path(arguments.episode)
    if arguments.episode in ('success', 'failure', 'aborted') and not episode.is_dir():
        raise UsageError(f'{arguments.episode}: which episode? `wam label latest ...`')
    manifest = read_manifest(episode)
    task = task_of(manifest)
    if arguments.outcome:
        with usage():
            outcome = _given(arguments, task)
    else:
        outcome = _asked(episode, manifest, task, arguments.by)
    write_label(episode, outcome)
    print(f'{episode}: {outcome.result}, score {outcome.score:g}')
    return 0


def task_of(manifest: 'EpisodeManifest') -> TaskSpec:
    """The task of an episode; without stages where its file isn't known here."""
    identity = manifest.identity
    try:
        return load_task(identity.task_name)
    except WamError:
        return TaskSpec(identity.task_name, identity.task, '', 1.0, (), '')


def _given(arguments: argparse.Namespace, task: TaskSpec) -> 'Outcome':
    from wam_data.manifest import Outcome

    points = {stage.name: stage.points for stage in task.stages}
    for stage in arguments.stage:
        if points and stage not in points:
            raise UsageError(
                f'--stage {stage!r}: task {task.name!r} has {[*points]} (config/tasks)'
            )
    default = 100.0 if arguments.outcome == 'success' else 0.0
    if arguments.stage and points:
        default = max(points[stage] for stage in arguments.stage)
    score = default if arguments.score is None else arguments.score
    stages = tuple(name for name in points or arguments.stage if name in arguments.stage)
    return Outcome(arguments.outcome, score, stages, arguments.note, arguments.by)


def _asked(episode: Path, manifest: 'EpisodeManifest', task: TaskSpec, by: str) -> 'Outcome':
    terminal = Terminal()
    if not terminal.present:
        raise UsageError('without a terminal to ask on, an OUTCOME is needed: success or failure')
    prompt = OutcomePrompt(task, by, retry=False)
    known = manifest.outcome
    print(f'{episode}: {manifest.identity.task!r}, {manifest.duration_s:.1f} s')
    # Ctrl-C leaves the episode as it is.
    print(f'so far: {known.result} {known.score:g}, by {known.by}' if known else 'so far: nothing')
    for line in prompt.manual():
        print(f'  {line}')
    from wam_cli.status import Display

    with terminal, Display() as display:
        answer = ask(prompt, lambda typing: typed(terminal.read()), display.show)
    assert answer.outcome is not None  # without redo and discard every answer has one
    return answer.outcome
