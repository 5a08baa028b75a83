"""Several episodes in a row, each with its outcome: what `wam rollout` and `wam teleop` share."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wam_cli.episode_client import Episode
from wam_cli.graph_session import GraphSession
from wam_cli.judgement import judge
from wam_cli.status import Display
from wam_core.task import TaskSpec


def run_series(
    session: GraphSession,
    run: Callable[[int], Episode],
    count: int,
    task: TaskSpec,
    by: str,
) -> list[Episode]:
    """Runs episodes 0 to count - 1, until the space key.

    run: the episode of that number. by: who judges those of a real rig, which may be repeated.
    """
    episodes: list[Episode] = []
    while len(episodes) < count:
        number = len(episodes)
        episode, again = run(number), False
        if not episode.outcome and episode.episode:
            episode, again = _judged(session, episode, task, by)
        if again and not session.key.used:
            continue
        episodes.append(episode)
        last = session.key.used or number + 1 == count
        _tell(session.display, episode, last)
        if last:
            break
    return episodes


def summary(episodes: Sequence[Episode]) -> None:
    """Prints how they went; the last line is that of the last one."""
    if len(episodes) > 1:
        successes = sum(episode.outcome == 'success' for episode in episodes)
        score = sum(episode.score for episode in episodes) / len(episodes)
        print(f'{successes} of {len(episodes)} episodes succeeded, mean score {score:.1f}')
    print(episodes[-1].line(), flush=True)


def _judged(
    session: GraphSession, episode: Episode, task: TaskSpec, by: str
) -> tuple[Episode, bool]:
    """A real rig's episode with the outcome that a person gives it, and whether to repeat it.

    Without a terminal nobody is asked: `wam label` does that later.
    """
    if not session.key.present:
        session.display.say(f'no outcome yet: ./wam label {episode.episode}')
        return episode, False
    answer = judge(Path(episode.episode), task, by, session.typed, session.display)
    if answer.outcome is None:
        return replace(episode, outcome='discarded', episode=''), answer.decision == 'redo'
    score, stages = answer.outcome.score, answer.outcome.stages
    return replace(episode, outcome=answer.outcome.result, score=score, stages=stages), False


def _tell(display: Display, episode: Episode, last: bool) -> None:
    if episode.outcome != 'success':
        display.say(f'{episode.outcome}: {episode.message}')
    if not last:  # the last one's line is the last line of all
        display.say(episode.line())
